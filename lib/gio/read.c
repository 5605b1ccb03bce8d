/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading from descriptors. */

#include "config.h"

#include "transfer.h"

/**
 * guring_read_into_async: (skip)
 * @fd: the descriptor, to stay open until the callback
 * @buffer: (array length=count) (element-type guint8) (out caller-allocates): where to put it, to
 *   stay valid until the callback, cancelled or not
 * @count: how many bytes to read, also more than 4 GiB
 * @offset: where in the file, -1 for the file position; without meaning for pipes and sockets
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Reads @count bytes of a file, or what there is up to its end. From pipes, sockets and terminals
 * it reads what there is, at least one byte unless they have ended. Any thread.
 *
 * With an @offset of -1 it is done when the calls of that kind on @fd before it, in the same
 * context, have ended: no need to wait for them.
 *
 * Since: 0.1
 */
void
guring_read_into_async (gint fd,
                        gpointer buffer,
                        gsize count,
                        gint64 offset,
                        gint io_priority,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  GuringTask *task;

  g_return_if_fail (buffer != NULL || count == 0);

  task = guring_task_new (NULL, guring_read_into_async, "read", io_priority, cancellable, callback,
                          user_data);
  guring_task_set_data (task, guring_transfer_new (fd, offset, buffer, count),
                        guring_transfer_free);
  guring_transfer_read (task);
}

/**
 * guring_read_into_finish: (skip)
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: how many bytes were read, 0 at the end; -1 with a %G_IO_ERROR made from the errno of
 *   read(2), or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gssize
guring_read_into_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_read_into_async, error);
}

/**
 * guring_read_async:
 * @fd: the descriptor, to stay open until the callback
 * @count: how many bytes to read, also more than 4 GiB; so much memory is allocated
 * @offset: where in the file, -1 for the file position; without meaning for pipes and sockets
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Reads as guring_read_into_async() does, into memory of its own. Any thread.
 *
 * Since: 0.1
 */
void
guring_read_async (gint fd,
                   gsize count,
                   gint64 offset,
                   gint io_priority,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data)
{
  GuringTask *task = guring_task_new (NULL, guring_read_async, "read", io_priority, cancellable,
                                      callback, user_data);
  gpointer buffer = g_try_malloc (MAX (count, 1));
  GuringTransfer *transfer = guring_transfer_new (fd, offset, buffer, count);

  guring_task_set_data (task, transfer, guring_transfer_free);
  if (buffer == NULL)
    {
      guring_task_return_errno (task, ENOMEM);
      return;
    }

  transfer->bytes = g_bytes_new_take (buffer, count);
  guring_transfer_read (task);
}

/**
 * guring_read_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: (transfer full): what was read, empty at the end; %NULL with a %G_IO_ERROR
 *   made from the errno of read(2), or %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
GBytes *
guring_read_finish (GAsyncResult *result, GError **error)
{
  gssize n_read = guring_task_finish (result, guring_read_async, error);
  GuringTransfer *transfer;

  if (n_read < 0)
    return NULL;

  transfer = guring_task_get_data (GURING_TASK (result));
  return g_bytes_new_from_bytes (transfer->bytes, 0, (gsize) n_read);
}
