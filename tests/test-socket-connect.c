/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <gio/gnetworking.h>
#include <netinet/tcp.h>

#include "socket-support.h"

#define N_SOCKETS 200

static void
start (GSocket *socket, GSocketAddress *address, GCancellable *cancellable, Response *response)
{
  response->socket = socket;
  guring_socket_connect_async (socket, address, G_PRIORITY_DEFAULT, cancellable, on_response,
                               response);
  ck_assert_uint_eq (response->n_calls, 0);
}

static gboolean
finish (Response *response, GError **error)
{
  return guring_socket_connect_finish (response->socket, get (response), error);
}

static gboolean
connect_to (GSocket *socket, GSocketAddress *address, GError **error)
{
  g_auto (Response) response = { 0 };

  start (socket, address, NULL, &response);
  return finish (&response, error);
}

static void
assert_connected_to (GSocket *socket, GSocket *listener)
{
  ck_assert (g_socket_is_connected (socket));
  assert_same_address (g_socket_get_remote_address (socket, NULL), get_local (listener));
}

static void
assert_not_connected (GSocket *socket)
{
  ck_assert (!g_socket_is_connected (socket));
  ck_assert_ptr_null (g_socket_get_remote_address (socket, NULL));
}

static void
assert_accepted (GSocket *listener, GSocket *socket)
{
  g_autoptr (GSocket) accepted = g_socket_accept (listener, NULL, NULL);
  gchar byte = 0;

  ck_assert_ptr_nonnull (accepted);
  ck_assert_int_eq (g_socket_send (socket, "x", 1, NULL, NULL), 1);
  ck_assert_int_eq (g_socket_receive (accepted, &byte, 1, NULL, NULL), 1);
  ck_assert_int_eq (byte, 'x');
}

START_TEST (socket_is_connected)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (has_kind (kind))
      {
        g_autoptr (GSocket) listener = make_listener (kind, 10);
        g_autoptr (GSocketAddress) address = get_local (listener);
        g_autoptr (GSocket) client = make_socket (kind, G_SOCKET_TYPE_STREAM);

        ck_assert (connect_to (client, address, NULL));
        assert_connected_to (client, listener);
        assert_accepted (listener, client);
      }
}
END_TEST

/* The fallback would hide that it is none. */
START_TEST (connect_is_an_operation_of_the_ring)
{
  g_autoptr (GSocket) listener = make_listener (IPV4, 10);
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);
  GuringRing *default_ring;
  GuringStatistics statistics;

  ck_assert (connect_to (client, address, NULL));
  default_ring = guring_ring_get_default (NULL);
  if (default_ring == NULL)
    return;

  guring_ring_get_statistics (default_ring, &statistics);
  ck_assert_uint_eq (statistics.completed, 1);
}
END_TEST

START_TEST (socket_that_does_not_block_is_connected)
{
  g_autoptr (GSocket) listener = make_listener (IPV4, 10);
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);

  g_socket_set_blocking (client, FALSE);
  ck_assert (connect_to (client, address, NULL));
  assert_connected_to (client, listener);
}
END_TEST

START_TEST (datagram_socket_is_connected_again_and_again)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (has_kind (kind))
      {
        g_autoptr (GSocket) client = make_socket (kind, G_SOCKET_TYPE_DATAGRAM);

        for (guint i = 0; i < 3; i++)
          {
            g_autoptr (GSocket) peer = make_bound (kind, G_SOCKET_TYPE_DATAGRAM);
            g_autoptr (GSocketAddress) address = get_local (peer);
            gchar byte = 0;

            ck_assert (connect_to (client, address, NULL));
            assert_connected_to (client, peer);
            ck_assert_int_eq (g_socket_send (client, "x", 1, NULL, NULL), 1);
            ck_assert_int_eq (g_socket_receive (peer, &byte, 1, NULL, NULL), 1);
          }
      }
}
END_TEST

