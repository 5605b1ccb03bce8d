/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

#define GURING_LINK_FLAGS (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)

/* The SQEs that the kernel has not taken yet, first in, first out: a circular buffer. Positions
 * count all that was ever pushed. A chain stands in consecutive positions, all but its last with a
 * link flag; a withdrawn SQE keeps its place and flags and has no user_data any more. */
typedef struct
{
  struct io_uring_sqe *sqes;
  gsize capacity;
  guint64 head;
  guint64 tail;
} GuringBacklog;

void guring_backlog_clear (GuringBacklog *backlog);
guint64 guring_backlog_push (GuringBacklog *backlog, const struct io_uring_sqe *sqe);
guint64 guring_backlog_get_chain_end (const GuringBacklog *backlog, guint64 position);
guint64 guring_backlog_get_cancel_end (const GuringBacklog *backlog, guint64 position);

static inline struct io_uring_sqe *
guring_backlog_get (const GuringBacklog *backlog, guint64 position)
{
  return &backlog->sqes[position & (backlog->capacity - 1)];
}

G_END_DECLS
