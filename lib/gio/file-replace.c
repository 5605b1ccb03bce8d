/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replacing the contents of a file, so that there are always the old ones or the new ones: a
 * temporary file beside it, write, synchronize, rename. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define MAX_STEP (1u << 20) /* a copy that the main loop can wait for */
#define MAX_ATTEMPTS 100    /* at a name that nobody has */

typedef struct
{
  GBytes *contents;
  gsize n_written;
  gchar *etag;
  GFileCreateFlags flags;

  gchar *path; /* of the file itself, behind its symbolic links */
  gboolean is_resolved;
  gboolean exists;
  struct stat original; /* if it exists */

  gchar *temporary_path; /* (nullable) */
  guint n_attempts;
  int fd; /* of the temporary file, or -1 */
  gchar *new_etag;
} Replacement;

static void
replacement_free (gpointer data)
{
  Replacement *replacement = data;

  g_bytes_unref (replacement->contents);
  g_free (replacement->etag);
  g_free (replacement->path);
  g_free (replacement->temporary_path);
  g_free (replacement->new_etag);
  g_free (replacement);
}

/* Leaving it as it was */

static void
discard_temporary (Replacement *replacement)
{
  if (replacement->fd >= 0)
    close (replacement->fd);
  replacement->fd = -1;
  if (replacement->temporary_path != NULL)
    unlink (replacement->temporary_path);
  g_clear_pointer (&replacement->temporary_path, g_free);
}

static void
fail (GuringTask *task, int error_number)
{
  discard_temporary (guring_task_get_data (task));
  guring_task_return_errno (task, error_number);
}

/* Returns: whether the task goes on after a step */
static gboolean
check (GuringTask *task, gint32 res)
{
  if (res >= 0 && g_cancellable_is_cancelled (guring_task_get_cancellable (task)))
    res = -ECANCELED;
  if (res < 0)
    fail (task, -res);
  return res >= 0;
}

/* What a rename would not do as GIO does it, such as keeping the other names of a file, or what
 * has no file to be beside of, such as a link that leads nowhere */

static void
on_replaced_by_gio (GObject *file, GAsyncResult *result, gpointer task)
{
  Replacement *replacement = guring_task_get_data (task);
  GError *error = NULL;

  if (g_file_replace_contents_finish (G_FILE (file), result, &replacement->new_etag, &error))
    guring_task_return (task, 0);
  else
    guring_task_return_error (task, error);
}

static void
pass_to_gio (GuringTask *task)
{
  g_autoptr (GFile) file = G_FILE (g_async_result_get_source_object (G_ASYNC_RESULT (task)));
  Replacement *replacement = guring_task_get_data (task);

  discard_temporary (replacement);
  g_file_replace_contents_bytes_async (file, replacement->contents, replacement->etag, FALSE,
                                       replacement->flags, guring_task_get_cancellable (task),
                                       on_replaced_by_gio, task);
}

/* Renaming */

static void
on_renamed (GuringTask *task, gint32 res)
{
  if (res < 0)
    fail (task, -res);
  else
    guring_task_return (task, 0);
}

static void
on_closed (GuringTask *task, gint32 res)
{
  Replacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (res != -ECANCELED)
    replacement->fd = -1;
  if (!check (task, res))
    return;

  io_uring_prep_renameat (&sqe, AT_FDCWD, replacement->temporary_path, AT_FDCWD, replacement->path,
                          0);
  guring_task_run (task, &sqe, on_renamed);
}

/* Writing */

static void
on_synchronized (GuringTask *task, gint32 res)
{
  Replacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };
  struct stat status;

  if (!check (task, res))
    return;

  if (fstat (replacement->fd, &status) == 0)
    replacement->new_etag =
      guring_file_make_etag (status.st_mtim.tv_sec, (guint32) status.st_mtim.tv_nsec);
  io_uring_prep_close (&sqe, replacement->fd);
  guring_task_run (task, &sqe, on_closed);
}

static void
start_synchronizing (GuringTask *task)
{
  Replacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_fsync (&sqe, replacement->fd, 0);
  guring_task_run (task, &sqe, on_synchronized);
}

static void start_writing (GuringTask *task);

static void
on_written (GuringTask *task, gint32 res)
{
  Replacement *replacement = guring_task_get_data (task);

  if (!check (task, res == 0 ? -EIO : res))
    return;

  replacement->n_written += (gsize) res;
  start_writing (task);
}

static void
start_writing (GuringTask *task)
{
  Replacement *replacement = guring_task_get_data (task);
  gsize size;
  const guint8 *data = g_bytes_get_data (replacement->contents, &size);
  gsize count = MIN (size - replacement->n_written, MAX_STEP);
  struct io_uring_sqe sqe = { 0 };

  if (count == 0)
    {
      start_synchronizing (task);
      return;
    }

  /* At an offset: without, a kernel that finds the disk full may say that all was written. */
  io_uring_prep_write (&sqe, replacement->fd, data + replacement->n_written, (guint) count,
                       replacement->n_written);
  guring_task_run (task, &sqe, on_written);
}

/* The temporary file */

static gboolean
keep_permissions (const Replacement *replacement)
{
  const struct stat *original = &replacement->original;

  return fchown (replacement->fd, original->st_uid, original->st_gid) == 0 &&
         fchmod (replacement->fd, original->st_mode & 07777) == 0;
}

