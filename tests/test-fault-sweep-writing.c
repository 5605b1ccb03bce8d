/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing files, while each call of the library fails: what fails has changed nothing. */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "file-support.h"
#include "sweep.h"

#define SIZE 1000
#define BIG ((1u << 20) + SIZE)

/* The file is new, or old as before; beside it are no more names than there shall be. */
static void
assert_replaced (gboolean replaced, gsize size, gint n_names)
{
  if (replaced)
    assert_new ("file", size);
  else
    ck_assert (is_old ("file"));
  ck_assert_int_eq (count_names ("."), n_names);
}

/* Replacing what is to be given up. A file beside which no other can be made, or be given to its
 * owner, is written in place, as in GIO, which itself follows links. A name stays that can't be
 * removed. */
static void
assert_given_up (gboolean replaced, gsize size, gint n_names)
{
  switch (sweep_get_error_number ())
    {
    case EACCES:
    case EINVAL:
    case ELOOP:
    case EOPNOTSUPP:
    case EPERM:
      return;
    default:
      assert_replaced (replaced, size, n_names + sweep_has_failed ("unlink"));
    }
}

/* Replacing */

static gboolean
replace_contents (gsize size, gboolean backup)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GBytes) bytes = make_pattern (size);
  g_autoptr (GError) error = NULL;
  gboolean replaced;

  sweep_arm ();
  guring_file_replace_contents_bytes_async (answer.file, bytes, NULL, backup, 0, NULL, on_answer,
                                            &answer);
  replaced =
    guring_file_replace_contents_bytes_finish (answer.file, sweep_await (&answer), NULL, &error);
  sweep_finish ();
  sweep_ended (replaced, &error);
  return replaced;
}

/* A kernel is believed that says that there is no file: it is no more what it was. */
static gboolean
was_seen (void)
{
  return sweep_get_error_number () != ENOENT;
}

SWEPT (contents_are_replaced)
{
  remove_all ();
  make_old ("file");
  assert_replaced (replace_contents (SIZE, FALSE), SIZE, 1);
}

SWEPT (contents_are_written_in_several_steps)
{
  remove_all ();
  make_old ("file");
  assert_replaced (replace_contents (BIG, FALSE), BIG, 1);
}

SWEPT (contents_of_a_new_file_are_written)
{
  gboolean made;

  remove_all ();
  made = replace_contents (SIZE, FALSE);
  ck_assert (exists ("file") == made);
  ck_assert_int_eq (count_names ("."), made);
}

SWEPT (contents_are_replaced_through_a_link)
{
  remove_all ();
  make_old ("target");
  ck_assert_int_eq (symlink ("target", "file"), 0);
  assert_replaced (replace_contents (SIZE, FALSE), SIZE, 2);
  ck_assert (S_ISLNK (get_status ("file").st_mode) || !was_seen ());
}

/* In place */
SWEPT (contents_of_a_file_with_two_names_are_replaced)
{
  remove_all ();
  make_old ("file");
  ck_assert_int_eq (link ("file", "second"), 0);
  if (replace_contents (SIZE, FALSE) && was_seen ())
    assert_new ("second", SIZE);
  ck_assert_uint_eq (count_names ("."), 2);
}

SWEPT (a_backup_is_made)
{
  gboolean replaced;

  remove_all ();
  make_old ("file");
  replaced = replace_contents (SIZE, TRUE);
  assert_replaced (replaced, SIZE, 1 + exists ("file~"));
  ck_assert (!exists ("file~") || is_old ("file~"));
  ck_assert (exists ("file~") || !replaced || !was_seen ());
}

/* One that was killed has left it. It stays if it can't be looked at, until the next time. */
SWEPT (a_leftover_is_swept)
{
  g_autofree gchar *leftover = g_strdup_printf (".guring-%08x", g_str_hash ("file"));
  gboolean replaced;

  remove_all ();
  make_old ("file");
  make_old (leftover);
  replaced = replace_contents (SIZE, FALSE);
  ck_assert (!exists (leftover) || sweep_has_fired ());
  assert_replaced (replaced, SIZE, 1 + exists (leftover));
}

