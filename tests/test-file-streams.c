/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Files opened as streams, compared with GIO's own. */

#include "config.h"

#include <errno.h>
#include <gio/gfiledescriptorbased.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "file-support.h"

#define BIG (3u << 20)

/* What cannot be opened, and what can */
static const gchar *const names[] = {
  "file", ".",    "/",          "missing",   "missing/file",  "file/below",
  "loop", "link", "to-nowhere", "test:///x", "resource:///x", "bad\xff\xfe"
};

static void
make_names (void)
{
  make_old ("file");
  ck_assert_int_eq (symlink ("loop", "loop"), 0);
  ck_assert_int_eq (symlink ("file", "link"), 0);
  ck_assert_int_eq (symlink ("nowhere", "to-nowhere"), 0);
}

static void
remove_names (void)
{
  const gchar *made[] = {
    "missing", "nowhere", "bad\xff\xfe", "file", "loop", "link", "to-nowhere"
  };

  for (guint i = 0; i < G_N_ELEMENTS (made); i++)
    unlink (made[i]);
}

static void
assert_reads_as_gio (const gchar *name)
{
  g_autoptr (GFile) file = answer_for (name).file;
  g_autoptr (GError) error = NULL, expected_error = NULL;
  g_autoptr (GFileInputStream) stream = file_read (name, NULL, &error);
  g_autoptr (GFileInputStream) expected = g_file_read (file, NULL, &expected_error);

  ck_assert_int_eq (stream != NULL, expected != NULL);
  assert_same_error (error, expected_error, name);
}

START_TEST (what_can_be_read_is_what_gio_reads)
{
  make_names ();
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_reads_as_gio (names[i]);
}
END_TEST

typedef GFileOutputStream *(*OpenFunc) (const gchar *name, GFileCreateFlags flags, GError **error);

static GFileOutputStream *
replace (const gchar *name, GFileCreateFlags flags, GError **error)
{
  return file_replace (name, NULL, FALSE, flags, error);
}

static GFileOutputStream *
gio_create (const gchar *name, GFileCreateFlags flags, GError **error)
{
  g_autoptr (GFile) file = answer_for (name).file;

  return g_file_create (file, flags, NULL, error);
}

static GFileOutputStream *
gio_append_to (const gchar *name, GFileCreateFlags flags, GError **error)
{
  g_autoptr (GFile) file = answer_for (name).file;

  return g_file_append_to (file, flags, NULL, error);
}

static GFileOutputStream *
gio_replace (const gchar *name, GFileCreateFlags flags, GError **error)
{
  g_autoptr (GFile) file = answer_for (name).file;

  return g_file_replace (file, NULL, FALSE, flags, NULL, error);
}

static const struct
{
  OpenFunc ours;
  OpenFunc gios;
} kinds[] = { { file_create, gio_create },
              { file_append_to, gio_append_to },
              { replace, gio_replace } };

#define N_KINDS (G_N_ELEMENTS (kinds))

/* What there is of a file; 0 if nothing. The caller removes it. */
static struct stat
write_and_look (OpenFunc func, const gchar *name, GFileCreateFlags flags, GError **error)
{
  struct stat status = { 0 };
  g_autoptr (GFileOutputStream) stream = NULL;

  make_names ();
  stream = func (name, flags, error);
  if (stream != NULL)
    {
      ck_assert (g_output_stream_write_all (G_OUTPUT_STREAM (stream), "new", 3, NULL, NULL, NULL));
      ck_assert (close_async (stream, NULL, NULL));
      ck_assert_int_eq (stat (name, &status), 0);
    }
  remove_names ();
  return status;
}

static void
assert_opens_as_gio (guint kind, const gchar *name, GFileCreateFlags flags)
{
  g_autoptr (GError) error = NULL, expected_error = NULL;
  struct stat status = write_and_look (kinds[kind].ours, name, flags, &error);
  struct stat expected = write_and_look (kinds[kind].gios, name, flags, &expected_error);

  assert_same_error (error, expected_error, name);
  ck_assert_uint_eq (status.st_mode, expected.st_mode);
  ck_assert_int_eq (status.st_size, expected.st_size);
}

