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

/* Closes our end, and gives the number of its descriptor to a socket that something comes to. It is
 * there still, when these are closed. */
void pair_reuse_descriptor (Pair *pair, int fds[2]);
void close_untouched (int fds[2]);

GSocket *listen_on_loopback (GSocketAddress **address);
