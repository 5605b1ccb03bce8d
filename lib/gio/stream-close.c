/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What streams on descriptors share: closing. */

#include "config.h"

#include "stream.h"

/* To close cannot be taken back, so it is not cancelled. */
void
guring_stream_close_async (gpointer stream,
                           int fd,
                           int io_priority,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GuringTask *task = guring_task_new (stream, guring_stream_close_async, "close", io_priority, NULL,
                                      callback, user_data);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_close (&sqe, fd);
  if (fd >= 0)
    guring_task_run (task, &sqe, guring_task_return_res);
  else
    guring_task_return (task, 0);
}

gboolean
guring_stream_close_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_stream_close_async, error) >= 0;
}
