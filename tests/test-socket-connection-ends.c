/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ends of a GuringSocketConnection's calls: by closing, in time, by cancelling. */

#include "config.h"

#include <sys/socket.h>
#include <unistd.h>

#include "connection-support.h"

START_TEST (to_close_ends_what_waits)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) read = { 0 };
  g_auto (Done) written = { 0 };
  g_autofree gchar *large = g_malloc0 (3000000);
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  start_read (pair.input, &byte, 1, NULL, &read);
  g_output_stream_write_all_async (pair.output, large, 3000000, 0, NULL, on_done, &written);
  assert_waits (&read);
  ck_assert_ptr_null (written.result);

  ck_assert (g_io_stream_close (pair.connection, NULL, NULL));
  ck_assert (g_socket_is_closed (pair.socket));
  run_until (read.result != NULL && written.result != NULL);
  ck_assert_int_eq (g_input_stream_read_finish (pair.input, read.result, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert (!g_output_stream_write_all_finish (pair.output, written.result, NULL, &error));
  assert_error (error, G_IO_ERROR_CLOSED);

  while (recv (pair.peer, large, 3000000, 0) > 0)
    ;
  ck_assert_int_eq (recv (pair.peer, large, 1, 0), 0);
}
END_TEST

/* The read is not even submitted when the next socket gets the number of the first. */
START_TEST (a_reused_descriptor_is_not_touched)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte = 0;
  int fds[2];

  pair_init (&pair);
  start_read (pair.input, &byte, 1, NULL, &done);
  pair_reuse_descriptor (&pair, fds);

  ck_assert_int_eq (finish_read (pair.input, &done, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  close_untouched (fds);
}
END_TEST

START_TEST (what_is_closed_stays_closed)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  g_io_stream_close_async (pair.connection, 0, NULL, on_done, &done);
  run_until (done.result != NULL);
  ck_assert (g_io_stream_close_finish (pair.connection, done.result, NULL));
  ck_assert (g_io_stream_close (pair.connection, NULL, NULL));
  ck_assert_int_eq (recv (pair.peer, &byte, 1, 0), 0);

  ck_assert_int_eq (g_input_stream_read (pair.input, &byte, 1, NULL, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert_int_eq (write_async (pair.output, "a", 1, NULL, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

/* Under its streams */
START_TEST (a_closed_socket_is_an_error)
{
  g_auto (Pair) pair = { 0 };
  GError *errors[4] = { NULL };
  GOutputVector vectors[] = { { "abc", 3 } };
  gchar byte;

  pair_init (&pair);
  ck_assert (g_socket_close (pair.socket, NULL));
  ck_assert_int_eq (read_async (pair.input, &byte, 1, NULL, &errors[0]), -1);
  ck_assert_int_eq (write_async (pair.output, "a", 1, NULL, &errors[1]), -1);
  ck_assert_int_eq (writev_async (pair.output, vectors, 1, &errors[2]), -1);
  ck_assert_ptr_null (guring_socket_connection_new (pair.socket, &errors[3]));
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      assert_error (errors[i], G_IO_ERROR_CLOSED);
      g_error_free (errors[i]);
    }
}
END_TEST

START_TEST (a_direction_is_closed_alone)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) input_done = { 0 };
  g_auto (Done) output_done = { 0 };

  pair_init (&pair);
  g_input_stream_close_async (pair.input, 0, NULL, on_done, &input_done);
  run_until (input_done.result != NULL);
  ck_assert (g_input_stream_close_finish (pair.input, input_done.result, NULL));
  ck_assert_int_eq (write_async (pair.output, "a", 1, NULL, NULL), 1);

  g_output_stream_close_async (pair.output, 0, NULL, on_done, &output_done);
  run_until (output_done.result != NULL);
  ck_assert (g_output_stream_close_finish (pair.output, output_done.result, NULL));
  ck_assert (!g_socket_is_closed (pair.socket));
}
END_TEST

/* As in GIO: what reads has the stream, and that the socket. */
START_TEST (a_call_outlives_the_connection)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GInputStream) input = NULL;
  gchar byte;

  pair_init (&pair);
  input = g_object_ref (pair.input);
  start_read (input, &byte, 1, NULL, &done);
  g_clear_object (&pair.connection);
  g_clear_object (&pair.socket);
  assert_waits (&done);
  write_byte (pair.peer);
  ck_assert_int_eq (finish_read (input, &done, NULL), 1);
}
END_TEST

/* Time */

static void
assert_times_out (GError **error)
{
  assert_error (*error, G_IO_ERROR_TIMED_OUT);
  g_clear_error (error);
}

START_TEST (calls_end_after_the_timeout_of_the_socket)
{
  g_auto (Pair) pair = { 0 };
  g_autofree gchar *large = g_malloc0 (3000000);
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  gchar byte;

  pair_init (&pair);
  g_socket_set_timeout (pair.socket, 1);
  ck_assert_int_eq (read_async (pair.input, &byte, 1, NULL, &error), -1);
  assert_times_out (&error);
  ck_assert_int_ge (g_get_monotonic_time () - start, 900000);

  while (write_async (pair.output, large, 3000000, NULL, &error) > 0)
    ;
  assert_times_out (&error);

  write_byte (pair.peer);
  ck_assert_int_eq (read_async (pair.input, &byte, 1, NULL, NULL), 1);
}
END_TEST

START_TEST (a_call_with_a_timeout_ends_without_it)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  g_socket_set_timeout (pair.socket, 3600);
  write_byte (pair.peer);
  ck_assert_int_eq (read_async (pair.input, &byte, 1, NULL, NULL), 1);

  start_read (pair.input, &byte, 1, cancellable, &done);
  let_it_wait ();
  g_cancellable_cancel (cancellable);
  ck_assert_int_eq (finish_read (pair.input, &done, &error), -1);
  assert_cancelled (&error);

  start_read (pair.input, &byte, 1, NULL, &done);
  let_it_wait ();
  ck_assert (g_io_stream_close (pair.connection, NULL, NULL));
  ck_assert_int_eq (finish_read (pair.input, &done, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

/* Cancellation */

START_TEST (what_is_cancelled_before_does_nothing)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  write_byte (pair.peer);
  ck_assert_int_eq (read_async (pair.input, &byte, 1, cancellable, &error), -1);
  assert_cancelled (&error);
  ck_assert_int_eq (write_async (pair.output, "a", 1, cancellable, &error), -1);
  assert_cancelled (&error);
  ck_assert_int_eq (recv (pair.peer, &byte, 1, MSG_DONTWAIT), -1);
  ck_assert_int_eq (read_async (pair.input, &byte, 1, NULL, NULL), 1);
}
END_TEST

START_TEST (a_waiting_call_is_cancelled_from_a_thread)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  start_read (pair.input, &byte, 1, cancellable, &done);
  let_it_wait ();
  g_thread_join (g_thread_new ("cancel", cancel_in_thread, cancellable));
  ck_assert_int_eq (finish_read (pair.input, &done, &error), -1);
  assert_cancelled (&error);

  write_byte (pair.peer);
  ck_assert_int_eq (read_async (pair.input, &byte, 1, NULL, NULL), 1);
}
END_TEST

START_TEST (what_is_cancelled_afterwards_keeps_its_result)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gchar byte;

  pair_init (&pair);
  write_byte (pair.peer);
  start_read (pair.input, &byte, 1, cancellable, &done);
  run_until (done.result != NULL);
  g_cancellable_cancel (cancellable);
  ck_assert_int_eq (g_input_stream_read_finish (pair.input, done.result, NULL), 1);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, to_close_ends_what_waits);
  tcase_add_test (tcase, a_reused_descriptor_is_not_touched);
  tcase_add_test (tcase, what_is_closed_stays_closed);
  tcase_add_test (tcase, a_closed_socket_is_an_error);
  tcase_add_test (tcase, a_direction_is_closed_alone);
  tcase_add_test (tcase, a_call_outlives_the_connection);
  tcase_add_test (tcase, calls_end_after_the_timeout_of_the_socket);
  tcase_add_test (tcase, a_call_with_a_timeout_ends_without_it);
  tcase_add_test (tcase, what_is_cancelled_before_does_nothing);
  tcase_add_test (tcase, a_waiting_call_is_cancelled_from_a_thread);
  tcase_add_test (tcase, what_is_cancelled_afterwards_keeps_its_result);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-connection-ends");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
