/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The FIFO of SQEs that wait for the kernel. */

#include "config.h"

#include "backlog.h"

#define FIRST_CAPACITY 64

void
guring_backlog_grow (GuringBacklog *backlog)
{
  GuringBacklog larger = *backlog;

  larger.capacity = MAX (FIRST_CAPACITY, backlog->capacity * 2);
  larger.sqes = g_new (struct io_uring_sqe, larger.capacity);

  for (guint64 i = backlog->head; i < backlog->tail; i++)
    *guring_backlog_get (&larger, i) = *guring_backlog_get (backlog, i);

  g_free (backlog->sqes);
  *backlog = larger;
}

/* The position behind the chain that @position is in; for one that is in none, the next. */
guint64
guring_backlog_get_chain_end (const GuringBacklog *backlog, guint64 position)
{
  while (guring_backlog_get (backlog, position)->flags & GURING_LINK_FLAGS)
    position++;
  return position + 1;
}

/* The position behind what ends when @position is cancelled, as the kernel would have it: a soft
 * link takes the rest of its chain along, a hard one nothing but the timeout of the operation, and
 * a link timeout only itself. */
guint64
guring_backlog_get_cancel_end (const GuringBacklog *backlog, guint64 position)
{
  const struct io_uring_sqe *sqe = guring_backlog_get (backlog, position);

  if (sqe->opcode == IORING_OP_LINK_TIMEOUT || (sqe->flags & GURING_LINK_FLAGS) == 0)
    return position + 1;

  if ((sqe->flags & IOSQE_IO_HARDLINK) == 0)
    return guring_backlog_get_chain_end (backlog, position);

  if (guring_backlog_get (backlog, position + 1)->opcode == IORING_OP_LINK_TIMEOUT)
    return position + 2;

  return position + 1;
}

void
guring_backlog_clear (GuringBacklog *backlog)
{
  g_clear_pointer (&backlog->sqes, g_free);
  *backlog = (GuringBacklog){ 0 };
}
