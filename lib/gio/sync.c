/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a file is to hold for good, and how much room it gets. */

#include "config.h"

#include "task.h"

/**
 * guring_fsync_async:
 * @fd: the descriptor, to stay open until the callback
 * @data_only: whether to do what fdatasync(2) does, and not fsync(2)
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Brings what was written to a file to the disk. Any thread.
 *
 * Since: 0.1
 */
void
guring_fsync_async (gint fd,
                    gboolean data_only,
                    gint io_priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_fsync (&sqe, fd, data_only ? IORING_FSYNC_DATASYNC : 0);
  guring_task_run (guring_task_new (NULL, guring_fsync_async, "synchronize", io_priority,
                                    cancellable, callback, user_data),
                   &sqe, guring_task_return_res);
}

/**
 * guring_fsync_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if all is on the disk; %FALSE with a %G_IO_ERROR made from the errno of fsync(2),
 * or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
guring_fsync_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_fsync_async, error) >= 0;
}

/**
 * guring_fallocate_async:
 * @fd: the descriptor, to stay open until the callback
 * @mode: as for fallocate(2): 0, or `FALLOC_FL_…`
 * @offset: where in the file
 * @length: how many bytes
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Allocates or frees room of a file. Any thread.
 *
 * Since: 0.1
 */
void
guring_fallocate_async (gint fd,
                        gint mode,
                        gint64 offset,
                        gint64 length,
                        gint io_priority,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_fallocate (&sqe, fd, mode, 0, 0);
  sqe.off = (guint64) offset; /* off_t in the helper of liburing 2.3, unsigned in newer ones */
  sqe.addr = (guint64) length;
  guring_task_run (guring_task_new (NULL, guring_fallocate_async, "allocate", io_priority,
                                    cancellable, callback, user_data),
                   &sqe, guring_task_return_res);
}

/**
 * guring_fallocate_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if it was done; %FALSE with a %G_IO_ERROR made from the errno of fallocate(2),
 * such as %G_IO_ERROR_NO_SPACE, or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
guring_fallocate_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_fallocate_async, error) >= 0;
}
