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
void guring_backlog_grow (GuringBacklog *backlog);
guint64 guring_backlog_get_chain_end (const GuringBacklog *backlog, guint64 position);
guint64 guring_backlog_get_cancel_end (const GuringBacklog *backlog, guint64 position);

static inline struct io_uring_sqe *
guring_backlog_get (const GuringBacklog *backlog, guint64 position)
{
  return &backlog->sqes[position & (backlog->capacity - 1)];
}

/* Field by field: io_uring_prep_*() has written them just now, and a load that is wider than the
 * stores would have to wait until these have left the CPU. */
static inline void
guring_backlog_copy_fresh (struct io_uring_sqe *copy, const struct io_uring_sqe *sqe)
{
  copy->opcode = IO_URING_READ_ONCE (sqe->opcode);
  copy->flags = IO_URING_READ_ONCE (sqe->flags);
  copy->ioprio = IO_URING_READ_ONCE (sqe->ioprio);
  copy->fd = IO_URING_READ_ONCE (sqe->fd);
  copy->off = IO_URING_READ_ONCE (sqe->off);
  copy->addr = IO_URING_READ_ONCE (sqe->addr);
  copy->len = IO_URING_READ_ONCE (sqe->len);
  copy->rw_flags = IO_URING_READ_ONCE (sqe->rw_flags);
  copy->user_data = IO_URING_READ_ONCE (sqe->user_data);
  copy->buf_index = IO_URING_READ_ONCE (sqe->buf_index);
  copy->personality = IO_URING_READ_ONCE (sqe->personality);
  copy->splice_fd_in = IO_URING_READ_ONCE (sqe->splice_fd_in);
  copy->addr3 = IO_URING_READ_ONCE (sqe->addr3);
  copy->__pad2[0] = IO_URING_READ_ONCE (sqe->__pad2[0]);
}

/* Returns: where the SQE of the position that was the tail has its place */
static inline struct io_uring_sqe *
guring_backlog_push (GuringBacklog *backlog)
{
  if (G_UNLIKELY (backlog->tail - backlog->head == backlog->capacity))
    guring_backlog_grow (backlog);

  return guring_backlog_get (backlog, backlog->tail++);
}

G_END_DECLS