START_TEST (address_of_an_earlier_attempt_is_forgotten)
{
  g_autoptr (GSocket) listener = make_listener (UNIX_PATH, 10);
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GSocketAddress) nobody = make_address (UNIX_PATH);
  g_autoptr (GSocket) client = make_socket (UNIX_PATH, G_SOCKET_TYPE_STREAM);

  ck_assert (!g_socket_connect (client, nobody, NULL, NULL));
  ck_assert (connect_to (client, address, NULL));
  assert_connected_to (client, listener);
}
END_TEST

START_TEST (nobody_needs_to_know)
{
  g_autoptr (GSocket) listener = make_listener (IPV4, 10);
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);

  guring_socket_connect_async (client, address, 0, NULL, NULL, NULL);
  run_until (g_socket_is_connected (client));
  assert_connected_to (client, listener);
}
END_TEST

START_TEST (many_connect_at_once)
{
  static Response response[N_SOCKETS];
  g_autoptr (GSocket) listener = make_listener (IPV4, N_SOCKETS);
  g_autoptr (GSocketAddress) address = get_local (listener);

  for (guint i = 0; i < N_SOCKETS; i++)
    start (make_socket (IPV4, G_SOCKET_TYPE_STREAM), address, NULL, &response[i]);
  for (guint i = 0; i < N_SOCKETS; i++)
    {
      run_until (response[i].n_calls > 0);
      ck_assert (guring_socket_connect_finish (response[i].socket, response[i].result, NULL));
      assert_connected_to (response[i].socket, listener);
      response_clear (&response[i]);
      g_object_unref (response[i].socket);
    }
}
END_TEST

/* Errors */

START_TEST (connect_to_nobody_is_refused)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (has_kind (kind))
      {
        g_autoptr (GError) error = NULL;
        g_autoptr (GSocket) listener = make_bound (kind, G_SOCKET_TYPE_STREAM);
        g_autoptr (GSocketAddress) address = get_local (listener);
        g_autoptr (GSocket) client = make_socket (kind, G_SOCKET_TYPE_STREAM);

        ck_assert (!connect_to (client, address, &error));
        assert_errno (error, ECONNREFUSED, "Could not connect");
        assert_error (error, G_IO_ERROR_CONNECTION_REFUSED);
        assert_not_connected (client);
      }
}
END_TEST

START_TEST (connect_to_no_file_is_not_found)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = make_address (UNIX_PATH);
  g_autoptr (GSocket) client = make_socket (UNIX_PATH, G_SOCKET_TYPE_STREAM);

  ck_assert (!connect_to (client, address, &error));
  assert_errno (error, ENOENT, "Could not connect");
}
END_TEST

START_TEST (connect_to_an_address_that_is_too_long_is_an_error)
{
  static guint8 bytes[sizeof (struct sockaddr_storage) + 1] = { AF_INET };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = g_native_socket_address_new (bytes, sizeof bytes);
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);

  ck_assert (!connect_to (client, address, &error));
  assert_error (error, G_IO_ERROR_NO_SPACE);
}
END_TEST

START_TEST (closed_socket_is_an_error)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = make_address (IPV4);
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);

  g_socket_close (client, NULL);
  ck_assert (!connect_to (client, address, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

START_TEST (socket_closed_during_the_call_is_an_error)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = make_address (IPV4);
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);
  g_auto (Response) response = { 0 };

  start (client, address, NULL, &response);
  g_socket_close (client, NULL);
  ck_assert (!finish (&response, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

START_TEST (connected_socket_is_not_connected_again)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (has_kind (kind))
      {
        g_autoptr (GError) error = NULL;
        g_autoptr (GSocket) listener = make_listener (kind, 10);
        g_autoptr (GSocket) other = make_listener (kind, 10);
        g_autoptr (GSocketAddress) address = get_local (listener);
        g_autoptr (GSocketAddress) other_address = get_local (other);
        g_autoptr (GSocket) client = make_socket (kind, G_SOCKET_TYPE_STREAM);

        ck_assert (connect_to (client, address, NULL));
        ck_assert (!connect_to (client, other_address, &error));
        assert_errno (error, EISCONN, "Could not connect");
        assert_connected_to (client, listener);
      }
}
END_TEST

START_TEST (unix_listener_without_room_is_an_error)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) listener = make_listener (UNIX_ABSTRACT, 0);
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GSocket) first = make_socket (UNIX_ABSTRACT, G_SOCKET_TYPE_STREAM);
  g_autoptr (GSocket) second = make_socket (UNIX_ABSTRACT, G_SOCKET_TYPE_STREAM);

  ck_assert (connect_to (first, address, NULL));
  assert_connected_to (first, listener);
  ck_assert (!connect_to (second, address, &error));
  assert_errno (error, EAGAIN, "Could not connect");
  assert_error (error, G_IO_ERROR_WOULD_BLOCK);

  assert_accepted (listener, first);
  ck_assert (connect_to (second, address, NULL));
  assert_connected_to (second, listener);
}
END_TEST

