/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Copying a file. Its bytes are moved in copy-data.c. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "copy-data.h"
#include "file.h"
#include "replacement.h"
#include "turn.h"

#define MIN_SHARED (1u << 20) /* where it pays to ask a worker thread */

typedef struct
{
  GuringReplacement replacement; /* of the destination */
  GFile *destination;
  GFileCopyFlags flags;
  GFileProgressCallback progress_callback;
  gpointer progress_callback_data;
  const gchar *path; /* of the source; the task's */
  int source_fd;
  struct statx source; /* before its bytes were read */
} Copy;

static void
copy_free (gpointer data)
{
  Copy *copy = data;

  guring_replacement_clear (&copy->replacement);
  g_object_unref (copy->destination);
  if (copy->source_fd >= 0)
    close (copy->source_fd);
  g_free (copy);
}

static void
report (Copy *copy, goffset n_copied)
{
  if (copy->progress_callback != NULL)
    copy->progress_callback (n_copied, (goffset) copy->source.stx_size,
                             copy->progress_callback_data);
}

/* What GIO itself does: everything but regular files, and the destinations that the replacement
 * does not want */

static void
on_copied_by_gio (GObject *source, GAsyncResult *result, gpointer task)
{
  GError *error = NULL;

  if (g_file_copy_finish (G_FILE (source), result, &error))
    guring_task_return (task, 0);
  else
    guring_task_return_error (task, error);
}

static void
pass_to_gio (GuringTask *task)
{
  g_autoptr (GFile) source = G_FILE (g_async_result_get_source_object (G_ASYNC_RESULT (task)));
  Copy *copy = guring_task_get_data (task);

  g_file_copy_async (source, copy->destination, copy->flags, guring_task_get_priority (task),
                     guring_task_get_cancellable (task), copy->progress_callback,
                     copy->progress_callback_data, on_copied_by_gio, task);
}

/* The attributes */

/* Few files have more than the two that are always copied. */
static gboolean
has_more_attributes (const Copy *copy)
{
  return (copy->flags & G_FILE_COPY_ALL_METADATA) || flistxattr (copy->source_fd, NULL, 0) > 0;
}

/* As in GIO, what of them cannot be copied is no error. */
static void
copy_permissions_and_time (const Copy *copy)
{
  const struct statx_timestamp *modified = &copy->source.stx_mtime;
  const struct timespec times[] = { { .tv_nsec = UTIME_OMIT },
                                    { modified->tv_sec, modified->tv_nsec } };

  futimens (copy->replacement.fd, times);
  if (!(copy->flags & G_FILE_COPY_TARGET_DEFAULT_PERMS))
    fchmod (copy->replacement.fd, copy->source.stx_mode & 07777);
}

static void
keep_access_time (Copy *copy, GFileInfo *info)
{
  const struct statx_timestamp *accessed = &copy->source.stx_atime;

  if (!g_file_info_has_attribute (info, G_FILE_ATTRIBUTE_TIME_ACCESS))
    return;

  g_file_info_set_attribute_uint64 (info, G_FILE_ATTRIBUTE_TIME_ACCESS, (guint64) accessed->tv_sec);
  g_file_info_set_attribute_uint32 (info, G_FILE_ATTRIBUTE_TIME_ACCESS_USEC,
                                    accessed->tv_nsec / 1000);
  g_file_info_set_attribute_uint32 (info, G_FILE_ATTRIBUTE_TIME_ACCESS_NSEC, accessed->tv_nsec);
}

static void
copy_attributes (GTask *thread_task, gpointer source, gpointer task, GCancellable *cancellable)
{
  Copy *copy = guring_task_get_data (task);
  g_autofree gchar *attributes =
    g_file_build_attribute_list_for_copy (copy->destination, copy->flags, NULL, NULL);
  g_autoptr (GFileInfo) info = NULL;

  if (attributes != NULL)
    info = guring_file_query_descriptor (copy->source_fd, attributes, NULL, NULL);
  if (info != NULL)
    {
      keep_access_time (copy, info);
      g_file_set_attributes_from_info (copy->destination, info, G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS,
                                       NULL, NULL);
    }
  g_task_return_boolean (thread_task, TRUE);
}

