/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls on files that write none, while each call of the library fails: what fails has changed
 * nothing. */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "file-support.h"
#include "sweep.h"

#define SIZE 1000
#define BIG ((1u << 20) + SIZE)

/* Loading */

static void
load (const gchar *name, gsize size)
{
  g_auto (Answer) answer = answer_for (name);
  g_autoptr (GError) error = NULL;
  g_autofree gchar *contents = NULL;
  gsize length = 0;
  gboolean loaded;

  sweep_arm ();
  guring_file_load_contents_async (answer.file, NULL, on_answer, &answer);
  loaded = guring_file_load_contents_finish (answer.file, sweep_await (&answer), &contents, &length,
                                             NULL, &error);
  sweep_finish ();
  sweep_ended (loaded, &error);
  if (loaded && size > 0)
    assert_bytes (make_pattern (size), contents, length);
}

SWEPT (a_file_is_loaded)
{
  remove_all ();
  make ("file", SIZE);
  load ("file", SIZE);
}

SWEPT (a_large_file_is_loaded)
{
  remove_all ();
  make ("file", BIG);
  load ("file", BIG);
}

SWEPT (a_file_that_does_not_say_its_size_is_loaded)
{
  load ("/proc/self/status", 0);
}

SWEPT (a_load_is_cancelled)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;

  remove_all ();
  make ("file", BIG);
  sweep_arm ();
  guring_file_load_bytes_async (answer.file, cancellable, on_answer, &answer);
  g_cancellable_cancel (cancellable);
  bytes = guring_file_load_bytes_finish (answer.file, sweep_await (&answer), NULL, &error);
  sweep_finish ();
  ck_assert ((bytes == NULL) == (error != NULL));
}

static void
query_stream (GFileInputStream *stream)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInfo) info = NULL;

  g_file_input_stream_query_info_async (stream, "standard::size", 0, NULL, on_answer, &answer);
  info = g_file_input_stream_query_info_finish (stream, sweep_await (&answer), &error);
  sweep_ended (info != NULL, &error);
}

static void
read_stream (gpointer stream)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gchar buffer[10];

  g_input_stream_read_async (stream, buffer, sizeof buffer, 0, NULL, on_answer, &answer);
  sweep_ended (g_input_stream_read_finish (stream, sweep_await (&answer), &error) >= 0, &error);
  sweep_ended (g_seekable_seek (stream, 0, G_SEEK_SET, NULL, &error), &error);
}

SWEPT (a_file_is_read_by_a_stream)
{
  g_auto (Answer) answer = answer_for ("file");
  g_auto (Answer) closing = { 0 };
  g_autoptr (GError) error = NULL;
  GFileInputStream *stream;

  remove_all ();
  make ("file", SIZE);
  sweep_arm ();
  guring_file_read_async (answer.file, 0, NULL, on_answer, &answer);
  stream = guring_file_read_finish (answer.file, sweep_await (&answer), &error);
  answer_clear (&answer);
  sweep_ended (stream != NULL, &error);
  if (stream != NULL)
    {
      query_stream (stream);
      read_stream (stream);
      g_input_stream_close_async (G_INPUT_STREAM (stream), 0, NULL, on_answer, &closing);
      sweep_ended (g_input_stream_close_finish (G_INPUT_STREAM (stream), sweep_await (&closing),
                                                &error),
                   &error);
      g_object_unref (stream);
    }
  sweep_finish ();
}

/* What is known of files, and names */

static void
query (const gchar *name, GFileQueryInfoFlags flags)
{
  g_auto (Answer) answer = answer_for (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInfo) info = NULL;

  sweep_arm ();
  guring_file_query_info_async (answer.file, "standard::name,unix::mode", flags, 0, NULL, on_answer,
                                &answer);
  info = guring_file_query_info_finish (answer.file, sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (info != NULL, &error);
}

SWEPT (a_file_is_asked_for)
{
  remove_all ();
  make ("file", SIZE);
  query ("file", G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS);
}

SWEPT (a_link_is_asked_for)
{
  remove_all ();
  make ("file", SIZE);
  ck_assert_int_eq (symlink ("file", "link"), 0);
  query ("link", G_FILE_QUERY_INFO_NONE);
}

static void
delete_it (const gchar *name)
{
  g_auto (Answer) answer = answer_for (name);
  g_autoptr (GError) error = NULL;
  gboolean deleted;

  sweep_arm ();
  guring_file_delete_async (answer.file, 0, NULL, on_answer, &answer);
  deleted = guring_file_delete_finish (answer.file, sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (deleted, &error);
  ck_assert (exists (name) == !deleted);
}

SWEPT (a_file_is_deleted)
{
  remove_all ();
  make ("file", SIZE);
  delete_it ("file");
}

SWEPT (a_directory_is_deleted)
{
  remove_all ();
  ck_assert_int_eq (mkdir ("directory", 0700), 0);
  delete_it ("directory");
}

SWEPT (a_directory_is_made)
{
  g_auto (Answer) answer = answer_for ("directory");
  g_autoptr (GError) error = NULL;
  gboolean made;

  remove_all ();
  sweep_arm ();
  guring_file_make_directory_async (answer.file, 0, NULL, on_answer, &answer);
  made = guring_file_make_directory_finish (answer.file, sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (made, &error);
  ck_assert (exists ("directory") == made);
}

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_file_is_loaded);
  tcase_add_test (tcase, a_large_file_is_loaded);
  tcase_add_test (tcase, a_file_that_does_not_say_its_size_is_loaded);
  tcase_add_test (tcase, a_load_is_cancelled);
  tcase_add_test (tcase, a_file_is_read_by_a_stream);
  tcase_add_test (tcase, a_file_is_asked_for);
  tcase_add_test (tcase, a_link_is_asked_for);
  tcase_add_test (tcase, a_file_is_deleted);
  tcase_add_test (tcase, a_directory_is_deleted);
  tcase_add_test (tcase, a_directory_is_made);
}

int
main (void)
{
  return run_io_sweeps ("fault-sweep-files", add_tests);
}
