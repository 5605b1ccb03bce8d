/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening a file for its new contents, so that there are always the old ones or the new ones: a
 * temporary file beside it. What becomes of that is told in replacement-commit.c. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"
#include "perform.h"
#include "replacement.h"
#include "temporary.h"

#define MAX_ATTEMPTS 100
#define MAX_ATTEMPTS_AT_ONE_NAME 4

void
guring_replacement_init (GuringReplacement *replacement,
                         const gchar *path,
                         const gchar *etag,
                         gboolean make_backup,
                         GFileCreateFlags flags)
{
  replacement->path = g_strdup (path);
  replacement->etag = etag != NULL && *etag != '\0' ? g_strdup (etag) : NULL; /* as in GIO */
  replacement->make_backup = make_backup;
  replacement->flags = flags;
  replacement->mode = flags & G_FILE_CREATE_PRIVATE ? 0600 : 0666;
  replacement->fd = -1;
  replacement->original_fd = -1;
}

void
guring_replacement_clear (GuringReplacement *replacement)
{
  guring_replacement_discard (replacement);
  g_free (replacement->path);
  g_free (replacement->backup_path);
}

GuringReplacement *
guring_replacement_new (const gchar *path,
                        const gchar *etag,
                        gboolean make_backup,
                        GFileCreateFlags flags)
{
  GuringReplacement *replacement = g_new0 (GuringReplacement, 1);

  guring_replacement_init (replacement, path, etag, make_backup, flags);
  return replacement;
}

void
guring_replacement_free (gpointer replacement)
{
  guring_replacement_clear (replacement);
  g_free (replacement);
}

/* Leaving it as it was */

static void
close_original (GuringReplacement *replacement)
{
  if (replacement->original_fd >= 0)
    close (replacement->original_fd);
  replacement->original_fd = -1;
}

/* While it is locked, the name is ours. */
static void
discard_temporary (GuringReplacement *replacement)
{
  if (replacement->temporary_path != NULL)
    unlink (replacement->temporary_path);
  g_clear_pointer (&replacement->temporary_path, g_free);
  if (replacement->fd >= 0)
    close (replacement->fd);
  replacement->fd = -1;
}

void
guring_replacement_discard (GuringReplacement *replacement)
{
  close_original (replacement);
  discard_temporary (replacement);
  if (replacement->is_moved)
    rename (replacement->backup_path, replacement->path);
  replacement->is_moved = FALSE;
  if (replacement->is_created)
    unlink (replacement->path);
  replacement->is_created = FALSE;
  g_clear_pointer (&replacement->etag, g_free);
}

void
guring_replacement_fail (GuringTask *task, int error_number)
{
  guring_replacement_discard (guring_task_get_data (task));
  guring_file_return_name_errno (task, error_number);
}

/* Returns: whether the task goes on after a step */
gboolean
guring_replacement_check (GuringTask *task, gint32 res)
{
  if (res >= 0 && g_cancellable_is_cancelled (guring_task_get_cancellable (task)))
    res = -ECANCELED;
  if (res < 0)
    guring_replacement_fail (task, -res);
  return res >= 0;
}

static void
succeed (GuringTask *task)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  close_original (replacement);
  replacement->opened (task, 0);
}

/* In place, where a rename would not do as GIO does it, such as to keep the other names of a
 * file */

static void
on_truncated (GuringTask *task, gint32 res)
{
  if (guring_replacement_check (task, res))
    succeed (task);
}

static void
write_in_place (GuringTask *task)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (replacement->kind == GURING_REPLACE || replacement->make_backup ||
      (replacement->flags & G_FILE_CREATE_REPLACE_DESTINATION))
    {
      close_original (replacement);
      replacement->pass_to_gio (task);
      return;
    }

  replacement->fd = replacement->original_fd;
  replacement->original_fd = -1;
  fcntl (replacement->fd, F_SETFL, 0); /* the kernel would not wait for the disk */
  sqe.opcode = GURING_OP_FTRUNCATE;
  sqe.fd = replacement->fd;
  guring_task_run (task, &sqe, on_truncated);
}

/* The temporary file */

static gboolean
keeps_permissions (const GuringReplacement *replacement)
{
  return replacement->exists && !(replacement->flags & G_FILE_CREATE_REPLACE_DESTINATION);
}

/* Not so if it is the disk that fails. */
static gboolean
is_not_allowed (int res)
{
  return res == -EACCES || res == -EINVAL || res == -ENOSYS || res == -EOPNOTSUPP || res == -EPERM;
}

static gboolean
has_same_permissions (const struct stat *a, const struct stat *b)
{
  return a->st_uid == b->st_uid && a->st_gid == b->st_gid && a->st_mode == b->st_mode;
}

/* Who has no id in a user namespace may not even give a file to itself.
 *
 * Returns: a negated errno */
static int
keep_permissions (const GuringReplacement *replacement)
{
  const struct stat *original = &replacement->original;
  struct stat status;
  int res = 0;

  if (fchown (replacement->fd, original->st_uid, original->st_gid) < 0)
    res = -errno;
  if ((res == 0 || is_not_allowed (res)) && fchmod (replacement->fd, original->st_mode & 07777) < 0)
    res = -errno;
  if (!is_not_allowed (res))
    return res;

  if (fstat (replacement->fd, &status) < 0)
    return -errno;
  return has_same_permissions (&status, original) ? 0 : res;
}

static void
give_up_temporary (GuringTask *task)
{
  discard_temporary (guring_task_get_data (task));
  write_in_place (task);
}

/* Many at once may go on sweeping each other's file before it is locked.
 *
 * Returns: whether the next attempt shall be at another name */
