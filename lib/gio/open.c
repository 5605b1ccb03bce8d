/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening and closing descriptors. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "task.h"

/* The task's data is the descriptor and 1 until guring_open_finish() gives it out. */
static void
close_opened (gpointer data)
{
  close (GPOINTER_TO_INT (data) - 1);
}

/* Cancelled too late: nobody will get the descriptor. */
static void
on_opened (GuringTask *task, gint32 fd)
{
  if (fd >= 0 && g_cancellable_is_cancelled (guring_task_get_cancellable (task)))
    {
      close (fd);
      fd = -ECANCELED;
    }
  if (fd >= 0)
    guring_task_set_data (task, GINT_TO_POINTER (fd + 1), close_opened);
  guring_task_return_res (task, fd);
}

/**
 * guring_open_async:
 * @path: (type filename): the file's path
 * @flags: as for open(2): `O_RDONLY` and so on; `O_CLOEXEC` is added
 * @mode: the permissions of a file that is created, less the umask
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Opens a file. guring_open_finish() gets the descriptor; if nobody asks for it, it is closed. Any
 * thread.
 *
 * Since: 0.1
 */
void
guring_open_async (const gchar *path,
                   gint flags,
                   guint mode,
                   gint io_priority,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  GuringTask *task;

  g_return_if_fail (path != NULL);

  task = guring_task_new (NULL, guring_open_async, "open", io_priority, cancellable, callback,
                          user_data);
  io_uring_prep_openat (&sqe, AT_FDCWD, guring_task_set_path (task, path), flags | O_CLOEXEC,
                        (mode_t) mode);
  sqe.flags |= IOSQE_ASYNC; /* else a FIFO would not wait for its other end (Linux 6.18) */
  guring_task_run (task, &sqe, on_opened);
}

/**
 * guring_open_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: the descriptor, the caller's to close; -1 with a %G_IO_ERROR made from the errno of
 *   open(2), or %G_IO_ERROR_CANCELLED: then no descriptor is left open
 *
 * Since: 0.1
 */
gint
guring_open_finish (GAsyncResult *result, GError **error)
{
  gint fd = (gint) guring_task_finish (result, guring_open_async, error);

  if (fd >= 0)
    guring_task_set_data (GURING_TASK (result), NULL, NULL);
  return fd;
}

/**
 * guring_close_async:
 * @fd: the descriptor; no longer the caller's, whatever the result
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): ignored: to close cannot be taken back
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Closes a descriptor. Any thread.
 *
 * Since: 0.1
 */
void
guring_close_async (gint fd,
                    gint io_priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_close (&sqe, fd);
  guring_task_run (guring_task_new (NULL, guring_close_async, "close", io_priority, NULL, callback,
                                    user_data),
                   &sqe, guring_task_return_res);
}

/**
 * guring_close_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if nothing was lost; %FALSE with a %G_IO_ERROR made from the errno of close(2)
 *
 * Since: 0.1
 */
gboolean
guring_close_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_close_async, error) >= 0;
}