/* A TCP listener without room does not response. */

static GSocket *full_listener;
static GSocket *in_queue;
static GSocketAddress *silent;

static void
setup_full_listener (void)
{
  full_listener = make_listener (IPV4, 0);
  silent = get_local (full_listener);
  in_queue = make_socket (IPV4, G_SOCKET_TYPE_STREAM);
  ck_assert (connect_to (in_queue, silent, NULL));
}

static void
teardown_full_listener (void)
{
  g_clear_object (&in_queue);
  g_clear_object (&silent);
  g_clear_object (&full_listener);
}

static gboolean
is_under_way (GSocket *socket)
{
  struct tcp_info info;
  socklen_t size = sizeof info;

  ck_assert_int_eq (getsockopt (g_socket_get_fd (socket), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
  return info.tcpi_state == TCP_SYN_SENT;
}

static void
start_waiting (GSocket *socket, GCancellable *cancellable, Response *response)
{
  start (socket, silent, cancellable, response);
  while (!is_under_way (socket))
    g_main_context_iteration (context, FALSE);
  assert_idle ();
  ck_assert_uint_eq (response->n_calls, 0);
}

START_TEST (connect_waits_for_the_answer)
{
  g_auto (Response) response = { 0 };
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);

  start_waiting (client, NULL, &response);
  assert_not_connected (client);

  assert_accepted (full_listener, in_queue);
  ck_assert (finish (&response, NULL));
  assert_connected_to (client, full_listener);
  assert_accepted (full_listener, client);
}
END_TEST

START_TEST (connect_times_out)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);
  gint64 start_time = g_get_monotonic_time ();

  g_socket_set_timeout (client, 1);
  ck_assert (!connect_to (client, silent, &error));
  assert_error (error, G_IO_ERROR_TIMED_OUT);
  ck_assert_int_ge (g_get_monotonic_time () - start_time, G_USEC_PER_SEC);
  assert_not_connected (client);
}
END_TEST

/* As in GIO: the address may be another. */
START_TEST (two_connects_of_a_socket_are_an_error)
{
  g_auto (Response) response = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);

  start_waiting (client, cancellable, &response);
  ck_assert (!connect_to (client, silent, &error));
  assert_errno (error, EALREADY, "Could not connect");
  g_cancellable_cancel (cancellable);
  ck_assert (!finish (&response, NULL));
}
END_TEST

/* Cancellation */

START_TEST (waiting_connect_is_cancelled_by_another_thread)
{
  g_auto (Response) response = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);
  GError *error = NULL;

  start_waiting (client, cancellable, &response);
  g_thread_join (g_thread_new ("cancel", cancel_in_thread, cancellable));
  ck_assert (!finish (&response, &error));
  assert_cancelled (&error);
  assert_not_connected (client);
}
END_TEST

START_TEST (waiting_connect_is_cancelled_at_once)
{
  g_auto (Response) response = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);
  GError *error = NULL;

  start (client, silent, cancellable, &response);
  g_cancellable_cancel (cancellable);
  ck_assert (!finish (&response, &error));
  assert_cancelled (&error);
  assert_not_connected (client);
}
END_TEST

