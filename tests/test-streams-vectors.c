/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* g_output_stream_writev_async(), which leaves to the stream what GOutputStream does for all other
 * calls: one at a time, and none on what is closed. */

#include "config.h"

#include <unistd.h>

#include "connection-support.h"

static GOutputVector vectors[] = { { "abcde", 5 } };

static void
assert_excludes_others (GOutputStream *stream)
{
  g_auto (Done) done = { 0 };
  GError *errors[2] = { NULL };
  gsize n = 0;

  g_output_stream_writev_async (stream, vectors, 1, 0, NULL, on_done, &done);
  ck_assert_ptr_null (done.result);
  ck_assert (!g_output_stream_writev (stream, vectors, 1, &n, NULL, &errors[0]));
  ck_assert_int_eq (writev_async (stream, vectors, 1, &errors[1]), -1);
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      assert_error (errors[i], G_IO_ERROR_PENDING);
      g_clear_error (&errors[i]);
    }

  run_until (done.result != NULL);
  ck_assert (g_output_stream_writev_finish (stream, done.result, &n, NULL));
  ck_assert_uint_eq (n, 5);
}

/* Whatever became of them, the next is not refused. */
static void
assert_goes_on (GOutputStream *stream)
{
  g_autoptr (GCancellable) cancelled = make_cancelled ();
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  gsize n = 1;

  g_output_stream_writev_async (stream, vectors, 1, 0, cancelled, on_done, &done);
  run_until (done.result != NULL);
  ck_assert (!g_output_stream_writev_finish (stream, done.result, &n, &error));
  assert_error (error, G_IO_ERROR_CANCELLED);
  ck_assert_uint_eq (n, 0);
  ck_assert_int_eq (writev_async (stream, vectors, 1, NULL), 5);
  ck_assert_int_eq (writev_async (stream, vectors, 0, NULL), 0);
  ck_assert_int_eq (write_async (stream, "f", 1, NULL, NULL), 1);
}

static void
assert_got_all (int fd)
{
  gchar got[16] = "";

  ck_assert_int_eq (read (fd, got, sizeof got - 1), 11);
  ck_assert_str_eq (got, "abcdeabcdef");
}

START_TEST (one_call_at_a_time)
{
  g_autoptr (GOutputStream) stream = NULL;
  int fds[2];

  make_pipe (fds);
  stream = guring_output_stream_new (fds[1], TRUE);
  assert_excludes_others (stream);
  assert_goes_on (stream);
  assert_got_all (fds[0]);
  close (fds[0]);
}
END_TEST

START_TEST (one_call_of_a_connection_at_a_time)
{
  g_auto (Pair) pair = { 0 };

  pair_init (&pair);
  assert_excludes_others (pair.output);
  assert_goes_on (pair.output);
  assert_got_all (pair.peer);
}
END_TEST

/* Its descriptor is another's by then. */
START_TEST (what_is_closed_is_not_written_to)
{
  g_autoptr (GOutputStream) stream = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];

  stream = guring_output_stream_new (make_file ("file", ""), TRUE);
  ck_assert (g_output_stream_close (stream, NULL, NULL));
  make_pipe (fds);
  ck_assert_int_eq (writev_async (stream, vectors, 1, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  close (fds[1]);
  ck_assert_uint_eq (count_in_pipe (fds[0]), 0);
  close (fds[0]);
}
END_TEST

START_TEST (a_connection_that_is_closed_is_not_written_to)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GError) error = NULL;

  pair_init (&pair);
  ck_assert (g_io_stream_close (pair.connection, NULL, NULL));
  ck_assert_int_eq (writev_async (pair.output, vectors, 1, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, one_call_at_a_time);
  tcase_add_test (tcase, one_call_of_a_connection_at_a_time);
  tcase_add_test (tcase, what_is_closed_is_not_written_to);
  tcase_add_test (tcase, a_connection_that_is_closed_is_not_written_to);
}

int
main (void)
{
  Suite *suite = suite_create ("streams-vectors");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
