/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The new contents of a file are written: synchronize them, keep the old ones under another name if
 * so asked, rename, and close. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "file.h"
#include "replacement.h"

static void
start_closing (GuringTask *task, GuringStepFunc func)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_close (&sqe, replacement->fd);
  guring_task_run (task, &sqe, func);
}

/* Renaming */

/* It is done, and all that may fail has been synchronized. */
static void
on_temporary_closed (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  replacement->fd = -1;
  replacement->committed (task, 0);
}

static void
on_renamed (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  if (res < 0)
    {
      guring_replacement_fail (task, -res);
      return;
    }

  replacement->is_moved = FALSE;
  g_clear_pointer (&replacement->temporary_path, g_free);
  start_closing (task, on_temporary_closed);
}

static void
start_renaming (GuringTask *task)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_renameat (&sqe, AT_FDCWD, replacement->temporary_path, AT_FDCWD, replacement->path,
                          0);
  guring_task_run (task, &sqe, on_renamed);
}

/* The backup: another name of the old file, or the old file under another name */

static void
fail_backup (GuringTask *task, gint32 res)
{
  if (res == -ECANCELED)
    {
      guring_replacement_fail (task, ECANCELED);
      return;
    }

  guring_replacement_discard (guring_task_get_data (task));
  guring_task_return_error (task, g_error_new (G_IO_ERROR, G_IO_ERROR_CANT_CREATE_BACKUP,
                                               "Could not make a backup: %s", g_strerror (-res)));
}

static void
on_backup_renamed (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  if (res < 0)
    {
      fail_backup (task, res);
      return;
    }

  replacement->is_moved = TRUE;
  start_renaming (task);
}

static void
on_backup_linked (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (res >= 0 || res == -ECANCELED)
    {
      if (guring_replacement_check (task, res))
        start_renaming (task);
      return;
    }

  io_uring_prep_renameat (&sqe, AT_FDCWD, replacement->path, AT_FDCWD, replacement->backup_path, 0);
  guring_task_run (task, &sqe, on_backup_renamed);
}

static void
on_backup_unlinked (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (res < 0 && res != -ENOENT)
    {
      fail_backup (task, res);
      return;
    }

  io_uring_prep_linkat (&sqe, AT_FDCWD, replacement->path, AT_FDCWD, replacement->backup_path, 0);
  guring_task_run (task, &sqe, on_backup_linked);
}

static void
start_backup (GuringTask *task)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  g_free (replacement->backup_path);
  replacement->backup_path = g_strconcat (replacement->path, "~", NULL);
  io_uring_prep_unlinkat (&sqe, AT_FDCWD, replacement->backup_path, 0);
  guring_task_run (task, &sqe, on_backup_unlinked);
}

/* Synchronizing and closing */

static void
on_closed (GuringTask *task, gint32 res)
{
  GuringReplacement *replacement = guring_task_get_data (task);

  replacement->fd = -1;
  if (!guring_replacement_check (task, res))
    return;

  replacement->is_created = FALSE;
  replacement->committed (task, 0);
}

static void
finish_writing (GuringTask *task)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct stat status;

  if (fstat (replacement->fd, &status) == 0)
    replacement->etag =
      guring_file_make_etag (status.st_mtim.tv_sec, (guint32) status.st_mtim.tv_nsec);

  if (replacement->temporary_path == NULL)
    start_closing (task, on_closed);
  else if (replacement->make_backup && replacement->exists)
    start_backup (task);
  else
    start_renaming (task);
}

static void
on_synchronized (GuringTask *task, gint32 res)
{
  if (guring_replacement_check (task, res))
    finish_writing (task);
}

/* As in GIO, what was not there before is not waited for. */
void
guring_replacement_commit (GuringTask *task, GuringStepFunc committed)
{
  GuringReplacement *replacement = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  replacement->committed = committed;
  g_clear_pointer (&replacement->etag, g_free);
  if (replacement->temporary_path == NULL && !replacement->exists)
    {
      finish_writing (task);
      return;
    }

  io_uring_prep_fsync (&sqe, replacement->fd, 0);
  guring_task_run (task, &sqe, on_synchronized);
}