/* Streams */

static GFileOutputStream *
open_replacement (void)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GError) error = NULL;
  GFileOutputStream *stream;

  guring_file_replace_async (answer.file, NULL, FALSE, 0, 0, NULL, on_answer, &answer);
  stream = guring_file_replace_finish (answer.file, sweep_await (&answer), &error);
  answer_clear (&answer); /* it has the stream, too */
  sweep_ended (stream != NULL, &error);
  return stream;
}

static gboolean
write_old (gpointer stream)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean written;

  g_output_stream_write_all_async (stream, "old", 3, 0, NULL, on_answer, &answer);
  written = g_output_stream_write_all_finish (stream, sweep_await (&answer), NULL, &error);
  sweep_ended (written, &error);
  return written;
}

static gboolean
close_stream (gpointer stream, gboolean is_synchronous)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean closed;

  if (is_synchronous)
    closed = g_output_stream_close (stream, NULL, &error);
  else
    {
      g_output_stream_close_async (stream, 0, NULL, on_answer, &answer);
      closed = g_output_stream_close_finish (stream, sweep_await (&answer), &error);
    }
  sweep_ended (closed, &error);
  return closed;
}

/* If a write fails, what is closed then is shorter. */
static void
replace_by_stream (gboolean is_synchronous)
{
  gboolean written = FALSE, closed = FALSE;
  GFileOutputStream *stream;

  remove_all ();
  make ("file", SIZE);
  sweep_arm ();
  stream = open_replacement ();
  if (stream != NULL)
    {
      written = write_old (stream);
      closed = close_stream (stream, is_synchronous);
      g_object_unref (stream);
    }
  sweep_finish ();
  if (!closed)
    assert_new ("file", SIZE);
  else if (written)
    ck_assert (is_old ("file"));
  ck_assert_uint_eq (count_names ("."), 1);
}

SWEPT (a_stream_replaces)
{
  replace_by_stream (FALSE);
}

SWEPT (a_stream_that_is_closed_synchronously_replaces)
{
  replace_by_stream (TRUE);
}

/* In place */
SWEPT (a_stream_writes_a_file_with_two_names)
{
  GFileOutputStream *stream;

  remove_all ();
  make ("file", SIZE);
  ck_assert_int_eq (link ("file", "second"), 0);
  sweep_arm ();
  stream = open_replacement ();
  if (stream != NULL)
    {
      write_old (stream);
      close_stream (stream, FALSE);
      g_object_unref (stream);
    }
  sweep_finish ();
  ck_assert_uint_eq (count_names ("."), 2);
}

SWEPT (a_replacing_stream_is_closed_and_cancelled)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  GFileOutputStream *stream;

  remove_all ();
  make_old ("file");
  sweep_arm ();
  stream = open_replacement ();
  if (stream != NULL)
    {
      ck_assert (!g_output_stream_close (G_OUTPUT_STREAM (stream), cancellable, NULL));
      g_object_unref (stream);
    }
  sweep_finish ();
  assert_given_up (FALSE, 0, 1);
}

static void
truncate_stream (gpointer stream, goffset size)
{
  g_autoptr (GError) error = NULL;

  sweep_ended (g_seekable_truncate (stream, size, NULL, &error), &error);
}

typedef void (*OpenFunc) (GFile *file,
                          GFileCreateFlags flags,
                          gint io_priority,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data);
typedef GFileOutputStream *(*OpenedFunc) (GFile *file, GAsyncResult *result, GError **error);

/* Returns: whether there was a stream */
static gboolean
write_by_stream (OpenFunc open_async, OpenedFunc open_finish, goffset size)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GError) error = NULL;
  GFileOutputStream *stream;
  gboolean opened;

  sweep_arm ();
  open_async (answer.file, 0, 0, NULL, on_answer, &answer);
  stream = open_finish (answer.file, sweep_await (&answer), &error);
  answer_clear (&answer);
  opened = stream != NULL;
  sweep_ended (opened, &error);
  if (opened)
    {
      write_old (stream);
      truncate_stream (stream, size);
      close_stream (stream, FALSE);
      g_object_unref (stream);
    }
  sweep_finish ();
  return opened;
}