START_TEST (what_can_be_written_is_what_gio_writes)
{
  const GFileCreateFlags flags[] = { 0, G_FILE_CREATE_PRIVATE, G_FILE_CREATE_REPLACE_DESTINATION };

  umask (0027);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint k = 0; k < G_N_ELEMENTS (flags); k++)
      assert_opens_as_gio ((guint) _i, names[i], flags[k]);
}
END_TEST

START_TEST (a_read_only_file_system_is_told)
{
  if (!mount_tmpfs ("mount", 0))
    return;

  make_old ("mount/file");
  ck_assert_int_eq (mount ("none", "mount", "none", MS_REMOUNT | MS_RDONLY, NULL), 0);
  for (guint kind = 0; kind < N_KINDS; kind++)
    {
      g_autoptr (GError) error = NULL;

      ck_assert_ptr_null (kinds[kind].ours ("mount/new", 0, &error));
      assert_error (error, G_IO_ERROR_READ_ONLY);
    }
  assert_reads_as_gio ("mount/file");
  ck_assert (is_old ("mount/file"));
}
END_TEST

static void
assert_is_private (gpointer stream)
{
  int fd = g_file_descriptor_based_get_fd (stream);

  ck_assert_int_eq (fcntl (fd, F_GETFD), FD_CLOEXEC);
  ck_assert (G_IS_SEEKABLE (stream));
  ck_assert (g_seekable_can_seek (stream));
}

START_TEST (the_streams_are_on_the_ring)
{
  g_autoptr (GFileInputStream) in = NULL;

  make_old ("file");
  in = file_read ("file", NULL, NULL);
  ck_assert (GURING_IS_FILE_INPUT_STREAM (in));
  assert_is_private (in);
  ck_assert (!g_seekable_can_truncate (G_SEEKABLE (in)));
  for (guint kind = 0; kind < N_KINDS; kind++)
    {
      g_autofree gchar *name = g_strdup_printf ("new%u", kind);
      g_autoptr (GFileOutputStream) out = kinds[kind].ours (name, 0, NULL);

      ck_assert (GURING_IS_FILE_OUTPUT_STREAM (out));
      assert_is_private (out);
      ck_assert (g_seekable_can_truncate (G_SEEKABLE (out)));
    }
}
END_TEST

/* What is known */

static const gchar *const attributes[] = { "*",
                                           "",
                                           "standard::*",
                                           "standard::name",
                                           "standard::name,standard::size,unix::mode",
                                           "standard::is-symlink,standard::is-backup",
                                           "standard::size,time::modified-usec,etag::value",
                                           "time::*,owner::*",
                                           "access::*,standard::content-type",
                                           "xattr::*" };

static GFileInfo *
query (gpointer stream, const gchar *wanted, gboolean async)
{
  g_auto (Answer) answer = { 0 };

  if (!async && G_IS_INPUT_STREAM (stream))
    return g_file_input_stream_query_info (stream, wanted, NULL, NULL);
  if (!async)
    return g_file_output_stream_query_info (stream, wanted, NULL, NULL);
  if (G_IS_INPUT_STREAM (stream))
    {
      g_file_input_stream_query_info_async (stream, wanted, 0, NULL, on_answer, &answer);
      return g_file_input_stream_query_info_finish (stream, await_answer (&answer), NULL);
    }
  g_file_output_stream_query_info_async (stream, wanted, 0, NULL, on_answer, &answer);
  return g_file_output_stream_query_info_finish (stream, await_answer (&answer), NULL);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(gchar *const *) a, *(gchar *const *) b);
}

static gchar *
to_text (GFileInfo *info)
{
  g_auto (GStrv) list = g_file_info_list_attributes (info, NULL);
  GString *text = g_string_new (NULL);

  qsort (list, g_strv_length (list), sizeof *list, compare);
  for (guint i = 0; list[i] != NULL; i++)
    {
      g_autofree gchar *value = g_file_info_get_attribute_as_string (info, list[i]);

      g_string_append_printf (text, "%s=%s\n", list[i], value);
    }
  return g_string_free (text, FALSE);
}

