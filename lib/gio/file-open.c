/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening files as streams. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file-streams.h"
#include "file.h"

static void
return_stream (GuringTask *task, gpointer stream)
{
  guring_task_set_data (task, stream, g_object_unref);
  guring_task_return (task, 0);
}

static gpointer
finish (GAsyncResult *result, gpointer source_tag, GError **error)
{
  if (guring_task_finish (result, source_tag, error) < 0)
    return NULL;
  return g_object_ref (guring_task_get_data (GURING_TASK (result)));
}

/* To read */

static void
on_opened_to_read (GuringTask *task, gint32 res)
{
  struct stat status;
  int error_number = 0;

  if (res < 0)
    {
      guring_task_return_errno (task, -res);
      return;
    }

  if (g_cancellable_is_cancelled (guring_task_get_cancellable (task)))
    error_number = ECANCELED;
  else if (fstat (res, &status) == 0 && S_ISDIR (status.st_mode))
    error_number = EISDIR;

  if (error_number == 0)
    {
      return_stream (task, guring_file_input_stream_new (res));
      return;
    }
  close (res);
  guring_task_return_errno (task, error_number);
}

/**
 * guring_file_read_async:
 * @file: the file
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Opens a file to be read, as g_file_read_async() does. Any thread.
 *
 * Since: 0.1
 */
void
guring_file_read_async (GFile *file,
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
      g_file_read_async (file, io_priority, cancellable, callback, user_data);
      return;
    }

  task = guring_task_new (file, guring_file_read_async, "open", io_priority, cancellable, callback,
                          user_data);
  io_uring_prep_openat (&sqe, AT_FDCWD, guring_task_set_path (task, path), O_RDONLY | O_CLOEXEC, 0);
  guring_task_run (task, &sqe, on_opened_to_read);
}

/**
 * guring_file_read_finish:
 * @file: the file
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: (transfer full): the stream, a #GuringFileInputStream if @file is local; %NULL with the
 *   errors of g_file_read_finish()
 *
 * Since: 0.1
 */
GFileInputStream *
guring_file_read_finish (GFile *file, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_FILE (file), NULL);

  if (!GURING_IS_TASK (result))
    return g_file_read_finish (file, result, error);
  return finish (result, guring_file_read_async, error);
}

/* To write */

static void
on_opened_to_write (GuringTask *task, gint32 res)
{
  return_stream (task, guring_file_output_stream_new (guring_task_get_data (task)));
}

static void
start_creating (GuringTask *task, const gchar *path, GFileCreateFlags flags)
{
  GuringReplacement *replacement = guring_replacement_new (path, NULL, FALSE, flags);

  replacement->kind = GURING_CREATE;
  guring_task_set_path (task, path);
  guring_task_set_data (task, replacement, guring_replacement_free);
  guring_replacement_open (task, on_opened_to_write);
}

/**
 * guring_file_create_async:
 * @file: the file, which must not exist
 * @flags: a set of #GFileCreateFlags
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Makes a file and opens it to be written to, as g_file_create_async() does. If that is cancelled,
 * the file is not there. Any thread.
 *
 * Since: 0.1
 */
void
guring_file_create_async (GFile *file,
                          GFileCreateFlags flags,
                          gint io_priority,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  const gchar *path;

  g_return_if_fail (G_IS_FILE (file));

  path = guring_file_get_local_path (file);
  if (path == NULL)
    g_file_create_async (file, flags, io_priority, cancellable, callback, user_data);
  else
    start_creating (guring_task_new (file, guring_file_create_async, "create", io_priority,
                                     cancellable, callback, user_data),
                    path, flags);
}

/**
 * guring_file_create_finish:
 * @file: the file
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: (transfer full): the stream, a #GuringFileOutputStream if @file is local; %NULL with the
 *   errors of g_file_create_finish()
 *
 * Since: 0.1
 */
GFileOutputStream *
guring_file_create_finish (GFile *file, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_FILE (file), NULL);

  if (!GURING_IS_TASK (result))
    return g_file_create_finish (file, result, error);
  return finish (result, guring_file_create_async, error);
}

static void
on_opened_to_append (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  replacement->fd = res;
  if (guring_replacement_check (task, res))
    on_opened_to_write (task, 0);
}

static void
start_appending (GuringTask *task, const gchar *path, GFileCreateFlags flags)
{
  GuringReplacement *replacement = guring_replacement_new (path, NULL, FALSE, flags);
  struct io_uring_sqe sqe = { 0 };

  guring_task_set_data (task, replacement, guring_replacement_free);
  io_uring_prep_openat (&sqe, AT_FDCWD, guring_task_set_path (task, path),
                        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, replacement->mode);
  guring_task_run (task, &sqe, on_opened_to_append);
}

/**
 * guring_file_append_to_async:
 * @file: the file, which need not exist
 * @flags: a set of #GFileCreateFlags
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Opens a file to be written to at its end, as g_file_append_to_async() does. Any thread.
 *
 * Since: 0.1
 */
void
guring_file_append_to_async (GFile *file,
                             GFileCreateFlags flags,
                             gint io_priority,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  const gchar *path;

  g_return_if_fail (G_IS_FILE (file));

  path = guring_file_get_local_path (file);
  if (path == NULL)
    g_file_append_to_async (file, flags, io_priority, cancellable, callback, user_data);
  else
    start_appending (guring_task_new (file, guring_file_append_to_async, "open", io_priority,
                                      cancellable, callback, user_data),
                     path, flags);
}

/**
 * guring_file_append_to_finish:
 * @file: the file
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: (transfer full): the stream, a #GuringFileOutputStream if @file is local; %NULL with the
 *   errors of g_file_append_to_finish()
 *
 * Since: 0.1
 */
GFileOutputStream *
guring_file_append_to_finish (GFile *file, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_FILE (file), NULL);

  if (!GURING_IS_TASK (result))
    return g_file_append_to_finish (file, result, error);
  return finish (result, guring_file_append_to_async, error);
}
