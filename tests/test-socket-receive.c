/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Receiving from a connection into buffers that are shared. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection-support.h"

static GuringSocketConnection *
get_connection (Pair *pair)
{
  return GURING_SOCKET_CONNECTION (pair->connection);
}

static void
start (Pair *pair, GCancellable *cancellable, Done *done)
{
  g_clear_object (&done->result);
  guring_socket_connection_receive_async (get_connection (pair), 0, cancellable, on_done, done);
  ck_assert_ptr_null (done->result);
}

static GBytes *
finish (Pair *pair, Done *done, GError **error)
{
  run_until (done->result != NULL);
  return guring_socket_connection_receive_finish (get_connection (pair), done->result, error);
}

static GBytes *
receive (Pair *pair, GCancellable *cancellable, GError **error)
{
  g_auto (Done) done = { 0 };

  start (pair, cancellable, &done);
  return finish (pair, &done, error);
}

static void
assert_receives (Pair *pair, const gchar *expected)
{
  assert_bytes (receive (pair, NULL, NULL), expected, strlen (expected));
}

static void
send_text (Pair *pair, const gchar *text)
{
  ck_assert_int_eq (write (pair->peer, text, strlen (text)), (gssize) strlen (text));
}

/* What comes */

START_TEST (it_waits_for_what_comes)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };

  pair_init (&pair);
  for (guint i = 0; i < 3; i++)
    {
      start (&pair, NULL, &done);
      let_it_wait ();
      ck_assert_ptr_null (done.result);
      send_text (&pair, "abc");
      assert_bytes (finish (&pair, &done, NULL), "abc", 3);
    }
  send_text (&pair, "defg");
  assert_receives (&pair, "defg");
}
END_TEST

static gsize
receive_all (Pair *pair, guint8 *buffer, gsize size)
{
  gsize n = 0;

  while (n < size)
    {
      g_autoptr (GBytes) bytes = receive (pair, NULL, NULL);

      ck_assert_ptr_nonnull (bytes);
      ck_assert_uint_gt (g_bytes_get_size (bytes), 0);
      ck_assert_uint_le (g_bytes_get_size (bytes), size - n);
      memcpy (buffer + n, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
      n += g_bytes_get_size (bytes);
    }
  return n;
}

START_TEST (what_comes_between_the_calls_is_kept_in_order)
{
  g_auto (Pair) pair = { 0 };
  guint8 received[12];

  pair_init (&pair);
  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
  for (guint i = 0; i < 4; i++)
    {
      send_text (&pair, i % 2 ? "def" : "ghi");
      let_it_wait ();
    }
  receive_all (&pair, received, 12);
  ck_assert_int_eq (memcmp (received, "ghidefghidef", 12), 0);
}
END_TEST

START_TEST (the_end_is_empty_and_stays)
{
  g_auto (Pair) pair = { 0 };
  gchar byte;

  pair_init (&pair);
  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
  send_text (&pair, "de");
  ck_assert_int_eq (shutdown (pair.peer, SHUT_WR), 0);
  let_it_wait ();
  assert_receives (&pair, "de");
  assert_receives (&pair, "");
  assert_receives (&pair, "");
  ck_assert_int_eq (g_input_stream_read (pair.input, &byte, 1, NULL, NULL), 0);
}
END_TEST

/* One that nobody receives from takes what the kernel's buffers take, and a little more. */
START_TEST (a_peer_that_is_too_fast_has_to_wait)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GBytes) pattern = make_pattern (4000000);
  const guint8 *data = g_bytes_get_data (pattern, NULL);
  g_autofree guint8 *received = g_malloc (4000000);
  gsize sent = 0;
  gssize n;

  pair_init (&pair);
  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
  do
    {
      let_it_wait ();
      n = send (pair.peer, data + sent, 4000000 - sent, MSG_DONTWAIT);
      sent += (gsize) MAX (n, 0);
    }
  while (n > 0);
  ck_assert_uint_lt (sent, 1000000);

  ck_assert_uint_eq (receive_all (&pair, received, sent), sent);
  ck_assert_int_eq (memcmp (received, data, sent), 0);
  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
}
END_TEST