static void
assert_knows_as_gio (gpointer stream, gpointer gios)
{
  for (guint i = 0; i < 2 * G_N_ELEMENTS (attributes); i++)
    {
      g_autoptr (GFileInfo) info = query (stream, attributes[i / 2], i % 2);
      g_autoptr (GFileInfo) expected = query (gios, attributes[i / 2], FALSE);
      g_autofree gchar *text = to_text (info);
      g_autofree gchar *expected_text = to_text (expected);

      ck_assert_str_eq (text, expected_text);
    }
}

START_TEST (they_know_of_the_file_what_gios_streams_know)
{
  g_autoptr (GFile) file = g_file_new_for_path ("file~");
  g_autoptr (GFileInputStream) in = NULL;
  g_autoptr (GFileInputStream) gios_in = NULL;
  g_autoptr (GFileOutputStream) out = NULL;
  g_autoptr (GFileOutputStream) gios_out = NULL;

  make ("file~", 5000);
  ck_assert_int_eq (symlink ("file~", "link"), 0);
  setxattr ("file~", "user.test", "value", 5, 0);
  in = file_read ("link", NULL, NULL);
  out = file_append_to ("file~", 0, NULL);
  gios_in = g_file_read (file, NULL, NULL);
  gios_out = g_file_append_to (file, 0, NULL, NULL);
  assert_knows_as_gio (in, gios_in);
  assert_knows_as_gio (out, gios_out);
}
END_TEST

START_TEST (a_query_may_be_cancelled)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_autoptr (GFileInputStream) in = NULL;

  make_old ("file");
  in = file_read ("file", NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (attributes); i++)
    {
      g_auto (Answer) answer = { 0 };
      g_autoptr (GError) error = NULL;

      ck_assert_ptr_null (g_file_input_stream_query_info (in, attributes[i], cancellable, &error));
      assert_cancelled (&error);
      g_file_input_stream_query_info_async (in, attributes[i], 0, cancellable, on_answer, &answer);
      ck_assert_ptr_null (
        g_file_input_stream_query_info_finish (in, await_answer (&answer), &error));
      assert_cancelled (&error);
    }
}
END_TEST

START_TEST (a_closed_stream_has_the_etag_of_the_file)
{
  g_autoptr (GFile) file = g_file_new_for_path ("file");

  for (guint kind = 0; kind < 2 * N_KINDS; kind++)
    {
      g_autoptr (GFileOutputStream) out = kinds[kind / 2].ours ("file", 0, NULL);
      g_autoptr (GFileInfo) info = NULL;
      g_autofree gchar *etag = NULL;

      ck_assert (g_output_stream_write_all (G_OUTPUT_STREAM (out), "new", 3, NULL, NULL, NULL));
      ck_assert (kind % 2 ? close_async (out, NULL, NULL)
                          : g_output_stream_close (G_OUTPUT_STREAM (out), NULL, NULL));
      etag = g_file_output_stream_get_etag (out);
      info = g_file_query_info (file, G_FILE_ATTRIBUTE_ETAG_VALUE, 0, NULL, NULL);
      ck_assert_str_eq (etag, g_file_info_get_etag (info));
      if (kind < 2)
        ck_assert_int_eq (unlink ("file"), 0);
    }
}
END_TEST

/* Closing */

START_TEST (a_close_that_is_cancelled_closes_all_the_same)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();

  for (guint kind = 0; kind < 2 * N_KINDS; kind++)
    {
      g_autoptr (GFileOutputStream) out = kinds[kind / 2].ours ("file", 0, NULL);
      g_autoptr (GError) error = NULL;

      ck_assert (!(kind % 2 ? close_async (out, cancellable, &error)
                            : g_output_stream_close (G_OUTPUT_STREAM (out), cancellable, &error)));
      assert_cancelled (&error);
      ck_assert (g_output_stream_is_closed (G_OUTPUT_STREAM (out)));
      if (kind < 2)
        ck_assert_int_eq (unlink ("file"), 0);
    }
}
END_TEST

START_TEST (an_input_stream_is_closed_though_it_was_cancelled)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();

  make_old ("file");
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GFileInputStream) in = file_read ("file", NULL, NULL);

      ck_assert (i ? close_async (in, cancellable, NULL)
                   : g_input_stream_close (G_INPUT_STREAM (in), cancellable, NULL));
      ck_assert (g_input_stream_is_closed (G_INPUT_STREAM (in)));
    }
}
END_TEST

