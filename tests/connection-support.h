/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of connections share. */

#pragma once

#include "stream-support.h"

/* Both ends of a connection: ours, and a plain descriptor */
typedef struct
{
  GSocket *socket;
  GIOStream *connection;
  GInputStream *input;
  GOutputStream *output;
  int peer;
} Pair;

void pair_init (Pair *pair);
void pair_clear (Pair *pair);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pair, pair_clear)

GSocket *listen_on_loopback (GSocketAddress **address);
