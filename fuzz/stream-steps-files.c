/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls on files, without a stream that stays. */

#include "config.h"

#include <guring/guring.h>

#include "oracle.h"
#include "stream-steps.h"
#include "twins.h"

static GFile *files[N_TWINS];

/* What GIO does in place of the library may end half-way, and so may a backup. */
static gboolean all_or_nothing;
static gboolean is_link;

static void
load (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  g_autofree gchar *mine = NULL;
  g_autofree gchar *theirs = NULL;
  gsize size = 0, their_size = 0;
  gboolean done, done_there;
  Call *call = call_new (FALSE);

  guring_file_load_contents_async (files[MINE], call->cancellable, call_ready, call);
  done =
    guring_file_load_contents_finish (files[MINE], call_wait (call), &mine, &size, NULL, &error);
  if (!stream_file_is_comparable (call, all_or_nothing, done, &error))
    return;
  done_there =
    g_file_load_contents (files[THEIRS], call->before, &theirs, &their_size, NULL, &their_error);
  stream_agree ("load", done, &error, done_there, &their_error);
  oracle_holds ("the same as GIO", size == their_size, "load: %zu bytes, not %zu", size,
                their_size);
  stream_agree_on_bytes ("load", mine, theirs, done ? size + 1 : 0);
}

static void
replace (void)
{
  static const GFileCreateFlags all_flags[] = { G_FILE_CREATE_NONE, G_FILE_CREATE_PRIVATE,
                                                G_FILE_CREATE_REPLACE_DESTINATION };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  gsize size = stream_take_size ();
  GFileCreateFlags flags = input_take_choice (stream_input, all_flags);
  gboolean backup = input_take_boolean (stream_input);
  const gchar *etag = input_take_below (stream_input, 4) == 3 ? "wrong" : NULL;
  g_autoptr (GBytes) bytes = g_bytes_new_static (stream_get_pattern (), size);
  gboolean done, done_there;
  Call *call;

  all_or_nothing = all_or_nothing && !backup;
  if (is_link) /* GIO writes to the file that it leads to, and whoever has that open sees it */
    stream_drop_streams ();
  call = call_new (FALSE);
  guring_file_replace_contents_bytes_async (files[MINE], bytes, etag, backup, flags,
                                            call->cancellable, call_ready, call);
  done = guring_file_replace_contents_bytes_finish (files[MINE], call_wait (call), NULL, &error);
  if (!stream_file_is_comparable (call, all_or_nothing, done, &error))
    return;
  done_there = g_file_replace_contents (files[THEIRS], g_bytes_get_data (bytes, NULL), size, etag,
                                        backup, flags, NULL, call->before, &their_error);
  if (is_link && !done && !done_there) /* see fuzz-stream.c */
    return;
  stream_agree ("replace contents", done, &error, done_there, &their_error);
}

static void
copy (void)
{
  static const GFileCopyFlags all_flags[] = {
    G_FILE_COPY_NONE,
    G_FILE_COPY_OVERWRITE,
    G_FILE_COPY_BACKUP | G_FILE_COPY_OVERWRITE,
    G_FILE_COPY_NOFOLLOW_SYMLINKS,
    G_FILE_COPY_TARGET_DEFAULT_PERMS,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  guint name = input_take_below (stream_input, twins_get_n_names ());
  GFileCopyFlags flags = input_take_choice (stream_input, all_flags);
  g_autoptr (GFile) mine = twins_get_file (MINE, name);
  g_autoptr (GFile) theirs = twins_get_file (THEIRS, name);
  gboolean done, done_there;
  Call *call;

  all_or_nothing = all_or_nothing && twins_is_plain (name) && !(flags & G_FILE_COPY_BACKUP);
  if (twins_is_link (name)) /* as above */
    stream_drop_streams ();
  call = call_new (FALSE);
  guring_file_copy_async (files[MINE], mine, flags, 0, call->cancellable, NULL, NULL, call_ready,
                          call);
  done = guring_file_copy_finish (files[MINE], call_wait (call), &error);
  if (!stream_file_is_comparable (call, all_or_nothing, done, &error))
    return;
  done_there = g_file_copy (files[THEIRS], theirs, flags, call->before, NULL, NULL, &their_error);
  stream_agree ("copy", done, &error, done_there, &their_error);
}

static void
query_info (void)
{
  static const gchar *const all_attributes[] = {
    "standard::*",
    "standard::type,standard::size",
    "unix::*",
    "standard::name,standard::display-name,standard::symlink-target",
    "unix::mode,unix::uid",
    "*",
    "standard::is-symlink,",
    "nonsense::*",
    "access::*",
    "",
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  const gchar *attributes = input_take_choice (stream_input, all_attributes);
  GFileQueryInfoFlags flags = input_take_boolean (stream_input)
                                ? G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS
                                : G_FILE_QUERY_INFO_NONE;
  g_autoptr (GFileInfo) mine = NULL;
  g_autoptr (GFileInfo) theirs = NULL;
  Call *call = call_new (FALSE);

  guring_file_query_info_async (files[MINE], attributes, flags, 0, call->cancellable, call_ready,
                                call);
  mine = guring_file_query_info_finish (files[MINE], call_wait (call), &error);
  if (!stream_file_is_comparable (call, all_or_nothing, mine != NULL, &error))
    return;
  theirs = g_file_query_info (files[THEIRS], attributes, flags, call->before, &their_error);
  stream_agree ("query info", mine != NULL, &error, theirs != NULL, &their_error);
  if (mine != NULL)
    {
      g_autofree gchar *my_text = twins_describe_info (mine);
      g_autofree gchar *their_text = twins_describe_info (theirs);

      oracle_holds ("the same as GIO", g_str_equal (my_text, their_text), "%s: %s\n--\n%s",
                    attributes, my_text, their_text);
    }
}

static void delete (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  gboolean done, done_there;
  Call *call = call_new (FALSE);

  guring_file_delete_async (files[MINE], 0, call->cancellable, call_ready, call);
  done = guring_file_delete_finish (files[MINE], call_wait (call), &error);
  if (!stream_file_is_comparable (call, all_or_nothing, done, &error))
    return;
  done_there = g_file_delete (files[THEIRS], call->before, &their_error);
  stream_agree ("delete", done, &error, done_there, &their_error);
}

static void
make_directory (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  gboolean done, done_there;
  Call *call = call_new (FALSE);

  guring_file_make_directory_async (files[MINE], 0, call->cancellable, call_ready, call);
  done = guring_file_make_directory_finish (files[MINE], call_wait (call), &error);
  if (!stream_file_is_comparable (call, all_or_nothing, done, &error))
    return;
  done_there = g_file_make_directory (files[THEIRS], call->before, &their_error);
  stream_agree ("make directory", done, &error, done_there, &their_error);
}

void
stream_file_step (void)
{
  static void (*const steps[]) (void) = {
    load, replace, copy, query_info, delete, make_directory,
  };
  guint name = input_take_below (stream_input, twins_get_n_names ());
  void (*step) (void) = input_take_choice (stream_input, steps);

  for (guint i = 0; i < N_TWINS; i++)
    files[i] = twins_get_file (i, name);
  all_or_nothing = twins_is_plain (name);
  is_link = twins_is_link (name);
  step ();
  for (guint i = 0; i < N_TWINS; i++)
    g_clear_object (&files[i]);
}
