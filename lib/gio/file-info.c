/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is known of a file: the attributes that statx() knows. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "file.h"

typedef struct
{
  gchar **attributes; /* asked for, each in the table below */
  gchar *basename;    /* NULL: of a descriptor */
  gboolean follow;
  gboolean is_symlink;
  gboolean has_status;
  struct statx status;
  struct statx target_status;
} Query;

static void
query_free (gpointer data)
{
  Query *query = data;

  g_strfreev (query->attributes);
  g_free (query->basename);
  g_free (query);
}

/* The attributes */

typedef void (*SetFunc) (GFileInfo *info, const gchar *attribute, const Query *query);

static void
set_name (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_file_info_set_name (info, query->basename);
}

static void
set_utf8_name (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_file_info_set_attribute_string (info, attribute, query->basename);
}

static GFileType
get_type (guint mode)
{
  if (S_ISREG (mode))
    return G_FILE_TYPE_REGULAR;
  if (S_ISDIR (mode))
    return G_FILE_TYPE_DIRECTORY;
  if (S_ISLNK (mode))
    return G_FILE_TYPE_SYMBOLIC_LINK;
  return G_FILE_TYPE_SPECIAL;
}

static void
set_type (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_file_info_set_file_type (info, get_type (query->status.stx_mode));
}

static void
set_is_symlink (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_file_info_set_is_symlink (info, query->is_symlink);
}

static void
set_is_backup (GFileInfo *info, const gchar *attribute, const Query *query)
{
  if (g_str_has_suffix (query->basename, "~") && S_ISREG (query->status.stx_mode))
    g_file_info_set_attribute_boolean (info, attribute, TRUE);
}

static void
set_allocated_size (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_file_info_set_attribute_uint64 (info, attribute, query->status.stx_blocks * 512);
}

static void
set_etag (GFileInfo *info, const gchar *attribute, const Query *query)
{
  const struct statx_timestamp *modified = &query->status.stx_mtime;
  g_autofree gchar *etag = guring_file_make_etag (modified->tv_sec, modified->tv_nsec);

  g_file_info_set_attribute_string (info, attribute, etag);
}

static dev_t
get_device (const Query *query)
{
  return makedev (query->status.stx_dev_major, query->status.stx_dev_minor);
}

static void
set_device (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_file_info_set_attribute_uint32 (info, attribute, (guint32) get_device (query));
}

static void
set_rdev (GFileInfo *info, const gchar *attribute, const Query *query)
{
  const struct statx *status = &query->status;
  dev_t device = makedev (status->stx_rdev_major, status->stx_rdev_minor);

  g_file_info_set_attribute_uint32 (info, attribute, (guint32) device);
}

static void
set_file_id (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_autofree gchar *id =
    g_strdup_printf ("l%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64) get_device (query),
                     (guint64) query->status.stx_ino);

  g_file_info_set_attribute_string (info, attribute, id);
}

static void
set_filesystem_id (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_autofree gchar *id = g_strdup_printf ("l%" G_GUINT64_FORMAT, (guint64) get_device (query));

  g_file_info_set_attribute_string (info, attribute, id);
}

static void
set_mode (GFileInfo *info, const gchar *attribute, const Query *query)
{
  g_file_info_set_attribute_uint32 (info, attribute, query->status.stx_mode);
}

static const struct statx_timestamp *
get_timestamp (const struct statx *status, const gchar *attribute)
{
  if (g_str_has_prefix (attribute, G_FILE_ATTRIBUTE_TIME_MODIFIED))
    return &status->stx_mtime;
  if (g_str_has_prefix (attribute, G_FILE_ATTRIBUTE_TIME_ACCESS))
    return &status->stx_atime;
  if (g_str_has_prefix (attribute, G_FILE_ATTRIBUTE_TIME_CHANGED))
    return &status->stx_ctime;
  return status->stx_mask & STATX_BTIME ? &status->stx_btime : NULL;
}

