/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is known of a file: the attributes that statx() knows. */

#include "config.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "file-attributes.h"
#include "file.h"

void
guring_query_free (gpointer data)
{
  GuringQuery *query = data;

  g_strfreev (query->attributes);
  g_free (query->basename);
  g_free (query);
}

/* The attributes */

typedef void (*SetFunc) (GFileInfo *info, const gchar *attribute, const GuringQuery *query);

static void
set_name (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  g_file_info_set_name (info, query->basename);
}

static void
set_utf8_name (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
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
set_type (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  g_file_info_set_file_type (info, get_type (query->status.stx_mode));
}

static void
set_is_symlink (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  g_file_info_set_is_symlink (info, query->is_symlink);
}

static void
set_is_backup (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  g_file_info_set_attribute_boolean (info, attribute,
                                     g_str_has_suffix (query->basename, "~") &&
                                       S_ISREG (query->status.stx_mode));
}

static void
set_allocated_size (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  g_file_info_set_attribute_uint64 (info, attribute, query->status.stx_blocks * 512);
}

static void
set_etag (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  const struct statx_timestamp *modified = &query->status.stx_mtime;
  g_autofree gchar *etag = guring_file_make_etag (modified->tv_sec, modified->tv_nsec);

  g_file_info_set_attribute_string (info, attribute, etag);
}

static dev_t
get_device (const GuringQuery *query)
{
  return makedev (query->status.stx_dev_major, query->status.stx_dev_minor);
}

static void
set_device (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  g_file_info_set_attribute_uint32 (info, attribute, (guint32) get_device (query));
}

static void
set_rdev (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  const struct statx *status = &query->status;
  dev_t device = makedev (status->stx_rdev_major, status->stx_rdev_minor);

  g_file_info_set_attribute_uint32 (info, attribute, (guint32) device);
}

static void
set_file_id (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  g_autofree gchar *id =
    g_strdup_printf ("l%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, (guint64) get_device (query),
                     (guint64) query->status.stx_ino);

  g_file_info_set_attribute_string (info, attribute, id);
}

static void
set_filesystem_id (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
{
  g_autofree gchar *id = g_strdup_printf ("l%" G_GUINT64_FORMAT, (guint64) get_device (query));

  g_file_info_set_attribute_string (info, attribute, id);
}

static void
set_mode (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
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
set_time (GFileInfo *info, const gchar *attribute, const GuringQuery *query)
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
set_attribute (GFileInfo *info, gint i, const GuringQuery *query)
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

GFileInfo *
guring_query_make_info (const GuringQuery *query)
{
  GFileInfo *info = g_file_info_new ();

  for (gsize i = 0; query->attributes[i] != NULL; i++)
    set_attribute (info, find_attribute (query->attributes[i]), query);
  return info;
}

static gboolean
is_known (gchar **attributes)
{
  for (gsize i = 0; attributes[i] != NULL; i++)
    if (find_attribute (attributes[i]) < 0)
      return FALSE;
  return attributes[0] != NULL;
}

GuringQuery *
guring_query_new (const gchar *attributes)
{
  GuringQuery *query = g_new0 (GuringQuery, 1);

  query->attributes = g_strsplit (attributes, ",", -1);
  if (!is_known (query->attributes))
    g_clear_pointer (&query, guring_query_free);
  return query;
}