static gboolean
is_in_use (const GuringReplacement *replacement, int fd)
{
  if (replacement->n_attempts >= MAX_ATTEMPTS_AT_ONE_NAME)
    return TRUE;
  return fd == -EEXIST && !guring_temporary_sweep (replacement->temporary_path);
}

/* Returns: a negated errno, EEXIST if it is to be tried again */
static int
take_temporary (GuringReplacement *replacement, int fd)
{
  int res = fd;

  if (fd >= 0 && !guring_temporary_keep (fd))
    {
      close (fd);
      res = -EEXIST;
    }
  else if (fd >= 0 && replacement->n_in_use == 0)
    guring_temporary_sweep_others (replacement->path);
  if (res == -EEXIST && is_in_use (replacement, fd))
    replacement->n_in_use++;

  if (res < 0)
    g_clear_pointer (&replacement->temporary_path, g_free);
  else
    replacement->fd = fd;
  return res;
}

static void start_temporary (GuringTask *task);

static void
on_temporary_opened (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  res = take_temporary (replacement, res);
  if (res >= 0 && keeps_permissions (replacement))
    res = keep_permissions (replacement);

  if (res == -EEXIST && ++replacement->n_attempts < MAX_ATTEMPTS)
    start_temporary (task);
  else if (is_not_allowed (res) && replacement->exists)
    give_up_temporary (task);
  else if (guring_replacement_check (task, res))
    succeed (task);
}

static void
start_temporary (GuringTask *task)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  guint mode = keeps_permissions (replacement) ? 0600 : replacement->mode;
  struct io_uring_sqe sqe = { 0 };

  replacement->temporary_path =
    guring_temporary_get_path (replacement->path, replacement->n_in_use);
  io_uring_prep_openat (&sqe, AT_FDCWD, replacement->temporary_path,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  guring_task_run (task, &sqe, on_temporary_opened);
}

/* The file that is not there */

static void start_examining (GuringTask *task);

static void
on_created (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  if (res == -EEXIST && replacement->kind == GURING_REPLACE_OR_CREATE &&
      ++replacement->n_attempts < MAX_ATTEMPTS)
    {
      start_examining (task);
      return;
    }

  replacement->fd = res;
  replacement->is_created = res >= 0;
  if (guring_replacement_check (task, res))
    succeed (task);
}

static void
start_creating (GuringTask *task)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_openat (&sqe, AT_FDCWD, replacement->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                        replacement->mode);
  guring_task_run (task, &sqe, on_created);
}

/* The file that is there */

static GError *
examine (const GuringReplacement *replacement)
{
  const struct stat *original = &replacement->original;
  g_autofree gchar *etag =
    guring_file_make_etag (original->st_mtim.tv_sec, (guint32) original->st_mtim.tv_nsec);
  g_autofree gchar *name = g_filename_display_name (replacement->path);

  if (!S_ISREG (original->st_mode))
    return g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                        "Could not replace %s: it is not a regular file", name);
  if (replacement->etag != NULL && g_strcmp0 (replacement->etag, etag) != 0)
    return g_error_new (G_IO_ERROR, G_IO_ERROR_WRONG_ETAG,
                        "Could not replace %s: it was changed by someone else", name);
  return NULL;
}

static void
on_original_opened (GuringTask *task, int fd)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  GError *error;

  replacement->original_fd = fd;
  if (!guring_replacement_check (task, fstat (fd, &replacement->original) < 0 ? -errno : 0))
    return;

  replacement->exists = TRUE;
  error = examine (replacement);
  if (error != NULL)
    {
      guring_replacement_discard (replacement);
      guring_task_return_error (task, error);
    }
  else if (replacement->original.st_nlink > 1 && keeps_permissions (replacement))
    write_in_place (task);
  else
    start_temporary (task);
}

static void
follow_link (GuringTask *task)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  char *target;

  /* That is about the link itself. */
  if (replacement->make_backup || (replacement->flags & G_FILE_CREATE_REPLACE_DESTINATION))
    {
      replacement->pass_to_gio (task);
      return;
    }

  target = replacement->is_resolved ? NULL : realpath (replacement->path, NULL);
  if (target == NULL && !replacement->is_resolved && errno == ENOENT)
    replacement->pass_to_gio (task); /* it makes that */
  else if (target == NULL)
    guring_replacement_fail (task, ELOOP);
  if (target == NULL)
    return;

  replacement->is_resolved = TRUE;
  g_free (replacement->path);
  replacement->path = g_strdup (target);
  free (target);
  start_examining (task);
}

static void open_original (GuringTask *task, int flags);

static void
on_examined (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  if (res >= 0)
    on_original_opened (task, res);
  else if (res == -ELOOP)
    follow_link (task);
  else if (res == -EAGAIN && (guring_task_get_sqe (task)->open_flags & O_NONBLOCK))
    open_original (task, 0); /* someone has a lease on it, so it is a regular file */
  else if (res == -ENOENT && replacement->kind == GURING_REPLACE)
    start_temporary (task);
  else if (res == -ENOENT)
    start_creating (task);
  else
    guring_replacement_fail (task, -res);
}

/* Opening it tells whether it may be written to, too. */
static void
open_original (GuringTask *task, int flags)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  int access = replacement->make_backup ? O_RDWR : O_WRONLY;
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_openat (&sqe, AT_FDCWD, replacement->path, access | flags | O_NOFOLLOW | O_CLOEXEC,
                        0);
  guring_task_run (task, &sqe, on_examined);
}

/* What is no regular file is told at once, a pipe that nobody reads too. */
static void
start_examining (GuringTask *task)
{
  open_original (task, O_NONBLOCK);
}

void
guring_replacement_open (GuringTask *task, GuringStepFunc opened)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  replacement->opened = opened;
  if (replacement->kind == GURING_CREATE)
    start_creating (task);
  else
    start_examining (task);
}