static void
set_time (GFileInfo *info, const gchar *attribute, const Query *query)
{
  const struct statx_timestamp *timestamp = get_timestamp (&query->status, attribute);

  if (timestamp == NULL)
    return;

  if (g_str_has_suffix (attribute, "-usec"))
    g_file_info_set_attribute_uint32 (info, attribute, timestamp->tv_nsec / 1000);
  else if (g_str_has_suffix (attribute, "-nsec"))
    g_file_info_set_attribute_uint32 (info, attribute, timestamp->tv_nsec);
  else
    g_file_info_set_attribute_uint64 (info, attribute, (guint64) timestamp->tv_sec);
}

/* Where there is no function, the field is what counts: as the attribute's type wants it. */
#define FIELD32(field) NULL, G_STRUCT_OFFSET (struct statx, field), FALSE
#define FIELD64(field) NULL, G_STRUCT_OFFSET (struct statx, field), TRUE
#define FUNC(func) func, 0, FALSE

enum
{
  NAME = 1 << 0,
  STATUS = 1 << 1,
};

static const struct
{
  const gchar *attribute;
  guint needs;
  SetFunc func;
  glong offset;
  gboolean is_64_bits;
} table[] = {
  { G_FILE_ATTRIBUTE_STANDARD_NAME, NAME, FUNC (set_name) },
  { G_FILE_ATTRIBUTE_STANDARD_DISPLAY_NAME, NAME, FUNC (set_utf8_name) },
  { G_FILE_ATTRIBUTE_STANDARD_EDIT_NAME, NAME, FUNC (set_utf8_name) },
  { G_FILE_ATTRIBUTE_STANDARD_COPY_NAME, NAME, FUNC (set_utf8_name) },
  { G_FILE_ATTRIBUTE_STANDARD_TYPE, STATUS, FUNC (set_type) },
  { G_FILE_ATTRIBUTE_STANDARD_IS_SYMLINK, NAME | STATUS, FUNC (set_is_symlink) },
  { G_FILE_ATTRIBUTE_STANDARD_IS_BACKUP, NAME | STATUS, FUNC (set_is_backup) },
  { G_FILE_ATTRIBUTE_STANDARD_SIZE, STATUS, FIELD64 (stx_size) },
  { G_FILE_ATTRIBUTE_STANDARD_ALLOCATED_SIZE, STATUS, FUNC (set_allocated_size) },
  { G_FILE_ATTRIBUTE_ETAG_VALUE, STATUS, FUNC (set_etag) },
  { G_FILE_ATTRIBUTE_ID_FILE, STATUS, FUNC (set_file_id) },
  { G_FILE_ATTRIBUTE_ID_FILESYSTEM, STATUS, FUNC (set_filesystem_id) },
  { G_FILE_ATTRIBUTE_TIME_MODIFIED, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_MODIFIED_USEC, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_MODIFIED_NSEC, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_ACCESS, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_ACCESS_USEC, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_ACCESS_NSEC, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_CHANGED, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_CHANGED_USEC, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_CHANGED_NSEC, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_CREATED, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_CREATED_USEC, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_TIME_CREATED_NSEC, STATUS, FUNC (set_time) },
  { G_FILE_ATTRIBUTE_UNIX_DEVICE, STATUS, FUNC (set_device) },
  { G_FILE_ATTRIBUTE_UNIX_RDEV, STATUS, FUNC (set_rdev) },
  { G_FILE_ATTRIBUTE_UNIX_MODE, STATUS, FUNC (set_mode) },
  { G_FILE_ATTRIBUTE_UNIX_INODE, STATUS, FIELD64 (stx_ino) },
  { G_FILE_ATTRIBUTE_UNIX_NLINK, STATUS, FIELD32 (stx_nlink) },
  { G_FILE_ATTRIBUTE_UNIX_UID, STATUS, FIELD32 (stx_uid) },
  { G_FILE_ATTRIBUTE_UNIX_GID, STATUS, FIELD32 (stx_gid) },
  { G_FILE_ATTRIBUTE_UNIX_BLOCK_SIZE, STATUS, FIELD32 (stx_blksize) },
  { G_FILE_ATTRIBUTE_UNIX_BLOCKS, STATUS, FIELD64 (stx_blocks) },
};

