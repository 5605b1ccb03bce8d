/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replacing the contents of a file: at once, or by a stream. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>

#include "file-streams.h"
#include "file.h"
#include "replacement.h"
#include "turn.h"

#define MAX_STEP (1u << 20) /* a copy that the main loop can wait for */

/* At once */

typedef struct
{
  GuringReplacement replacement;
  GBytes *contents;
  gsize n_written;
} Saving;

static void
saving_free (gpointer data)
{
  Saving *saving = data;

  guring_replacement_clear (&saving->replacement);
  g_bytes_unref (saving->contents);
  g_free (saving);
}

static void
on_replaced_by_gio (GObject *file, GAsyncResult *result, gpointer task)
{
  Saving *saving = guring_task_get_data (task);
  gchar **etag = &saving->replacement.etag;
  GError *error = NULL;

  g_clear_pointer (etag, g_free);
  if (g_file_replace_contents_finish (G_FILE (file), result, etag, &error))
    guring_task_return (task, 0);
  else
    guring_task_return_error (task, error);
}

static void
replace_by_gio (GuringTask *task)
{
  g_autoptr (GFile) file = G_FILE (g_async_result_get_source_object (G_ASYNC_RESULT (task)));
  Saving *saving = guring_task_get_data (task);

  g_file_replace_contents_bytes_async (file, saving->contents, saving->replacement.etag,
                                       saving->replacement.make_backup, saving->replacement.flags,
                                       guring_task_get_cancellable (task), on_replaced_by_gio,
                                       task);
}

static void start_writing (GuringTask *task);

static void
on_written (GuringTask *task, gint32 res)
{
  Saving *saving = guring_task_get_data (task);

  if (!guring_replacement_check (task, res == 0 ? -EIO : res))
    return;

  saving->n_written += (gsize) res;
  start_writing (task);
}

static void
start_writing (GuringTask *task)
{
  Saving *saving = guring_task_get_data (task);
  gsize size;
  const guint8 *data = g_bytes_get_data (saving->contents, &size);
  gsize count = MIN (size - saving->n_written, MAX_STEP);
  struct io_uring_sqe sqe = { 0 };

  if (count == 0)
    {
      guring_replacement_commit (task, guring_task_return_res);
      return;
    }

  /* At an offset: without, a kernel that finds the disk full may say that all was written. */
  io_uring_prep_write (&sqe, saving->replacement.fd, data + saving->n_written, (guint) count,
                       saving->n_written);
  guring_task_run (task, &sqe, on_written);
}

static void
on_opened (GuringTask *task, gint32 res)
{
  start_writing (task);
}

static void
on_turn (GuringTask *task, gint32 res)
{
  if (guring_replacement_check (task, res))
    guring_replacement_open (task, on_opened);
}

/**
 * guring_file_replace_contents_bytes_async:
 * @file: the file, which need not exist
 * @contents: what it shall hold
 * @etag: (nullable): the etag that it has to have, if it exists
 * @make_backup: whether to keep the old file under another name
 * @flags: a set of #GFileCreateFlags
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Replaces what a file holds, as g_file_replace_contents_bytes_async() does, and at no time, not
 * even after a crash, it holds anything else than the old or the new contents. A symbolic link is
 * followed, permissions and owner are kept.
 *
 * g_file_replace_contents_bytes_async() itself does it, and may write to the file in place, if the
 * file has several names, if no file can be made beside it or given to its owner, and if @file is a
 * symbolic link that leads nowhere, that has to be replaced itself, or that is to have a backup.
 * Any thread.
 *
 * Start as many as you like: of those in one context 64 are under way at once, and the others wait
 * for their turn, so that they do not run out of descriptors.
 *
 * Since: 0.1
 */
void
guring_file_replace_contents_bytes_async (GFile *file,
                                          GBytes *contents,
                                          const gchar *etag,
                                          gboolean make_backup,
                                          GFileCreateFlags flags,
                                          GCancellable *cancellable,
                                          GAsyncReadyCallback callback,
                                          gpointer user_data)
{
  const gchar *path;
  GuringTask *task;
  Saving *saving;

  g_return_if_fail (G_IS_FILE (file));
  g_return_if_fail (contents != NULL);

  path = guring_file_get_local_path (file);
  if (path == NULL)
    {
      g_file_replace_contents_bytes_async (file, contents, etag, make_backup, flags, cancellable,
                                           callback, user_data);
      return;
    }

  saving = g_new0 (Saving, 1);
  guring_replacement_init (&saving->replacement, path, etag, make_backup, flags);
  saving->replacement.pass_to_gio = replace_by_gio;
  saving->contents = g_bytes_ref (contents);
  task = guring_task_new (file, guring_file_replace_contents_bytes_async, "replace",
                          G_PRIORITY_DEFAULT, cancellable, callback, user_data);
  guring_task_set_path (task, path);
  guring_task_set_data (task, saving, saving_free);
  guring_turn_take_of_kind (task, on_turn);
}