static void
on_attributes_copied (GObject *source_object, GAsyncResult *result, gpointer task)
{
  guring_task_return (task, 0);
}

static void
run_in_thread (GuringTask *task, GTaskThreadFunc func, GAsyncReadyCallback callback)
{
  g_autoptr (GTask) thread_task = g_task_new (NULL, NULL, callback, task);

  g_task_set_task_data (thread_task, task, NULL);
  g_task_set_name (thread_task, "guring_file_copy_async");
  g_task_set_priority (thread_task, guring_task_get_priority (task));
  g_task_run_in_thread (thread_task, func);
}

static void
on_committed (GuringTask *task, gint32 res)
{
  run_in_thread (task, copy_attributes, on_attributes_copied);
}

/* The bytes */

static void
on_data_copied (GuringTask *task, goffset n_copied, GError *error)
{
  Copy *copy = guring_task_get_data (task);

  if (error != NULL)
    {
      guring_replacement_discard (&copy->replacement);
      guring_task_return_error (task, error);
      return;
    }

  report (copy, n_copied);
  if (has_more_attributes (copy))
    {
      guring_replacement_commit (task, on_committed);
      return;
    }

  copy_permissions_and_time (copy);
  guring_replacement_commit (task, guring_task_return_res);
}

static void
copy_data (GuringTask *task)
{
  Copy *copy = guring_task_get_data (task);

  guring_copy_data (task, copy->source_fd, copy->replacement.fd, (goffset) copy->source.stx_size,
                    copy->progress_callback, copy->progress_callback_data, on_data_copied);
}

static void
share_bytes (GTask *thread_task, gpointer source, gpointer task, GCancellable *cancellable)
{
  Copy *copy = guring_task_get_data (task);

  g_task_return_boolean (thread_task, ioctl (copy->replacement.fd, FICLONE, copy->source_fd) == 0);
}

static void
on_shared (GObject *source_object, GAsyncResult *result, gpointer task)
{
  Copy *copy = guring_task_get_data (task);

  if (g_task_propagate_boolean (G_TASK (result), NULL))
    on_data_copied (task, (goffset) copy->source.stx_size, NULL);
  else
    copy_data (task);
}

/* Opening both */

static void
on_destination_opened (GuringTask *task, gint32 res)
{
  Copy *copy = guring_task_get_data (task);

  if (copy->source.stx_size < MIN_SHARED)
    copy_data (task);
  else
    run_in_thread (task, share_bytes, on_shared);
}

static void
start_destination (GuringTask *task)
{
  Copy *copy = guring_task_get_data (task);
  GuringReplacement *replacement = &copy->replacement;

  replacement->kind =
    copy->flags & G_FILE_COPY_OVERWRITE ? GURING_REPLACE_OR_CREATE : GURING_CREATE;
  replacement->pass_to_gio = pass_to_gio;
  if (!(copy->flags & G_FILE_COPY_TARGET_DEFAULT_PERMS))
    replacement->mode = copy->source.stx_mode & 07777;
  guring_replacement_open (task, on_destination_opened);
}

static void
on_source_opened (GuringTask *task, gint32 res)
{
  Copy *copy = guring_task_get_data (task);

  copy->source_fd = res;
  if (guring_replacement_check (task, res))
    start_destination (task);
}

static void
on_source_status (GuringTask *task, gint32 res)
{
  Copy *copy = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (!guring_replacement_check (task, res))
    return;
  if (!S_ISREG (copy->source.stx_mode))
    {
      pass_to_gio (task);
      return;
    }

  io_uring_prep_openat (&sqe, AT_FDCWD, copy->path, O_RDONLY | O_CLOEXEC, 0);
  guring_task_run (task, &sqe, on_source_opened);
}

