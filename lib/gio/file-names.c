/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Deleting files and making directories. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>

#include "file.h"

static void
on_directory_removed (GuringTask *task, gint32 res)
{
  guring_task_return_res (task, res == -EEXIST ? -ENOTEMPTY : res);
}

static void
start_removing (GuringTask *task, const gchar *path, int flags, GuringStepFunc func)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_unlinkat (&sqe, AT_FDCWD, path, flags);
  guring_task_run (task, &sqe, func);
}

/* As remove(3): most are no directories. */
static void
on_removed (GuringTask *task, gint32 res)
{
  if (res == -EISDIR)
    start_removing (task, guring_task_get_data (task), AT_REMOVEDIR, on_directory_removed);
  else
    guring_task_return_res (task, res);
}

/**
 * guring_file_delete_async:
 * @file: the file or empty directory
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * As g_file_delete_async(). Any thread.
 *
 * Since: 0.1
 */
void
guring_file_delete_async (GFile *file,
                          gint io_priority,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  const gchar *path;
  GuringTask *task;

  g_return_if_fail (G_IS_FILE (file));

  path = guring_file_get_local_path (file);
  if (path == NULL)
    {
      g_file_delete_async (file, io_priority, cancellable, callback, user_data);
      return;
    }

  task = guring_task_new (file, guring_file_delete_async, "delete", io_priority, cancellable,
                          callback, user_data);
  guring_task_set_data (task, (gpointer) guring_task_set_path (task, path), NULL);
  start_removing (task, guring_task_get_data (task), 0, on_removed);
}

/**
 * guring_file_delete_finish:
 * @file: the file
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if it was deleted; %FALSE with the errors of g_file_delete_finish()
 *
 * Since: 0.1
 */
gboolean
guring_file_delete_finish (GFile *file, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_FILE (file), FALSE);

  if (!GURING_IS_TASK (result))
    return g_file_delete_finish (file, result, error);
  return guring_task_finish (result, guring_file_delete_async, error) >= 0;
}

static void
on_directory_made (GuringTask *task, gint32 res)
{
  if (res < 0)
    guring_file_return_name_errno (task, -res);
  else
    guring_task_return (task, 0);
}

/**
 * guring_file_make_directory_async:
 * @file: the directory that shall be
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * As g_file_make_directory_async(). Any thread.
 *
 * Since: 0.1
 */
void
guring_file_make_directory_async (GFile *file,
                                  gint io_priority,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  const gchar *path;
  GuringTask *task;

  g_return_if_fail (G_IS_FILE (file));

  path = guring_file_get_local_path (file);
  if (path == NULL)
    {
      g_file_make_directory_async (file, io_priority, cancellable, callback, user_data);
      return;
    }

  task = guring_task_new (file, guring_file_make_directory_async, "make the directory", io_priority,
                          cancellable, callback, user_data);
  io_uring_prep_mkdirat (&sqe, AT_FDCWD, guring_task_set_path (task, path), 0777);
  guring_task_run (task, &sqe, on_directory_made);
}

/**
 * guring_file_make_directory_finish:
 * @file: the directory
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if it was made; %FALSE with the errors of g_file_make_directory_finish()
 *
 * Since: 0.1
 */
gboolean
guring_file_make_directory_finish (GFile *file, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_FILE (file), FALSE);

  if (!GURING_IS_TASK (result))
    return g_file_make_directory_finish (file, result, error);
  return guring_task_finish (result, guring_file_make_directory_async, error) >= 0;
}