/* Cancellation; the fixture sees a descriptor that is left. */

typedef void (*StartFunc) (Answer *answer, GCancellable *cancellable);
typedef gpointer (*FinishFunc) (GFile *file, GAsyncResult *result, GError **error);

static void
start_read (Answer *answer, GCancellable *cancellable)
{
  guring_file_read_async (answer->file, 0, cancellable, on_answer, answer);
}

static void
start_create (Answer *answer, GCancellable *cancellable)
{
  guring_file_create_async (answer->file, 0, 0, cancellable, on_answer, answer);
}

static void
start_append (Answer *answer, GCancellable *cancellable)
{
  guring_file_append_to_async (answer->file, 0, 0, cancellable, on_answer, answer);
}

static void
start_replace (Answer *answer, GCancellable *cancellable)
{
  guring_file_replace_async (answer->file, NULL, FALSE, 0, 0, cancellable, on_answer, answer);
}

static const struct
{
  const gchar *name;
  StartFunc start;
  FinishFunc finish;
  gboolean makes;
} calls[] = { { "file", start_read, (FinishFunc) guring_file_read_finish, FALSE },
              { "new", start_create, (FinishFunc) guring_file_create_finish, TRUE },
              { "file", start_append, (FinishFunc) guring_file_append_to_finish, FALSE },
              { "file", start_replace, (FinishFunc) guring_file_replace_finish, FALSE },
              { "new", start_replace, (FinishFunc) guring_file_replace_finish, TRUE } };

#define N_CALLS (G_N_ELEMENTS (calls))

/* Returns: whether it ended before it was cancelled */
static gboolean
cancel_after (guint call, guint n_iterations)
{
  g_auto (Answer) answer = answer_for (calls[call].name);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GObject) stream = NULL;
  gboolean in_time;

  unlink ("new");
  make_old ("file");
  if (n_iterations == 0)
    g_cancellable_cancel (cancellable);
  calls[call].start (&answer, cancellable);
  for (guint i = 0; i < n_iterations && answer.n_calls == 0; i++)
    g_main_context_iteration (context, TRUE);
  in_time = answer.n_calls == 0;
  g_cancellable_cancel (cancellable);
  run_until (answer.n_calls > 0);
  stream = calls[call].finish (answer.file, answer.result, &error);
  if (stream == NULL)
    assert_cancelled (&error);
  ck_assert_int_eq (access (calls[call].name, F_OK) == 0, stream != NULL || !calls[call].makes);
  ck_assert (in_time || stream != NULL);
  return !in_time;
}

START_TEST (opening_may_be_cancelled_at_any_time)
{
  guint n_iterations = 0;

  while (!cancel_after ((guint) _i, n_iterations))
    n_iterations++;
  ck_assert_uint_gt (n_iterations, 0);
}
END_TEST

START_TEST (a_stream_that_nobody_fetches_is_closed)
{
  g_auto (Answer) answer = answer_for (calls[_i].name);

  make_old ("file");
  calls[_i].start (&answer, NULL);
  await_answer (&answer);
}
END_TEST

START_TEST (nobody_need_be_called_back)
{
  g_autoptr (GFile) file = g_file_new_for_path ("file");

  guring_file_create_async (file, 0, 0, NULL, NULL, NULL);
  while (G_OBJECT (file)->ref_count > 1)
    g_main_context_iteration (context, FALSE);
  ck_assert (g_file_test ("file", G_FILE_TEST_EXISTS));
}
END_TEST

/* Bytes */