static void start_temporary (GuringTask *task);

static void
on_temporary_opened (GuringTask *task, gint32 res)
{
  Replacement *replacement = guring_task_get_data (task);

  if (res < 0)
    g_clear_pointer (&replacement->temporary_path, g_free);
  else
    replacement->fd = res;

  if (res == -EEXIST && ++replacement->n_attempts < MAX_ATTEMPTS)
    start_temporary (task);
  else if ((res == -EACCES || res == -EPERM) && replacement->exists)
    pass_to_gio (task);
  else if (!check (task, res))
    return;
  else if (replacement->exists && !keep_permissions (replacement))
    pass_to_gio (task);
  else
    start_writing (task);
}

static void
start_temporary (GuringTask *task)
{
  Replacement *replacement = guring_task_get_data (task);
  g_autofree gchar *directory = g_path_get_dirname (replacement->path);
  gboolean is_private = replacement->exists || (replacement->flags & G_FILE_CREATE_PRIVATE);
  struct io_uring_sqe sqe = { 0 };

  replacement->temporary_path = g_strdup_printf ("%s/.guring-%08x", directory, g_random_int ());
  io_uring_prep_openat (&sqe, AT_FDCWD, replacement->temporary_path,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, is_private ? 0600 : 0666);
  guring_task_run (task, &sqe, on_temporary_opened);
}

/* The file that is there */

static void start_examining (GuringTask *task);

static void
follow_link (GuringTask *task)
{
  Replacement *replacement = guring_task_get_data (task);
  char *target = replacement->is_resolved ? NULL : realpath (replacement->path, NULL);

  if (target == NULL && !replacement->is_resolved && errno == ENOENT)
    pass_to_gio (task);
  else if (target == NULL)
    fail (task, ELOOP);
  if (target == NULL)
    return;

  replacement->is_resolved = TRUE;
  g_free (replacement->path);
  replacement->path = g_strdup (target);
  free (target);
  start_examining (task);
}

static GError *
examine (const Replacement *replacement)
{
  const struct stat *original = &replacement->original;
  g_autofree gchar *etag =
    guring_file_make_etag (original->st_mtim.tv_sec, (guint32) original->st_mtim.tv_nsec);

  if (!S_ISREG (original->st_mode))
    return g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                        "Could not replace %s: it is not a regular file", replacement->path);
  if (replacement->etag != NULL && g_strcmp0 (replacement->etag, etag) != 0)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_WRONG_ETAG,
                        "Could not replace %s: it was changed by someone else", replacement->path);
  return NULL;
}

static void
on_original_opened (GuringTask *task, gint32 fd)
{
  Replacement *replacement = guring_task_get_data (task);
  GError *error;

  fstat (fd, &replacement->original);
  close (fd);
  replacement->exists = TRUE;

  if (!check (task, 0))
    return;

  error = examine (replacement);
  if (error != NULL)
    guring_task_return_error (task, error);
  else if (replacement->original.st_nlink > 1)
    pass_to_gio (task);
  else
    start_temporary (task);
}

static void
on_examined (GuringTask *task, gint32 res)
{
  if (res >= 0)
    on_original_opened (task, res);
  else if (res == -ELOOP)
    follow_link (task);
  else if (res == -ENOENT)
    start_temporary (task);
  else
    fail (task, -res);
}

/* Opening it tells whether it may be written to, too. */
static void
start_examining (GuringTask *task)
{
  Replacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_openat (&sqe, AT_FDCWD, replacement->path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0);
  guring_task_run (task, &sqe, on_examined);
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
 * file has several names, if no file can be made beside it or given to its owner, with
 * @make_backup, and with %G_FILE_CREATE_REPLACE_DESTINATION. Any thread.
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
  Replacement *replacement;
  GuringTask *task;

  g_return_if_fail (G_IS_FILE (file));
  g_return_if_fail (contents != NULL);

  path = guring_file_get_local_path (file);
  if (path == NULL || make_backup || (flags & G_FILE_CREATE_REPLACE_DESTINATION))
    {
      g_file_replace_contents_bytes_async (file, contents, etag, make_backup, flags, cancellable,
                                           callback, user_data);
      return;
    }

  replacement = g_new0 (Replacement, 1);
  replacement->contents = g_bytes_ref (contents);
  replacement->etag = g_strdup (etag);
  replacement->flags = flags;
  replacement->path = g_strdup (path);
  replacement->fd = -1;
  task = guring_task_new (file, guring_file_replace_contents_bytes_async, "replace",
                          G_PRIORITY_DEFAULT, cancellable, callback, user_data);
  guring_task_set_path (task, path);
  guring_task_set_data (task, replacement, replacement_free);
  start_examining (task);
}

/**
 * guring_file_replace_contents_bytes_finish:
 * @file: the file
 * @result: what the callback got
 * @new_etag: (out) (optional) (transfer full): the etag of what it holds now
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
  Replacement *replacement;

  g_return_val_if_fail (G_IS_FILE (file), FALSE);

  if (!GURING_IS_TASK (result))
    return g_file_replace_contents_finish (file, result, new_etag, error);

  if (guring_task_finish (result, guring_file_replace_contents_bytes_async, error) < 0)
    return FALSE;

  replacement = guring_task_get_data (GURING_TASK (result));
  if (new_etag != NULL)
    *new_etag = g_steal_pointer (&replacement->new_etag);
  return TRUE;
}
