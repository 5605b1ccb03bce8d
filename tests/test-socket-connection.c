/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GuringSocketConnection: what it is, and what passes through its streams. */

#include "config.h"

#include <gio/gfiledescriptorbased.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection-support.h"

/* Transfers */

START_TEST (bytes_pass_both_ways)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  gchar buffer[10] = "";

  pair_init (&pair);
  start_read (pair.input, buffer, 10, NULL, &done);
  assert_waits (&done);

  ck_assert_int_eq (write (pair.peer, "abc", 3), 3);
  ck_assert_int_eq (finish_read (pair.input, &done, NULL), 3);
  ck_assert_str_eq (buffer, "abc");

  ck_assert_int_eq (write_async (pair.output, "de", 2, NULL, NULL), 2);
  ck_assert_int_eq (g_output_stream_write (pair.output, "f", 1, NULL, NULL), 1);
  ck_assert_int_eq (read (pair.peer, buffer, 10), 3);
  ck_assert_str_eq (buffer, "def");

  ck_assert_int_eq (write (pair.peer, "ghi", 3), 3);
  ck_assert_int_eq (g_input_stream_read (pair.input, buffer, 2, NULL, NULL), 2);
  ck_assert_int_eq (read_async (pair.input, buffer + 2, 10, NULL, NULL), 1);
  ck_assert_str_eq (buffer, "ghi");
}
END_TEST

START_TEST (vectors_are_sent)
{
  g_auto (Pair) pair = { 0 };
  GOutputVector vectors[] = { { "abc", 3 }, { "", 0 }, { "de", 2 } };
  gchar buffer[10] = "";
  gsize n = 0;

  pair_init (&pair);
  ck_assert_int_eq (writev_async (pair.output, vectors, G_N_ELEMENTS (vectors), NULL), 5);
  ck_assert (g_output_stream_writev (pair.output, vectors, 1, &n, NULL, NULL));
  ck_assert_uint_eq (n, 3);
  ck_assert_int_eq (read (pair.peer, buffer, 10), 8);
  ck_assert_str_eq (buffer, "abcdeabc");
}
END_TEST

START_TEST (nobody_waits_in_calls_that_do_not_block)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) again = NULL;
  GPollableInputStream *input;
  GPollableOutputStream *output;
  const GOutputVector vectors[] = { { "def", 3 }, { "gh", 2 } };
  gchar buffer[10] = "";
  gsize n_written;

  pair_init (&pair);
  input = G_POLLABLE_INPUT_STREAM (pair.input);
  output = G_POLLABLE_OUTPUT_STREAM (pair.output);
  ck_assert (g_pollable_input_stream_can_poll (input));
  ck_assert (g_pollable_output_stream_can_poll (output));

  ck_assert (!g_pollable_input_stream_is_readable (input));
  ck_assert_int_eq (g_pollable_input_stream_read_nonblocking (input, buffer, 10, NULL, &error), -1);
  assert_error (error, G_IO_ERROR_WOULD_BLOCK);
  ck_assert_int_eq (write (pair.peer, "abc", 3), 3);
  ck_assert (g_pollable_input_stream_is_readable (input));
  ck_assert_int_eq (g_pollable_input_stream_read_nonblocking (input, buffer, 10, NULL, NULL), 3);
  ck_assert_str_eq (buffer, "abc");

  ck_assert_int_eq (g_pollable_output_stream_writev_nonblocking (output, vectors, 2, &n_written,
                                                                 NULL, NULL),
                    G_POLLABLE_RETURN_OK);
  ck_assert_uint_eq (n_written, 5);
  ck_assert_int_eq (read (pair.peer, buffer, 10), 5);
  ck_assert_str_eq (buffer, "defgh");

  while (g_pollable_output_stream_write_nonblocking (output, buffer, 10, NULL, &again) > 0)
    ;
  assert_error (again, G_IO_ERROR_WOULD_BLOCK);
  ck_assert (!g_pollable_output_stream_is_writable (output));
  ck_assert_int_eq (g_pollable_output_stream_writev_nonblocking (output, vectors, 2, &n_written,
                                                                 NULL, NULL),
                    G_POLLABLE_RETURN_WOULD_BLOCK);
}
END_TEST

static gboolean
count_ready (GObject *stream, gpointer n)
{
  ck_assert (G_IS_OBJECT (stream));
  ++*(guint *) n;
  return G_SOURCE_REMOVE;
}

START_TEST (sources_tell_readiness)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GSource) readable = NULL;
  g_autoptr (GSource) writable = NULL;
  guint n_readable = 0;
  guint n_writable = 0;

  pair_init (&pair);
  readable = g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (pair.input), NULL);
  g_source_set_callback (readable, G_SOURCE_FUNC (count_ready), &n_readable, NULL);
  g_source_attach (readable, context);
  writable = g_pollable_output_stream_create_source (G_POLLABLE_OUTPUT_STREAM (pair.output), NULL);
  g_source_set_callback (writable, G_SOURCE_FUNC (count_ready), &n_writable, NULL);
  g_source_attach (writable, context);

  run_until (n_writable == 1);
  let_it_wait ();
  ck_assert_uint_eq (n_readable, 0);
  write_byte (pair.peer);
  run_until (n_readable == 1);
}
END_TEST

START_TEST (what_a_socket_does_not_take_at_once_waits)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GBytes) pattern = make_pattern (3000000);
  g_autoptr (GByteArray) received = g_byte_array_new ();
  guint8 buffer[65536];
  gsize n = 0;

  pair_init (&pair);
  g_output_stream_write_all_async (pair.output, g_bytes_get_data (pattern, NULL), 3000000, 0, NULL,
                                   on_done, &done);
  assert_waits (&done);

  while (received->len < 3000000)
    {
      gssize length = recv (pair.peer, buffer, sizeof buffer, MSG_DONTWAIT);

      if (length > 0)
        g_byte_array_append (received, buffer, (guint) length);
      g_main_context_iteration (context, FALSE);
    }
  run_until (done.result != NULL);
  ck_assert (g_output_stream_write_all_finish (pair.output, done.result, &n, NULL));
  assert_bytes (g_steal_pointer (&pattern), received->data, received->len);
}
END_TEST