/**
 * guring_file_replace_contents_bytes_finish:
 * @file: the file
 * @result: what the callback got
 * @new_etag: (out) (optional) (nullable) (transfer full): the etag of what it holds now
 * @error: return location for the error
 *
 * Returns: %TRUE if the contents were replaced; %FALSE with the errors of
 *   g_file_replace_contents_finish(), and the file as it was
 *
 * Since: 0.1
 */
gboolean
guring_file_replace_contents_bytes_finish (GFile *file,
                                           GAsyncResult *result,
                                           gchar **new_etag,
                                           GError **error)
{
  Saving *saving;

  g_return_val_if_fail (G_IS_FILE (file), FALSE);

  if (!GURING_IS_TASK (result))
    return g_file_replace_contents_finish (file, result, new_etag, error);

  if (guring_task_finish (result, guring_file_replace_contents_bytes_async, error) < 0)
    return FALSE;

  saving = guring_task_get_data (GURING_TASK (result));
  if (new_etag != NULL)
    *new_etag = g_steal_pointer (&saving->replacement.etag);
  return TRUE;
}

/* By a stream */

static void
on_stream_of_gio (GObject *file, GAsyncResult *result, gpointer task)
{
  GError *error = NULL;
  GFileOutputStream *stream = g_file_replace_finish (G_FILE (file), result, &error);

  if (stream == NULL)
    {
      guring_task_return_error (task, error);
      return;
    }

  guring_replacement_free (guring_task_get_data (task));
  guring_task_set_data (task, stream, g_object_unref);
  guring_task_return (task, 0);
}

static void
open_by_gio (GuringTask *task)
{
  g_autoptr (GFile) file = G_FILE (g_async_result_get_source_object (G_ASYNC_RESULT (task)));
  GuringReplacement *replacement = guring_task_get_data (task);

  g_file_replace_async (file, replacement->etag, replacement->make_backup, replacement->flags,
                        guring_task_get_priority (task), guring_task_get_cancellable (task),
                        on_stream_of_gio, task);
}

static void
on_stream_opened (GuringTask *task, gint32 res)
{
  GFileOutputStream *stream = guring_file_output_stream_new (guring_task_get_data (task));

  guring_task_set_data (task, stream, g_object_unref);
  guring_task_return (task, 0);
}

/**
 * guring_file_replace_async:
 * @file: the file, which need not exist
 * @etag: (nullable): the etag that it has to have, if it exists
 * @make_backup: whether to keep the old file under its name and a tilde
 * @flags: a set of #GFileCreateFlags
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Opens a stream that replaces a file when it is closed, as g_file_replace_async() does. Until then
 * the old file is there; if the stream is closed with a #GCancellable that is cancelled, it stays.
 * A file that does not exist is made at once. A symbolic link is followed, permissions and owner
 * are kept, unless with %G_FILE_CREATE_REPLACE_DESTINATION.
 *
 * A file that has several names, one beside which no other can be made, or given to its owner, is
 * written in place. Some of these, such as with @make_backup, and symbolic links that lead nowhere,
 * that have to be replaced themselves or that are to have a backup, are passed to
 * g_file_replace_async() itself. Any thread.
 *
 * Since: 0.1
 */
void
guring_file_replace_async (GFile *file,
                           const gchar *etag,
                           gboolean make_backup,
                           GFileCreateFlags flags,
                           gint io_priority,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer user_data)
{
  GuringReplacement *replacement;
  const gchar *path;
  GuringTask *task;

  g_return_if_fail (G_IS_FILE (file));

  path = guring_file_get_local_path (file);
  if (path == NULL)
    {
      g_file_replace_async (file, etag, make_backup, flags, io_priority, cancellable, callback,
                            user_data);
      return;
    }

  replacement = guring_replacement_new (path, etag, make_backup, flags);
  replacement->kind = GURING_REPLACE_OR_CREATE;
  replacement->pass_to_gio = open_by_gio;
  task = guring_task_new (file, guring_file_replace_async, "replace", io_priority, cancellable,
                          callback, user_data);
  guring_task_set_path (task, path);
  guring_task_set_data (task, replacement, guring_replacement_free);
  guring_replacement_open (task, on_stream_opened);
}

/**
 * guring_file_replace_finish:
 * @file: the file
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: (transfer full): the stream, a #GuringFileOutputStream if @file is local and
 *   g_file_replace_async() was not needed; %NULL with the errors of g_file_replace_finish()
 *
 * Since: 0.1
 */
GFileOutputStream *
guring_file_replace_finish (GFile *file, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_FILE (file), NULL);

  if (!GURING_IS_TASK (result))
    return g_file_replace_finish (file, result, error);

  if (guring_task_finish (result, guring_file_replace_async, error) < 0)
    return NULL;
  return g_object_ref (guring_task_get_data (GURING_TASK (result)));
}
