/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who closes a connection may do so in another thread than that of the call. */

#include "config.h"

#include <errno.h>

#include "stream-task.h"

GError *
guring_stream_task_make_closed_error (void)
{
  return g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "The connection is closed");
}

/* @closing: somebody closes it; the GSocket says so a moment after its descriptor has gone
 *
 * Returns: whether @res comes of the socket's end */
gboolean
guring_stream_task_met_close (GSocket *socket, gboolean closing, gint32 res)
{
  return (res == -ECANCELED || res == -EBADF) && (closing || g_socket_is_closed (socket));
}

/* Returns: %FALSE if the task has returned and @func is not called */
gboolean
guring_stream_task_run (GuringStreamTask *call,
                        GuringTask *task,
                        GSocket *socket,
                        const struct io_uring_sqe *sqe,
                        GuringStepFunc func)
{
  gboolean closed, runs;

  guring_task_set_timeout (task, g_socket_get_timeout (socket));
  g_mutex_lock (&call->lock);
  closed = call->closing || g_socket_is_closed (socket);
  runs = !closed && guring_task_run (task, sqe, func);
  if (runs)
    call->task = task;
  g_mutex_unlock (&call->lock);

  if (closed)
    guring_task_return_error (task, guring_stream_task_make_closed_error ());
  return runs;
}

/* At the end of its last step */
void
guring_stream_task_return (GuringStreamTask *call, GuringTask *task, GSocket *socket, gint32 res)
{
  gboolean closing;

  g_mutex_lock (&call->lock);
  call->task = NULL;
  closing = call->closing;
  g_mutex_unlock (&call->lock);

  if (guring_stream_task_met_close (socket, closing, res))
    guring_task_return_error (task, guring_stream_task_make_closed_error ());
  else
    guring_task_return_res (task, res);
}

/* Before the socket is closed. Any thread. */
void
guring_stream_task_abort (GuringStreamTask *call)
{
  g_mutex_lock (&call->lock);
  call->closing = TRUE;
  if (call->task != NULL)
    guring_task_abort (call->task);
  g_mutex_unlock (&call->lock);
}