START_TEST (a_peer_that_goes_ends_the_input)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  gchar byte;

  pair_init (&pair);
  start_read (pair.input, &byte, 1, NULL, &done);
  assert_waits (&done);
  ck_assert_int_eq (shutdown (pair.peer, SHUT_WR), 0);
  ck_assert_int_eq (finish_read (pair.input, &done, NULL), 0);
  ck_assert_int_eq (write_async (pair.output, "a", 1, NULL, NULL), 1);
}
END_TEST

START_TEST (a_peer_that_has_gone_is_an_error_and_no_signal)
{
  g_auto (Pair) pair = { 0 };
  GOutputVector vectors[] = { { "abc", 3 } };
  GError *errors[3] = { NULL };

  pair_init (&pair);
  close (pair.peer);
  pair.peer = -1;
  ck_assert_int_eq (write_async (pair.output, "abc", 3, NULL, &errors[0]), -1);
  ck_assert_int_eq (writev_async (pair.output, vectors, 1, &errors[1]), -1);
  ck_assert_int_eq (g_output_stream_write (pair.output, "abc", 3, NULL, &errors[2]), -1);
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      assert_error (errors[i], G_IO_ERROR_BROKEN_PIPE);
      g_error_free (errors[i]);
    }
}
END_TEST

START_TEST (one_call_at_a_time)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  start_read (pair.input, &byte, 1, NULL, &done);
  ck_assert_int_eq (g_input_stream_read (pair.input, &byte, 1, NULL, &error), -1);
  assert_error (error, G_IO_ERROR_PENDING);
  ck_assert_int_eq (write_async (pair.output, "a", 1, NULL, NULL), 1);

  write_byte (pair.peer);
  ck_assert_int_eq (finish_read (pair.input, &done, NULL), 1);
}
END_TEST

/* With a context of its own */
static void
pass_bytes (GMainContext *own, gpointer user_data)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  gchar buffer[3] = "";

  pair_init (&pair);
  start_read (pair.input, buffer, 3, NULL, &done);
  ck_assert_int_eq (write (pair.peer, "ab", 2), 2);
  while (done.result == NULL)
    g_main_context_iteration (own, TRUE);
  ck_assert_int_eq (g_input_stream_read_finish (pair.input, done.result, NULL), 2);
  ck_assert_ptr_eq (done.thread, g_thread_self ());
}

START_TEST (another_thread_calls_back_in_its_own_context)
{
  run_in_threads (2, pass_bytes, NULL);
}
END_TEST

/* What it is */

START_TEST (it_is_a_socket_connection)
{
  g_auto (Pair) pair = { 0 };
  GSocketConnection *connection;

  pair_init (&pair);
  ck_assert (G_IS_SOCKET_CONNECTION (pair.connection));
  connection = G_SOCKET_CONNECTION (pair.connection);
  ck_assert_ptr_eq (g_socket_connection_get_socket (connection), pair.socket);
  ck_assert (g_socket_connection_is_connected (connection));
  ck_assert_int_eq (g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (pair.input)),
                    g_socket_get_fd (pair.socket));
  ck_assert_int_eq (g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (pair.output)),
                    g_socket_get_fd (pair.socket));
}
END_TEST

START_TEST (it_connects_as_gio_does)
{
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GSocket) listener = listen_on_loopback (&address);
  g_autoptr (GSocket) socket =
    g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GuringSocketConnection) connection = guring_socket_connection_new (socket, NULL);
  g_autoptr (GSocket) peer = NULL;
  g_auto (Done) done = { 0 };
  gchar byte = 0;

  g_socket_connection_connect_async (G_SOCKET_CONNECTION (connection), address, NULL, on_done,
                                     &done);
  run_until (done.result != NULL);
  ck_assert (
    g_socket_connection_connect_finish (G_SOCKET_CONNECTION (connection), done.result, NULL));
  peer = g_socket_accept (listener, NULL, NULL);
  ck_assert_int_eq (write_async (g_io_stream_get_output_stream (G_IO_STREAM (connection)), "a", 1,
                                 NULL, NULL),
                    1);
  ck_assert_int_eq (g_socket_receive (peer, &byte, 1, NULL, NULL), 1);
  ck_assert_int_eq (byte, 'a');
}
END_TEST

START_TEST (a_socket_without_a_stream_is_refused)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket =
    g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_DATAGRAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);

  ck_assert_ptr_null (guring_socket_connection_new (socket, &error));
  assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, bytes_pass_both_ways);
  tcase_add_test (tcase, vectors_are_sent);
  tcase_add_test (tcase, nobody_waits_in_calls_that_do_not_block);
  tcase_add_test (tcase, sources_tell_readiness);
  tcase_add_test (tcase, what_a_socket_does_not_take_at_once_waits);
  tcase_add_test (tcase, a_peer_that_goes_ends_the_input);
  tcase_add_test (tcase, a_peer_that_has_gone_is_an_error_and_no_signal);
  tcase_add_test (tcase, one_call_at_a_time);
  tcase_add_test (tcase, another_thread_calls_back_in_its_own_context);
  tcase_add_test (tcase, it_is_a_socket_connection);
  tcase_add_test (tcase, it_connects_as_gio_does);
  tcase_add_test (tcase, a_socket_without_a_stream_is_refused);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-connection");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
