/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moving bytes between descriptors. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "task.h"

typedef struct
{
  int fd_in;
  gint64 offset_in;
  int fd_out;
  gint64 offset_out;
  gsize count;
  guint flags;
  gsize done;
} Splice;

static void start (GuringTask *task);

/* What was moved is not lost to an error behind it, which the next call will meet again. */
static void
end (GuringTask *task, gint32 res)
{
  Splice *splice = guring_task_get_data (task);

  if (res < 0 && splice->done == 0)
    guring_task_return_errno (task, -res);
  else
    guring_task_return (task, (gssize) splice->done);
}

static void
on_ready (GuringTask *task, gint32 res)
{
  if (res < 0)
    end (task, res);
  else
    start (task);
}

static gboolean
is_ready (int fd, short events)
{
  struct pollfd poll_fd = { fd, events, 0 };

  return poll (&poll_fd, 1, 0) > 0;
}

/* For the descriptor that is not. */
static void
wait_until_ready (GuringTask *task)
{
  Splice *splice = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (splice->flags & SPLICE_F_NONBLOCK)
    {
      end (task, -EAGAIN);
      return;
    }

  if (is_ready (splice->fd_in, POLLIN))
    io_uring_prep_poll_add (&sqe, splice->fd_out, POLLOUT);
  else
    io_uring_prep_poll_add (&sqe, splice->fd_in, POLLIN);
  guring_task_run (task, &sqe, on_ready);
}

static void
on_spliced (GuringTask *task, gint32 res)
{
  Splice *splice = guring_task_get_data (task);

  if (res == -EAGAIN)
    {
      wait_until_ready (task);
      return;
    }

  splice->done += (gsize) MAX (res, 0);
  if (res <= 0 || splice->done == splice->count ||
      g_cancellable_is_cancelled (guring_task_get_cancellable (task)))
    end (task, res);
  else
    start (task);
}

static gint64
advance (gint64 offset, gsize done)
{
  return offset < 0 ? -1 : offset + (gint64) done;
}

/* Without blocking, so that a worker thread can always be told to stop. For a datagram the kernel
 * waits all the same, with the pipe's lock held: whoever closes the pipe meanwhile hangs (measured
 * on Linux 6.18). */
static void
start (GuringTask *task)
{
  Splice *splice = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (splice->count > 0 && !is_ready (splice->fd_in, POLLIN))
    {
      wait_until_ready (task);
      return;
    }

  io_uring_prep_splice (&sqe, splice->fd_in, advance (splice->offset_in, splice->done),
                        splice->fd_out, advance (splice->offset_out, splice->done),
                        (guint) MIN (splice->count - splice->done, GURING_MAX_TRANSFER),
                        splice->flags | SPLICE_F_NONBLOCK);
  guring_task_run (task, &sqe, on_spliced);
}

/**
 * guring_splice_async:
 * @fd_in: where from, to stay open until the callback
 * @offset_in: where in it, -1 for the file position or a pipe
 * @fd_out: where to, to stay open until the callback
 * @offset_out: where in it, -1 for the file position or a pipe
 * @count: how many bytes, also more than 4 GiB
 * @flags: as for splice(2): 0, or `SPLICE_F_MOVE` and the like
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Moves bytes from one descriptor to another, one of which is a pipe, until @count are moved or
 * @fd_in has ended. Any thread.
 *
 * Since: 0.1
 */
void
guring_splice_async (gint fd_in,
                     gint64 offset_in,
                     gint fd_out,
                     gint64 offset_out,
                     gsize count,
                     guint flags,
                     gint io_priority,
                     GCancellable *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer user_data)
{
  GuringTask *task = guring_task_new (NULL, guring_splice_async, "splice", io_priority, cancellable,
                                      callback, user_data);
  Splice *splice = g_new (Splice, 1);

  *splice = (Splice){ fd_in, offset_in, fd_out, offset_out, count, flags, 0 };
  guring_task_set_data (task, splice, g_free);
  if (offset_in < -1 || offset_out < -1)
    guring_task_return_errno (task, EINVAL);
  else
    start (task);
}

/**
 * guring_splice_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: how many bytes were moved, fewer than asked for at the end of the input; -1 with a
 *   %G_IO_ERROR made from the errno of splice(2), or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gssize
guring_splice_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_splice_async, error);
}