/* More than the shared buffers, all kept */
START_TEST (many_connections_share_the_buffers)
{
  const guint n = 600;
  g_autofree Pair *pairs = g_new0 (Pair, n);
  g_autofree Done *done = g_new0 (Done, n);
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  raise_descriptor_limit ();
  for (guint i = 0; i < n; i++)
    {
      pair_init (&pairs[i]);
      start (&pairs[i], NULL, &done[i]);
    }
  let_it_wait ();
  for (guint i = 0; i < n; i++)
    ck_assert_int_eq (write (pairs[i].peer, &i, sizeof i), sizeof i);
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (kept, finish (&pairs[i], &done[i], NULL));
  for (guint i = 0; i < n; i++)
    {
      assert_bytes (g_bytes_ref (kept->pdata[i]), &i, sizeof i);
      pair_clear (&pairs[i]);
      done_clear (&done[i]);
    }
  let_it_wait ();
}
END_TEST

static gpointer
drop_bytes (gpointer bytes)
{
  g_bytes_unref (bytes);
  return NULL;
}

START_TEST (bytes_outlive_the_connection)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GBytes) bytes = NULL;

  pair_init (&pair);
  send_text (&pair, "abc");
  bytes = receive (&pair, NULL, NULL);
  g_clear_object (&pair.connection);
  let_it_wait ();
  assert_bytes (g_bytes_ref (bytes), "abc", 3);
  g_thread_join (g_thread_new ("drop", drop_bytes, g_steal_pointer (&bytes)));
}
END_TEST

/* Whose it is */

START_TEST (the_stream_is_pending_until_the_end)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  ck_assert (g_input_stream_set_pending (pair.input, NULL));
  ck_assert_ptr_null (receive (&pair, NULL, &error));
  assert_error (error, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_input_stream_clear_pending (pair.input);

  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
  ck_assert_int_eq (shutdown (pair.peer, SHUT_WR), 0);
  assert_receives (&pair, "");
  ck_assert (!g_input_stream_has_pending (pair.input));
  ck_assert_int_eq (g_input_stream_read (pair.input, &byte, 1, NULL, NULL), 0);
}
END_TEST

START_TEST (one_call_at_a_time)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  start (&pair, NULL, &done);
  ck_assert_int_eq (g_input_stream_read (pair.input, &byte, 1, NULL, &error), -1);
  assert_error (error, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  ck_assert_ptr_null (receive (&pair, NULL, &error));
  assert_error (error, G_IO_ERROR_PENDING);

  send_text (&pair, "abc");
  assert_bytes (finish (&pair, &done, NULL), "abc", 3);
}
END_TEST

START_TEST (one_call_at_a_time_for_what_is_there_already)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;

  pair_init (&pair);
  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
  send_text (&pair, "def");
  let_it_wait ();
  start (&pair, NULL, &done);
  ck_assert_ptr_null (receive (&pair, NULL, &error));
  assert_error (error, G_IO_ERROR_PENDING);
  assert_bytes (finish (&pair, &done, NULL), "def", 3);
}
END_TEST

/* The end */