static void
on_turn (GuringTask *task, gint32 res)
{
  Copy *copy = guring_task_get_data (task);
  int flags = copy->flags & G_FILE_COPY_NOFOLLOW_SYMLINKS ? AT_SYMLINK_NOFOLLOW : 0;
  struct io_uring_sqe sqe = { 0 };

  if (res < 0)
    {
      guring_task_return_errno (task, -res);
      return;
    }

  io_uring_prep_statx (&sqe, AT_FDCWD, copy->path, flags, STATX_BASIC_STATS, &copy->source);
  guring_task_run (task, &sqe, on_source_status);
}

static Copy *
copy_new (GFile *destination,
          const gchar *destination_path,
          GFileCopyFlags flags,
          GFileProgressCallback progress_callback,
          gpointer progress_callback_data)
{
  Copy *copy = g_new0 (Copy, 1);

  guring_replacement_init (&copy->replacement, destination_path, NULL, flags & G_FILE_COPY_BACKUP,
                           G_FILE_CREATE_REPLACE_DESTINATION);
  copy->destination = g_object_ref (destination);
  copy->flags = flags;
  copy->progress_callback = progress_callback;
  copy->progress_callback_data = progress_callback_data;
  copy->source_fd = -1;
  return copy;
}

/**
 * guring_file_copy_async:
 * @source: the file
 * @destination: what shall be its copy
 * @flags: a set of #GFileCopyFlags
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @progress_callback: (nullable) (scope notified): told how far it is, in the thread-default main
 *   context of the caller, at last with all that was copied
 * @progress_callback_data: for @progress_callback
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Copies a file, as g_file_copy_async() does. If it fails or is cancelled, @destination is as it
 * was before: the old file, or none. A copy that can share its bytes with @source does, if it is of
 * 1 MiB or more.
 *
 * g_file_copy_async() itself copies what is no regular file, and to a @destination that is a
 * symbolic link, or beside which no file can be made. Any thread.
 *
 * Start as many as you like: of those in one context 64 are under way at once, and the others wait
 * for their turn, so that they do not run out of descriptors.
 *
 * Since: 0.1
 */
void
guring_file_copy_async (GFile *source,
                        GFile *destination,
                        GFileCopyFlags flags,
                        gint io_priority,
                        GCancellable *cancellable,
                        GFileProgressCallback progress_callback,
                        gpointer progress_callback_data,
                        GAsyncReadyCallback callback,
                        gpointer user_data)
{
  const gchar *path, *destination_path;
  GuringTask *task;
  Copy *copy;

  g_return_if_fail (G_IS_FILE (source));
  g_return_if_fail (G_IS_FILE (destination));

  path = guring_file_get_local_path (source);
  destination_path = guring_file_get_local_path (destination);
  if (path == NULL || destination_path == NULL)
    {
      g_file_copy_async (source, destination, flags, io_priority, cancellable, progress_callback,
                         progress_callback_data, callback, user_data);
      return;
    }

  copy = copy_new (destination, destination_path, flags, progress_callback, progress_callback_data);
  task = guring_task_new (source, guring_file_copy_async, "copy", io_priority, cancellable,
                          callback, user_data);
  guring_task_set_data (task, copy, copy_free);
  guring_task_free_data_at_end (task); /* it has descriptors */
  copy->path = guring_task_set_path (task, path);
  guring_turn_take_of_kind (task, on_turn);
}

/**
 * guring_file_copy_finish:
 * @source: the file
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if there is a copy; %FALSE with the errors of g_file_copy_finish()
 *
 * Since: 0.1
 */
gboolean
guring_file_copy_finish (GFile *source, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_FILE (source), FALSE);

  if (!GURING_IS_TASK (result))
    return g_file_copy_finish (source, result, error);
  return guring_task_finish (result, guring_file_copy_async, error) >= 0;
}