static void
write_and_read (GMainContext *own, gpointer data)
{
  g_autoptr (GBytes) bytes = make_pattern (BIG);
  g_autoptr (GFileOutputStream) out = file_create ("file", 0, NULL);
  g_autoptr (GFileInputStream) in = NULL;
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_auto (Answer) written = { 0 };
  g_auto (Answer) spliced = { 0 };
  gsize n;

  g_output_stream_write_all_async (G_OUTPUT_STREAM (out), g_bytes_get_data (bytes, NULL), BIG, 0,
                                   NULL, on_answer, &written);
  ck_assert (
    g_output_stream_write_all_finish (G_OUTPUT_STREAM (out), await_answer (&written), &n, NULL));
  ck_assert (close_async (out, NULL, NULL));
  assert_new ("file", BIG);

  in = file_read ("file", NULL, NULL);
  g_output_stream_splice_async (memory, G_INPUT_STREAM (in),
                                G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE |
                                  G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                                0, NULL, on_answer, &spliced);
  ck_assert_int_eq (g_output_stream_splice_finish (memory, await_answer (&spliced), NULL), BIG);
  assert_bytes (g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (memory)),
                g_bytes_get_data (bytes, NULL), BIG);
}

START_TEST (what_was_written_is_read)
{
  write_and_read (context, NULL);
}
END_TEST

START_TEST (another_thread_has_its_own_context)
{
  run_in_threads (1, write_and_read, NULL);
}
END_TEST

START_TEST (an_application_may_push_a_context)
{
  run_in_own_context (write_and_read, NULL);
}
END_TEST

START_TEST (one_operation_at_a_time)
{
  g_autoptr (GFileInputStream) in = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Answer) answer = { 0 };
  gchar buffer[3];

  make_old ("file");
  in = file_read ("file", NULL, NULL);
  g_input_stream_read_async (G_INPUT_STREAM (in), buffer, sizeof buffer, 0, NULL, on_answer,
                             &answer);
  ck_assert (!g_seekable_seek (G_SEEKABLE (in), 0, G_SEEK_SET, NULL, &error));
  assert_error (error, G_IO_ERROR_PENDING);
  ck_assert_int_eq (g_input_stream_read_finish (G_INPUT_STREAM (in), await_answer (&answer), NULL),
                    3);
}
END_TEST

START_TEST (a_full_disk_is_an_error)
{
  g_autoptr (GBytes) bytes = make_pattern (BIG);
  g_autoptr (GFileOutputStream) out = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (Answer) answer = { 0 };
  gsize n = 0;

  if (!mount_tmpfs ("mount", 0))
    return;

  out = file_create ("mount/file", 0, NULL);
  g_output_stream_write_all_async (G_OUTPUT_STREAM (out), g_bytes_get_data (bytes, NULL), BIG, 0,
                                   NULL, on_answer, &answer);
  ck_assert (
    !g_output_stream_write_all_finish (G_OUTPUT_STREAM (out), await_answer (&answer), &n, &error));
  assert_error (error, G_IO_ERROR_NO_SPACE);
  ck_assert_int_eq (g_seekable_tell (G_SEEKABLE (out)), (goffset) n);
  ck_assert (close_async (out, NULL, NULL));
  assert_new ("mount/file", n);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, what_can_be_read_is_what_gio_reads);
  tcase_add_loop_test (tcase, what_can_be_written_is_what_gio_writes, 0, N_KINDS);
  tcase_add_test (tcase, a_read_only_file_system_is_told);
  tcase_add_test (tcase, the_streams_are_on_the_ring);
  tcase_add_test (tcase, they_know_of_the_file_what_gios_streams_know);
  tcase_add_test (tcase, a_query_may_be_cancelled);
  tcase_add_test (tcase, a_closed_stream_has_the_etag_of_the_file);
  tcase_add_test (tcase, a_close_that_is_cancelled_closes_all_the_same);
  tcase_add_test (tcase, an_input_stream_is_closed_though_it_was_cancelled);
  tcase_add_loop_test (tcase, opening_may_be_cancelled_at_any_time, 0, N_CALLS);
  tcase_add_loop_test (tcase, a_stream_that_nobody_fetches_is_closed, 0, N_CALLS);
  tcase_add_test (tcase, nobody_need_be_called_back);
  tcase_add_test (tcase, what_was_written_is_read);
  tcase_add_test (tcase, another_thread_has_its_own_context);
  tcase_add_test (tcase, an_application_may_push_a_context);
  tcase_add_test (tcase, one_operation_at_a_time);
  tcase_add_test (tcase, a_full_disk_is_an_error);
}

int
main (void)
{
  Suite *suite = suite_create ("file-streams");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