START_TEST (connect_cancelled_before_does_not_connect)
{
  g_auto (Response) response = { 0 };
  g_autoptr (GSocket) listener = make_listener (UNIX_ABSTRACT, 10);
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_autoptr (GSocket) client = make_socket (UNIX_ABSTRACT, G_SOCKET_TYPE_STREAM);
  GError *error = NULL;

  start (client, address, cancellable, &response);
  ck_assert (!finish (&response, &error));
  assert_cancelled (&error);
  assert_not_connected (client);
  ck_assert_int_eq (g_socket_condition_check (listener, G_IO_IN), 0);
}
END_TEST

START_TEST (connect_cancelled_afterwards_has_connected)
{
  g_auto (Response) response = { 0 };
  g_autoptr (GSocket) listener = make_listener (IPV4, 10);
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);

  start (client, address, cancellable, &response);
  get (&response);
  g_cancellable_cancel (cancellable);
  ck_assert (guring_socket_connect_finish (client, response.result, NULL));
  assert_connected_to (client, listener);
}
END_TEST

/* Threads and contexts */

static void
connect_client (GMainContext *own, gpointer listener)
{
  g_auto (Response) response = { 0 };
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GSocket) client = make_socket (IPV4, G_SOCKET_TYPE_STREAM);

  start (client, address, NULL, &response);
  ck_assert (finish (&response, NULL));
  ck_assert_ptr_eq (response.context, own);
  assert_connected_to (client, listener);
}

START_TEST (another_thread_connects_in_its_own_context)
{
  g_autoptr (GSocket) listener = make_listener (IPV4, 10);

  run_in_threads (1, connect_client, listener);
}
END_TEST

START_TEST (callback_comes_in_the_context_of_the_call)
{
  g_autoptr (GSocket) listener = make_listener (IPV4, 10);

  run_in_own_context (connect_client, listener);
}
END_TEST

static void
add_connect_tests (TCase *tcase)
{
  tcase_add_test (tcase, socket_is_connected);
  tcase_add_test (tcase, connect_is_an_operation_of_the_ring);
  tcase_add_test (tcase, socket_that_does_not_block_is_connected);
  tcase_add_test (tcase, datagram_socket_is_connected_again_and_again);
  tcase_add_test (tcase, address_of_an_earlier_attempt_is_forgotten);
  tcase_add_test (tcase, nobody_needs_to_know);
  tcase_add_test (tcase, many_connect_at_once);
  tcase_add_test (tcase, connect_to_nobody_is_refused);
  tcase_add_test (tcase, connect_to_no_file_is_not_found);
  tcase_add_test (tcase, connect_to_an_address_that_is_too_long_is_an_error);
  tcase_add_test (tcase, closed_socket_is_an_error);
  tcase_add_test (tcase, socket_closed_during_the_call_is_an_error);
  tcase_add_test (tcase, connected_socket_is_not_connected_again);
  tcase_add_test (tcase, unix_listener_without_room_is_an_error);
  tcase_add_test (tcase, connect_cancelled_before_does_not_connect);
  tcase_add_test (tcase, connect_cancelled_afterwards_has_connected);
  tcase_add_test (tcase, another_thread_connects_in_its_own_context);
  tcase_add_test (tcase, callback_comes_in_the_context_of_the_call);
}

static void
add_waiting_tests (TCase *tcase)
{
  tcase_add_checked_fixture (tcase, setup_full_listener, teardown_full_listener);
  tcase_add_test (tcase, connect_waits_for_the_answer);
  tcase_add_test (tcase, connect_times_out);
  tcase_add_test (tcase, two_connects_of_a_socket_are_an_error);
  tcase_add_test (tcase, waiting_connect_is_cancelled_at_once);
  tcase_add_test (tcase, waiting_connect_is_cancelled_by_another_thread);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-connect");

  add_io_tests (suite, add_connect_tests);
  add_io_tests (suite, add_waiting_tests);
  return run_suite_without_io_uring (suite);
}
