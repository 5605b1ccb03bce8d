/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations on names. */

#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "task.h"

/**
 * guring_rename_async:
 * @old_path: (type filename): the name that it has
 * @new_path: (type filename): the name that it shall have
 * @flags: as for renameat2(2): 0, or `RENAME_NOREPLACE` and the like
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Renames a file or directory. Any thread.
 *
 * Since: 0.1
 */
void
guring_rename_async (const gchar *old_path,
                     const gchar *new_path,
                     guint flags,
                     gint io_priority,
                     GCancellable *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  GuringTask *task;

  g_return_if_fail (old_path != NULL);
  g_return_if_fail (new_path != NULL);

  task = guring_task_new (NULL, guring_rename_async, "rename", io_priority, cancellable, callback,
                          user_data);
  guring_task_set_data (task, g_strdup (new_path), g_free);
  io_uring_prep_renameat (&sqe, AT_FDCWD, guring_task_set_path (task, old_path), AT_FDCWD,
                          guring_task_get_data (task), flags);
  guring_task_run (task, &sqe, guring_task_return_res);
}

/**
 * guring_rename_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if it was done; %FALSE with a %G_IO_ERROR made from the errno of renameat2(2), or
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
guring_rename_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_rename_async, error) >= 0;
}

/**
 * guring_unlink_async:
 * @path: (type filename): the name
 * @flags: as for unlinkat(2): 0, or `AT_REMOVEDIR` for a directory
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Removes a name. Any thread.
 *
 * Since: 0.1
 */
void
guring_unlink_async (const gchar *path,
                     gint flags,
                     gint io_priority,
                     GCancellable *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  GuringTask *task;

  g_return_if_fail (path != NULL);

  task = guring_task_new (NULL, guring_unlink_async, "remove", io_priority, cancellable, callback,
                          user_data);
  io_uring_prep_unlinkat (&sqe, AT_FDCWD, guring_task_set_path (task, path), flags);
  guring_task_run (task, &sqe, guring_task_return_res);
}

/**
 * guring_unlink_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if it was done; %FALSE with a %G_IO_ERROR made from the errno of unlinkat(2), or
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
guring_unlink_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_unlink_async, error) >= 0;
}

/**
 * guring_mkdir_async:
 * @path: (type filename): the name
 * @mode: the permissions, less the umask
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Makes a directory. Any thread.
 *
 * Since: 0.1
 */
void
guring_mkdir_async (const gchar *path,
                    guint mode,
                    gint io_priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  GuringTask *task;

  g_return_if_fail (path != NULL);

  task = guring_task_new (NULL, guring_mkdir_async, "make directory", io_priority, cancellable,
                          callback, user_data);
  io_uring_prep_mkdirat (&sqe, AT_FDCWD, guring_task_set_path (task, path), (mode_t) mode);
  guring_task_run (task, &sqe, guring_task_return_res);
}

/**
 * guring_mkdir_finish:
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if it was done; %FALSE with a %G_IO_ERROR made from the errno of mkdirat(2), or
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
guring_mkdir_finish (GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_mkdir_async, error) >= 0;
}

/**
 * guring_statx_async: (skip)
 * @dir_fd: what @path is relative to: a directory's descriptor, or `AT_FDCWD`
 * @path: (type filename): the name; empty with `AT_EMPTY_PATH`, for @dir_fd itself
 * @flags: as for statx(2): `AT_SYMLINK_NOFOLLOW` and the like
 * @mask: which fields are wanted: `STATX_BASIC_STATS` and the like
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Asks what is known of a file. Any thread.
 *
 * Since: 0.1
 */
void
guring_statx_async (gint dir_fd,
                    const gchar *path,
                    gint flags,
                    guint mask,
                    gint io_priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  GuringTask *task;

  g_return_if_fail (path != NULL);

  task = guring_task_new (NULL, guring_statx_async, "query", io_priority, cancellable, callback,
                          user_data);
  guring_task_set_data (task, g_new0 (struct statx, 1), g_free);
  io_uring_prep_statx (&sqe, dir_fd, guring_task_set_path (task, path), flags, mask,
                       guring_task_get_data (task));
  guring_task_run (task, &sqe, guring_task_return_res);
}

/**
 * guring_statx_finish: (skip)
 * @result: what the callback got
 * @status: (out caller-allocates): what is known
 * @error: return location for the error
 *
 * Returns: %TRUE if it was done; %FALSE with a %G_IO_ERROR made from the errno of statx(2), or
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
guring_statx_finish (GAsyncResult *result, struct statx *status, GError **error)
{
  g_return_val_if_fail (status != NULL, FALSE);

  if (guring_task_finish (result, guring_statx_async, error) < 0)
    return FALSE;

  *status = *(struct statx *) guring_task_get_data (GURING_TASK (result));
  return TRUE;
}