START_TEST (to_close_ends_the_call)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  start (&pair, NULL, &done);
  let_it_wait ();
  ck_assert (g_io_stream_close (pair.connection, NULL, NULL));
  ck_assert_ptr_null (finish (&pair, &done, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
  ck_assert_int_eq (recv (pair.peer, &byte, 1, 0), 0);

  g_clear_error (&error);
  ck_assert_ptr_null (receive (&pair, NULL, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

START_TEST (a_connection_that_goes_between_the_calls_hangs_up)
{
  g_auto (Pair) pair = { 0 };
  gchar byte;

  pair_init (&pair);
  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
  send_text (&pair, "abc");
  g_clear_object (&pair.connection);
  g_clear_object (&pair.socket);
  while (recv (pair.peer, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN)
    g_main_context_iteration (context, FALSE);
}
END_TEST

START_TEST (a_reused_descriptor_is_not_touched)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  int fds[2];

  pair_init (&pair);
  start (&pair, NULL, &done);
  pair_reuse_descriptor (&pair, fds);
  ck_assert_ptr_null (finish (&pair, &done, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
  close_untouched (fds);
}
END_TEST

static void
reset (int fd)
{
  struct linger linger = { 1, 0 };

  ck_assert_int_eq (setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
  close (fd);
}

START_TEST (an_error_is_told_once)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GSocketAddress) address = NULL;
  g_autoptr (GSocket) listener = listen_on_loopback (&address);
  g_autoptr (GError) error = NULL;

  pair.peer = -1;
  pair.socket =
    g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  ck_assert (g_socket_connect (pair.socket, address, NULL, NULL));
  pair.connection = G_IO_STREAM (guring_socket_connection_new (pair.socket, NULL));
  reset (accept (g_socket_get_fd (listener), NULL, NULL));
  ck_assert_ptr_null (receive (&pair, NULL, &error));
  assert_errno (error, ECONNRESET, "Could not receive");
  assert_receives (&pair, "");
}
END_TEST

/* Cancellation and time */

START_TEST (what_is_cancelled_before_receives_nothing)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_autoptr (GError) error = NULL;

  pair_init (&pair);
  send_text (&pair, "abc");
  ck_assert_ptr_null (receive (&pair, cancellable, &error));
  assert_cancelled (&error);
  assert_receives (&pair, "abc");
  ck_assert_ptr_null (receive (&pair, cancellable, &error));
  assert_cancelled (&error);
}
END_TEST

START_TEST (a_waiting_call_is_cancelled_from_a_thread)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  pair_init (&pair);
  start (&pair, cancellable, &done);
  let_it_wait ();
  g_thread_join (g_thread_new ("cancel", cancel_in_thread, cancellable));
  ck_assert_ptr_null (finish (&pair, &done, &error));
  assert_cancelled (&error);
  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
}
END_TEST

START_TEST (what_is_cancelled_too_late_is_received)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  pair_init (&pair);
  send_text (&pair, "abc");
  start (&pair, cancellable, &done);
  run_until (done.result != NULL);
  g_cancellable_cancel (cancellable);
  assert_bytes (finish (&pair, &done, NULL), "abc", 3);
  send_text (&pair, "def");
  assert_receives (&pair, "def");
}
END_TEST

START_TEST (a_call_ends_after_the_timeout_of_the_socket)
{
  g_auto (Pair) pair = { 0 };
  g_autoptr (GError) error = NULL;

  pair_init (&pair);
  g_socket_set_timeout (pair.socket, 1);
  ck_assert_ptr_null (receive (&pair, NULL, &error));
  assert_error (error, G_IO_ERROR_TIMED_OUT);
  ck_assert (!g_input_stream_has_pending (pair.input));
  send_text (&pair, "abc");
  assert_receives (&pair, "abc");
}
END_TEST

/* With a context of its own */
static void
receive_elsewhere (GMainContext *own, gpointer user_data)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };

  pair_init (&pair);
  start (&pair, NULL, &done);
  send_text (&pair, "ab");
  while (done.result == NULL)
    g_main_context_iteration (own, TRUE);
  assert_bytes (guring_socket_connection_receive_finish (get_connection (&pair), done.result, NULL),
                "ab", 2);
  ck_assert_ptr_eq (done.thread, g_thread_self ());
  g_io_stream_close (pair.connection, NULL, NULL);
}

START_TEST (another_thread_calls_back_in_its_own_context)
{
  run_in_threads (2, receive_elsewhere, NULL);
}
END_TEST

static void
add_transfer_tests (TCase *tcase)
{
  tcase_add_test (tcase, it_waits_for_what_comes);
  tcase_add_test (tcase, what_comes_between_the_calls_is_kept_in_order);
  tcase_add_test (tcase, the_end_is_empty_and_stays);
  tcase_add_test (tcase, a_peer_that_is_too_fast_has_to_wait);
  tcase_add_test (tcase, many_connections_share_the_buffers);
  tcase_add_test (tcase, bytes_outlive_the_connection);
  tcase_add_test (tcase, the_stream_is_pending_until_the_end);
  tcase_add_test (tcase, one_call_at_a_time);
  tcase_add_test (tcase, one_call_at_a_time_for_what_is_there_already);
  tcase_add_test (tcase, another_thread_calls_back_in_its_own_context);
}

static void
add_end_tests (TCase *tcase)
{
  tcase_add_test (tcase, to_close_ends_the_call);
  tcase_add_test (tcase, a_connection_that_goes_between_the_calls_hangs_up);
  tcase_add_test (tcase, a_reused_descriptor_is_not_touched);
  tcase_add_test (tcase, an_error_is_told_once);
  tcase_add_test (tcase, what_is_cancelled_before_receives_nothing);
  tcase_add_test (tcase, a_waiting_call_is_cancelled_from_a_thread);
  tcase_add_test (tcase, what_is_cancelled_too_late_is_received);
  tcase_add_test (tcase, a_call_ends_after_the_timeout_of_the_socket);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-receive");

  add_io_tests (suite, add_transfer_tests);
  add_io_tests (suite, add_end_tests);
  return run_suite_without_io_uring (suite);
}
