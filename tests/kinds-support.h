/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of kinds of operations share. */

#pragma once

#include <netinet/in.h>

#include "support.h"

/* All completions of an operation. */
typedef struct
{
  Record record;
  guint n;
  gint32 results[64];
  guint32 flags[64];
} Log;

guint64 queue_logged (const struct io_uring_sqe *sqe, Log *log);

int listen_at_loopback (struct sockaddr_in *address);
guint8 *make_random_data (gsize length);
