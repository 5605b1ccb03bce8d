/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file-support.h"

GFileInputStream *
file_read (const gchar *name, GCancellable *cancellable, GError **error)
{
  g_auto (Answer) answer = answer_for (name);

  guring_file_read_async (answer.file, 0, cancellable, on_answer, &answer);
  return guring_file_read_finish (answer.file, await_answer (&answer), error);
}

GFileOutputStream *
file_create (const gchar *name, GFileCreateFlags flags, GError **error)
{
  g_auto (Answer) answer = answer_for (name);

  guring_file_create_async (answer.file, flags, 0, NULL, on_answer, &answer);
  return guring_file_create_finish (answer.file, await_answer (&answer), error);
}

GFileOutputStream *
file_append_to (const gchar *name, GFileCreateFlags flags, GError **error)
{
  g_auto (Answer) answer = answer_for (name);

  guring_file_append_to_async (answer.file, flags, 0, NULL, on_answer, &answer);
  return guring_file_append_to_finish (answer.file, await_answer (&answer), error);
}

GFileOutputStream *
file_replace (const gchar *name,
              const gchar *etag,
              gboolean make_backup,
              GFileCreateFlags flags,
              GError **error)
{
  g_auto (Answer) answer = answer_for (name);

  guring_file_replace_async (answer.file, etag, make_backup, flags, 0, NULL, on_answer, &answer);
  return guring_file_replace_finish (answer.file, await_answer (&answer), error);
}

gboolean
close_async (gpointer stream, GCancellable *cancellable, GError **error)
{
  g_auto (Answer) answer = { 0 };

  if (G_IS_INPUT_STREAM (stream))
    {
      g_input_stream_close_async (stream, 0, cancellable, on_answer, &answer);
      return g_input_stream_close_finish (stream, await_answer (&answer), error);
    }
  g_output_stream_close_async (stream, 0, cancellable, on_answer, &answer);
  return g_output_stream_close_finish (stream, await_answer (&answer), error);
}

void
make_old (const gchar *name)
{
  ck_assert (g_file_set_contents (name, "old", 3, NULL));
}

gboolean
is_old (const gchar *name)
{
  g_autofree gchar *contents = NULL;
  gsize length;

  return g_file_get_contents (name, &contents, &length, NULL) && length == 3 &&
         memcmp (contents, "old", 3) == 0;
}

void
assert_new (const gchar *name, gsize size)
{
  g_autoptr (GBytes) expected = make_pattern (size);
  g_autofree gchar *contents = NULL;
  gsize length;

  ck_assert (g_file_get_contents (name, &contents, &length, NULL));
  ck_assert_uint_eq (length, size);
  ck_assert (size == 0 || memcmp (contents, g_bytes_get_data (expected, NULL), size) == 0);
}

void
remove_all (void)
{
  g_autoptr (GDir) dir = g_dir_open (".", 0, NULL);
  const gchar *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    ck_assert_int_eq (remove (name), 0);
}

void
give_away (const gchar *name)
{
  static gboolean told;

  if (chown (name, 1234, 5678) < 0 && !told)
    {
      g_printerr ("# SKIP another owner: %s\n", g_strerror (errno));
      told = TRUE;
    }
}

guint
count_names (const gchar *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

struct stat
get_status (const gchar *name)
{
  struct stat status;

  ck_assert_int_eq (lstat (name, &status), 0);
  return status;
}

void
assert_same_error (const GError *error, const GError *expected, const gchar *name)
{
  ck_assert_msg ((error == NULL) == (expected == NULL), "%s: %s, not %s", name,
                 error != NULL ? error->message : "success",
                 expected != NULL ? expected->message : "success");
  if (error == NULL)
    return;

  ck_assert_msg (g_error_matches (error, expected->domain, expected->code), "%s: %s, not %s", name,
                 error->message, expected->message);
  ck_assert_msg (g_utf8_validate (error->message, -1, NULL), "%s: %s", name, error->message);
}
