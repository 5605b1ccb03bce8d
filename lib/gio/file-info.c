/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is known of a file: asking for it. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "file-attributes.h"
#include "file.h"

/* Asking */

/* Anything else that fails, such as for want of memory, says nothing of the link. */
static gboolean
leads_nowhere (gint32 res)
{
  return res == -ENOENT || res == -ENOTDIR || res == -ELOOP || res == -EACCES ||
         res == -ENAMETOOLONG;
}

static void
on_target_status (GuringTask *task, gint32 res)
{
  GuringQuery *query = guring_task_get_data (task);

  if (res < 0 && !leads_nowhere (res))
    {
      guring_task_return_errno (task, -res);
      return;
    }

  if (res >= 0) /* else the link itself counts */
    query->status = query->target_status;
  guring_task_return (task, 0);
}

static void
start_asking (GuringTask *task,
              int fd,
              const gchar *path,
              int flags,
              struct statx *status,
              GuringStepFunc func)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_statx (&sqe, fd, path, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME,
                       status);
  guring_task_run (task, &sqe, func);
}

static const gchar *
get_path (GuringTask *task)
{
  return (const gchar *) (guintptr) guring_task_get_sqe (task)->addr;
}

static void
on_status (GuringTask *task, gint32 res)
{
  GuringQuery *query = guring_task_get_data (task);

  if (res < 0 && res != -EACCES) /* GIO tells the names then */
    {
      guring_task_return_errno (task, -res);
      return;
    }

  query->has_status = res >= 0;
  query->is_symlink = query->has_status && S_ISLNK (query->status.stx_mode);
  if (query->is_symlink && query->follow)
    start_asking (task, AT_FDCWD, get_path (task), 0, &query->target_status, on_target_status);
  else
    guring_task_return (task, 0);
}

/* Returns: (nullable): NULL as well if it wants GIO's way with names that are no UTF-8 */
static GuringQuery *
query_new_for_path (const gchar *path, const gchar *attributes, GFileQueryInfoFlags flags)
{
  GuringQuery *query = guring_query_new (attributes);

  if (query == NULL)
    return NULL;

  query->basename = g_path_get_basename (path);
  query->follow = !(flags & G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS);
  if (!g_get_filename_charsets (NULL) || !g_utf8_validate (query->basename, -1, NULL))
    g_clear_pointer (&query, guring_query_free);
  return query;
}

/**
 * guring_file_query_info_async:
 * @file: the file
 * @attributes: which attributes are wanted
 * @flags: whether to follow a symbolic link
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Asks what is known of a file, as g_file_query_info_async() does. That itself is asked if
 * @attributes has a wildcard, or what takes more than statx(2), such as
 * %G_FILE_ATTRIBUTE_STANDARD_CONTENT_TYPE. Any thread.
 *
 * Since: 0.1
 */
void
guring_file_query_info_async (GFile *file,
                              const gchar *attributes,
                              GFileQueryInfoFlags flags,
                              gint io_priority,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  const gchar *path;
  GuringTask *task;
  GuringQuery *query;

  g_return_if_fail (G_IS_FILE (file));
  g_return_if_fail (attributes != NULL);

  path = guring_file_get_local_path (file);
  query = path != NULL ? query_new_for_path (path, attributes, flags) : NULL;
  if (query == NULL)
    {
      g_file_query_info_async (file, attributes, flags, io_priority, cancellable, callback,
                               user_data);
      return;
    }

  task = guring_task_new (file, guring_file_query_info_async, "query", io_priority, cancellable,
                          callback, user_data);
  guring_task_set_data (task, query, guring_query_free);
  start_asking (task, AT_FDCWD, guring_task_set_path (task, path), AT_SYMLINK_NOFOLLOW,
                &query->status, on_status);
}

/**
 * guring_file_query_info_finish:
 * @file: the file
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: (transfer full): what is known; %NULL with the errors of g_file_query_info_finish()
 *
 * Since: 0.1
 */
GFileInfo *
guring_file_query_info_finish (GFile *file, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_FILE (file), NULL);

  if (!GURING_IS_TASK (result))
    return g_file_query_info_finish (file, result, error);

  if (guring_task_finish (result, guring_file_query_info_async, error) < 0)
    return NULL;
  return guring_query_make_info (guring_task_get_data (GURING_TASK (result)));
}

/* What is known of an open file: of its names nothing. */

#define OF_DESCRIPTORS                                                                             \
  "standard::type,standard::size,standard::allocated-size,etag::value,id::*,time::*,"              \
  "unix::device,unix::inode,unix::mode,unix::nlink,unix::uid,unix::gid,unix::rdev,"                \
  "unix::block-size,unix::blocks,selinux::*,xattr::*,xattr-sys::*"

static GFile *
get_magic_link (int fd)
{
  g_autofree gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd);

  return g_file_new_for_path (path);
}

static void
forget_names (GFileInfo *info)
{
  GFileAttributeMatcher *matcher = g_file_attribute_matcher_new (OF_DESCRIPTORS);

  g_file_info_set_attribute_mask (info, matcher);
  g_file_attribute_matcher_unref (matcher);
  g_file_info_unset_attribute_mask (info);
}

GFileInfo *
guring_file_query_descriptor (int fd,
                              const gchar *attributes,
                              GCancellable *cancellable,
                              GError **error)
{
  g_autoptr (GFile) file = get_magic_link (fd);
  GFileInfo *info =
    g_file_query_info (file, attributes, G_FILE_QUERY_INFO_NONE, cancellable, error);

  if (info != NULL)
    forget_names (info);
  return info;
}

static void
on_answer_of_gio (GObject *file, GAsyncResult *result, gpointer task)
{
  GError *error = NULL;
  GFileInfo *info = g_file_query_info_finish (G_FILE (file), result, &error);

  if (info == NULL)
    {
      guring_task_return_error (task, error);
      return;
    }

  forget_names (info);
  guring_task_set_data (task, info, g_object_unref);
  guring_task_return (task, 0);
}

static void
on_descriptor_status (GuringTask *task, gint32 res)
{
  GuringQuery *query = guring_task_get_data (task);
  GFileInfo *info;

  if (res < 0)
    {
      guring_task_return_errno (task, -res);
      return;
    }

  query->has_status = TRUE;
  info = guring_query_make_info (query);
  guring_query_free (query);
  guring_task_set_data (task, info, g_object_unref);
  guring_task_return (task, 0);
}

void
guring_file_query_descriptor_async (gpointer stream,
                                    int fd,
                                    const gchar *attributes,
                                    gint io_priority,
                                    GCancellable *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer user_data)
{
  GuringTask *task = guring_task_new (stream, guring_file_query_descriptor_async, "query",
                                      io_priority, cancellable, callback, user_data);
  GuringQuery *query = guring_query_new (attributes);

  if (query == NULL)
    {
      g_autoptr (GFile) file = get_magic_link (fd);

      g_file_query_info_async (file, attributes, G_FILE_QUERY_INFO_NONE, io_priority, cancellable,
                               on_answer_of_gio, task);
      return;
    }

  guring_task_set_data (task, query, guring_query_free);
  start_asking (task, fd, "", AT_EMPTY_PATH, &query->status, on_descriptor_status);
}

GFileInfo *
guring_file_query_descriptor_finish (GAsyncResult *result, GError **error)
{
  if (guring_task_finish (result, guring_file_query_descriptor_async, error) < 0)
    return NULL;
  return g_object_ref (guring_task_get_data (GURING_TASK (result)));
}