/* -1 if there is none */
static gint
find_attribute (const gchar *attribute)
{
  for (gsize i = 0; i < G_N_ELEMENTS (table); i++)
    if (strcmp (table[i].attribute, attribute) == 0)
      return (gint) i;
  return -1;
}

static void
set_attribute (GFileInfo *info, gint i, const Query *query)
{
  gconstpointer field = G_STRUCT_MEMBER_P (&query->status, table[i].offset);

  if ((table[i].needs & STATUS) && !query->has_status)
    return;
  if ((table[i].needs & NAME) && query->basename == NULL)
    return;

  if (table[i].func != NULL)
    table[i].func (info, table[i].attribute, query);
  else if (table[i].is_64_bits)
    g_file_info_set_attribute_uint64 (info, table[i].attribute, *(const guint64 *) field);
  else
    g_file_info_set_attribute_uint32 (info, table[i].attribute, *(const guint32 *) field);
}

static GFileInfo *
make_info (const Query *query)
{
  GFileInfo *info = g_file_info_new ();

  for (gsize i = 0; query->attributes[i] != NULL; i++)
    set_attribute (info, find_attribute (query->attributes[i]), query);
  return info;
}

/* Asking */

static void
on_target_status (GuringTask *task, gint32 res)
{
  Query *query = guring_task_get_data (task);

  if (res == -ECANCELED)
    {
      guring_task_return_errno (task, ECANCELED);
      return;
    }

  if (res >= 0) /* else it is a link that leads nowhere: the link itself counts */
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
  Query *query = guring_task_get_data (task);

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

static gboolean
is_known (gchar **attributes)
{
  for (gsize i = 0; attributes[i] != NULL; i++)
    if (find_attribute (attributes[i]) < 0)
      return FALSE;
  return attributes[0] != NULL;
}

/* Returns: (nullable): NULL if it wants what statx() does not know */
static Query *
query_new (const gchar *attributes)
{
  Query *query = g_new0 (Query, 1);

  query->attributes = g_strsplit (attributes, ",", -1);
  if (!is_known (query->attributes))
    g_clear_pointer (&query, query_free);
  return query;
}

/* Returns: (nullable): NULL as well if it wants GIO's way with names that are no UTF-8 */
static Query *
query_new_for_path (const gchar *path, const gchar *attributes, GFileQueryInfoFlags flags)
{
  Query *query = query_new (attributes);

  if (query == NULL)
    return NULL;

  query->basename = g_path_get_basename (path);
  query->follow = !(flags & G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS);
  if (!g_get_filename_charsets (NULL) || !g_utf8_validate (query->basename, -1, NULL))
    g_clear_pointer (&query, query_free);
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
  Query *query;

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
  guring_task_set_data (task, query, query_free);
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
  return make_info (guring_task_get_data (GURING_TASK (result)));
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
  Query *query = guring_task_get_data (task);
  GFileInfo *info;

  if (res < 0)
    {
      guring_task_return_errno (task, -res);
      return;
    }

  query->has_status = TRUE;
  info = make_info (query);
  query_free (query);
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
  Query *query = query_new (attributes);

  if (query == NULL)
    {
      g_autoptr (GFile) file = get_magic_link (fd);

      g_file_query_info_async (file, attributes, G_FILE_QUERY_INFO_NONE, io_priority, cancellable,
                               on_answer_of_gio, task);
      return;
    }

  guring_task_set_data (task, query, query_free);
  start_asking (task, fd, "", AT_EMPTY_PATH, &query->status, on_descriptor_status);
}

GFileInfo *
guring_file_query_descriptor_finish (GAsyncResult *result, GError **error)
{
  if (guring_task_finish (result, guring_file_query_descriptor_async, error) < 0)
    return NULL;
  return g_object_ref (guring_task_get_data (GURING_TASK (result)));
}
