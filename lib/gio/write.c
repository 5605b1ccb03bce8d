/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing to descriptors. */

#include "config.h"

#include "transfer.h"

/**
 * guring_write_async:
 * @fd: the descriptor, to stay open until the callback
 * @bytes: what to write, also more than 4 GiB
 * @offset: where in the file, -1 for the file position; without meaning for pipes and sockets
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Writes all of @bytes. Any thread.
 *
 * With an @offset of -1 it is done when the calls of that kind on @fd before it, in the same
 * context, have ended, so that what is written to a pipe or at the file position is in the order of
 * the calls.
 *
 * Since: 0.1
 */
void
guring_write_async (gint fd,
                    GBytes *bytes,
                    gint64 offset,
                    gint io_priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  GuringTask *task;
  GuringTransfer *transfer;
  gconstpointer data;
  gsize count;

  g_return_if_fail (bytes != NULL);

  task = guring_task_new (NULL, guring_write_async, "write", io_priority, cancellable, callback,
                          user_data);
  data = g_bytes_get_data (bytes, &count);
  transfer = guring_transfer_new (fd, offset, (gpointer) data, count);
  transfer->bytes = g_bytes_ref (bytes);
  guring_task_set_data (task, transfer, guring_transfer_free);
  guring_transfer_write (task);
}

/**
 * guring_write_finish:
 * @result: what the callback got
 * @bytes_written: (out) (optional): how many bytes were written, also on error
 * @error: return location for the error
 *
 * Returns: %TRUE if all was written; %FALSE with a %G_IO_ERROR made from the errno of write(2), or
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
guring_write_finish (GAsyncResult *result, gsize *bytes_written, GError **error)
{
  gssize n_written;

  g_return_val_if_fail (g_async_result_is_tagged (result, guring_write_async), FALSE);

  n_written = guring_task_finish (result, guring_write_async, error);
  if (bytes_written != NULL)
    {
      GuringTransfer *transfer = guring_task_get_data (GURING_TASK (result));

      *bytes_written = transfer->done;
    }
  return n_written >= 0;
}