SWEPT (a_file_is_created)
{
  remove_all ();
  ck_assert (write_by_stream (guring_file_create_async, guring_file_create_finish, 3) ==
             exists ("file"));
}

SWEPT (a_file_is_appended_to)
{
  remove_all ();
  make ("file", SIZE);
  write_by_stream (guring_file_append_to_async, guring_file_append_to_finish, SIZE);
  ck_assert_int_ge (get_status ("file").st_size, SIZE);
}

/* Copies */

/* The destination is there if it succeeded, the source in any case. */
static void
copy (const gchar *from, GFileCopyFlags flags, gsize size)
{
  g_auto (Answer) answer = answer_for (from);
  g_auto (Answer) destination = answer_for ("file");
  g_autoptr (GError) error = NULL;
  gboolean overwrites = exists ("file");
  gboolean copied;

  sweep_arm ();
  guring_file_copy_async (answer.file, destination.file, flags, 0, NULL, NULL, NULL, on_answer,
                          &answer);
  copied = guring_file_copy_finish (answer.file, sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (copied, &error);
  assert_new (from, size);
  if (copied || overwrites)
    assert_replaced (copied, size, 2);
  else
    ck_assert_uint_eq (count_names ("."), 1);
}

SWEPT (a_file_is_copied)
{
  remove_all ();
  make ("source", SIZE);
  copy ("source", 0, SIZE);
}

SWEPT (a_file_is_copied_over_another)
{
  remove_all ();
  make ("source", SIZE);
  make_old ("file");
  copy ("source", G_FILE_COPY_OVERWRITE, SIZE);
}

SWEPT (a_large_file_is_copied)
{
  remove_all ();
  make ("source", BIG);
  make_old ("file");
  copy ("source", G_FILE_COPY_OVERWRITE, BIG);
}

SWEPT (a_file_is_copied_with_all_its_attributes)
{
  remove_all ();
  make ("source", SIZE);
  copy ("source", G_FILE_COPY_ALL_METADATA, SIZE);
}

static void
on_progress (goffset current, goffset total, gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

SWEPT (a_copy_is_cancelled)
{
  g_auto (Answer) answer = answer_for ("source");
  g_auto (Answer) destination = answer_for ("file");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gboolean copied;

  remove_all ();
  make ("source", BIG);
  make_old ("file");
  sweep_arm ();
  guring_file_copy_async (answer.file, destination.file, G_FILE_COPY_OVERWRITE, 0, cancellable,
                          on_progress, cancellable, on_answer, &answer);
  copied = guring_file_copy_finish (answer.file, sweep_await (&answer), &error);
  sweep_finish ();
  ck_assert (copied == (error == NULL));
  assert_new ("source", BIG);
  assert_given_up (copied, BIG, 2);
}

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, contents_are_replaced);
  tcase_add_test (tcase, contents_are_written_in_several_steps);
  tcase_add_test (tcase, contents_of_a_new_file_are_written);
  tcase_add_test (tcase, contents_are_replaced_through_a_link);
  tcase_add_test (tcase, contents_of_a_file_with_two_names_are_replaced);
  tcase_add_test (tcase, a_backup_is_made);
  tcase_add_test (tcase, a_leftover_is_swept);
  tcase_add_test (tcase, a_stream_replaces);
  tcase_add_test (tcase, a_stream_that_is_closed_synchronously_replaces);
  tcase_add_test (tcase, a_stream_writes_a_file_with_two_names);
  tcase_add_test (tcase, a_replacing_stream_is_closed_and_cancelled);
  tcase_add_test (tcase, a_file_is_created);
  tcase_add_test (tcase, a_file_is_appended_to);
  tcase_add_test (tcase, a_file_is_copied);
  tcase_add_test (tcase, a_file_is_copied_over_another);
  tcase_add_test (tcase, a_large_file_is_copied);
  tcase_add_test (tcase, a_file_is_copied_with_all_its_attributes);
  tcase_add_test (tcase, a_copy_is_cancelled);
}

int
main (void)
{
  return run_io_sweeps ("fault-sweep-writing", add_tests);
}
