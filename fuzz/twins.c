/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptors.h"
#include "oracle.h"
#include "twins.h"

static const gchar *const names[] = {
  "file",          /* regular */
  "other",         /* the same, and smaller */
  "missing",       /* nothing */
  "directory",     /* with something in it */
  "link",          /* to the file */
  "dangling",      /* a symbolic link to nothing */
  "twice",         /* a file with another name */
  "empty",         /* a directory */
  "file/child",    /* can't be */
  "directory/sub", /* a file */
  "nowhere/child", /* can't be either */
  "a name of more than 255 bytes, which is too long for any file system that we know of, and all "
  "of "
  "them say so, some with the same errno and others with another: let us see what is made of that "
  "by either. Nothing else is to be said here, but some words that make it long enough.",
};

static guint generation;
static gchar *directories[N_TWINS];

static void
write_file (const gchar *directory, const gchar *name, gsize size)
{
  g_autofree gchar *path = g_build_filename (directory, name, NULL);
  g_autofree gchar *content = g_malloc (size);
  gint fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

  for (gsize i = 0; i < size; i++)
    content[i] = (gchar) (i * 7 + i / 251);
  if (fd < 0 || write (fd, content, size) != (gssize) size)
    g_error ("Could not write %s: %s", path, g_strerror (errno));
  close (fd);
}

static void
make (const gchar *directory)
{
  gint fd;

  if (mkdir (directory, 0700) != 0)
    g_error ("Could not make %s: %s", directory, g_strerror (errno));
  fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  write_file (directory, "file", TWINS_FILE_SIZE);
  write_file (directory, "other", 100);
  write_file (directory, "twice", 10);
  if (mkdirat (fd, "directory", 0700) != 0 || mkdirat (fd, "empty", 0700) != 0 ||
      symlinkat ("file", fd, "link") != 0 || symlinkat ("nothing", fd, "dangling") != 0 ||
      linkat (fd, "twice", fd, "second", 0) != 0)
    g_error ("Could not fill %s: %s", directory, g_strerror (errno));
  write_file (directory, "directory/sub", 3);
  close (fd);
}

void
twins_make (void)
{
  generation++;
  descriptors_directory_used ();
  for (guint i = 0; i < N_TWINS; i++)
    {
      g_free (directories[i]);
      directories[i] =
        g_strdup_printf ("%s/%u%c", descriptors_get_directory (), generation, "mt"[i]);
      make (directories[i]);
    }
}

gboolean
twins_is_plain (guint name)
{
  return name < 3;
}

gboolean
twins_is_link (guint name)
{
  return name == 4 || name == 5;
}

guint
twins_get_n_names (void)
{
  return G_N_ELEMENTS (names);
}

GFile *
twins_get_file (guint twin, guint name)
{
  g_autofree gchar *path = g_build_filename (directories[twin], names[name], NULL);

  return g_file_new_for_path (path);
}

gint
twins_open (guint twin, gint flags)
{
  g_autofree gchar *path = g_build_filename (directories[twin], names[0], NULL);

  return open (path, flags | O_CLOEXEC);
}

/* Comparing */

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar *const *) a, *(const gchar *const *) b);
}

static GPtrArray *
list (const gchar *directory)
{
  GPtrArray *entries = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (directory, 0, NULL);
  const gchar *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (entries, g_strdup (name));
  g_dir_close (dir);
  g_ptr_array_sort (entries, compare_names);
  return entries;
}

static gchar *
describe (const gchar *directory, const gchar *name)
{
  g_autofree gchar *path = g_build_filename (directory, name, NULL);
  g_autofree gchar *content = NULL;
  g_autofree gchar *sum = NULL;
  struct stat status;
  gsize size = 0;

  lstat (path, &status);
  if (S_ISREG (status.st_mode))
    g_file_get_contents (path, &content, &size, NULL);
  else if (S_ISLNK (status.st_mode))
    {
      content = g_file_read_link (path, NULL);
      size = strlen (content);
    }
  sum = g_compute_checksum_for_data (G_CHECKSUM_MD5, (const guchar *) content, size);
  return g_strdup_printf ("%s: mode %o, %u links, %u bytes, %s", name, status.st_mode,
                          (guint) status.st_nlink, (guint) size, sum);
}

static gchar *
describe_all (const gchar *directory)
{
  g_autoptr (GPtrArray) entries = list (directory);
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < entries->len; i++)
    {
      g_autofree gchar *line = describe (directory, entries->pdata[i]);

      g_string_append_printf (text, "%s\n", line);
    }
  return g_string_free (text, FALSE);
}

void
twins_check (void)
{
  g_autofree gchar *mine = describe_all (directories[MINE]);
  g_autofree gchar *theirs = describe_all (directories[THEIRS]);

  oracle_holds ("the same as GIO", g_str_equal (mine, theirs), "files:\n%s--\n%s", mine, theirs);
}

/* Times, inodes and what is made of them differ between any two files; objects have no text; how
 * much a file takes up depends on how it was written. */
static gboolean
is_comparable (const gchar *attribute)
{
  return !g_str_has_prefix (attribute, "time::") && !g_str_has_prefix (attribute, "etag::") &&
         !g_str_has_prefix (attribute, "id::") && !g_str_equal (attribute, "unix::inode") &&
         !g_str_equal (attribute, "unix::blocks") && !g_str_has_suffix (attribute, "icon") &&
         !g_str_equal (attribute, "standard::allocated-size");
}

gchar *
twins_describe_info (GFileInfo *info)
{
  g_auto (GStrv) attributes = g_file_info_list_attributes (info, NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; attributes[i] != NULL; i++)
    {
      g_autofree gchar *value = g_file_info_get_attribute_as_string (info, attributes[i]);

      if (is_comparable (attributes[i]))
        g_ptr_array_add (lines, g_strdup_printf ("%s = %s", attributes[i], value));
    }
  g_ptr_array_sort (lines, compare_names);
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("\n", (gchar **) lines->pdata);
}
