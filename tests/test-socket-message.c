/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bytes and the addresses of messages; what waits, errors, cancellation. */

#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "socket-support.h"

#define N_MESSAGES 200

static gssize
receive_vectors (GSocket *socket, GInputVector *vectors, gint n)
{
  g_auto (Response) response = { 0 };

  start_receiving (socket, vectors, n, 0, NULL, &response);
  return finish_receiving (&response, NULL);
}

static gssize
receive_from (GSocket *socket, gpointer buffer, gsize size, GSocketAddress **address)
{
  g_auto (Response) response = { 0 };
  GInputVector vector = { buffer, size };

  start_receiving (socket, &vector, 1, 0, NULL, &response);
  return guring_socket_receive_message_finish (socket, get (&response), address, NULL, NULL, NULL,
                                               NULL);
}

static gssize
send_vectors (GSocket *socket, GOutputVector *vectors, gint n)
{
  g_auto (Response) response = { 0 };

  start_sending (socket, NULL, vectors, n, 0, NULL, &response);
  return finish_sending (&response, NULL);
}

/* Bytes */

START_TEST (message_arrives_in_its_vectors)
{
  GSocket *pair[2];
  gchar a[3] = "", b[5] = "";
  GInputVector in[] = { { a, 2 }, { b, 4 }, { NULL, 0 } };
  GOutputVector out[] = { { "1", 1 }, { "", 0 }, { "2345", 4 }, { NULL, 0 } };

  make_pair (G_SOCKET_TYPE_STREAM, pair);
  for (gint n = -1; n <= 0; n++)
    {
      ck_assert_int_eq (send_vectors (pair[0], out, n < 0 ? -1 : 3), 5);
      ck_assert_int_eq (receive_vectors (pair[1], in, n < 0 ? -1 : 2), 5);
      ck_assert_str_eq (a, "12");
      ck_assert_str_eq (b, "345");
      memset (a, 0, sizeof a);
      memset (b, 0, sizeof b);
    }
  close_pair (pair);
}
END_TEST

START_TEST (array_of_vectors_is_copied)
{
  g_auto (Response) received = { 0 };
  g_auto (Response) sent = { 0 };
  GSocket *pair[2];
  gchar buffer[4] = "";
  GInputVector in = { buffer, 3 };
  GOutputVector out = { "abc", 3 };

  make_pair (G_SOCKET_TYPE_DATAGRAM, pair);
  start_receiving (pair[1], &in, 1, 0, NULL, &received);
  start_sending (pair[0], NULL, &out, 1, 0, NULL, &sent);
  memset (&in, 0, sizeof in);
  memset (&out, 0, sizeof out);
  ck_assert_int_eq (finish_sending (&sent, NULL), 3);
  ck_assert_int_eq (finish_receiving (&received, NULL), 3);
  ck_assert_str_eq (buffer, "abc");
  close_pair (pair);
}
END_TEST

START_TEST (message_without_vectors_is_a_zero)
{
  GSocket *pair[2];
  gchar byte = 'x';

  make_pair (G_SOCKET_TYPE_STREAM, pair);
  ck_assert_int_eq (send_vectors (pair[0], NULL, 0), 1);
  ck_assert_int_eq (receive_bytes (pair[1], &byte, 1, NULL), 1);
  ck_assert_int_eq (byte, 0);

  ck_assert_int_eq (send_to (pair[0], NULL, "ab", NULL), 2);
  ck_assert_int_eq (receive_vectors (pair[1], NULL, 0), 1);
  ck_assert_int_eq (receive_bytes (pair[1], &byte, 1, NULL), 1);
  ck_assert_int_eq (byte, 'b');
  close_pair (pair);
}
END_TEST

START_TEST (datagram_may_be_empty)
{
  GSocket *pair[2];
  GOutputVector nothing = { "", 0 };
  gchar byte;

  make_pair (G_SOCKET_TYPE_DATAGRAM, pair);
  ck_assert_int_eq (send_vectors (pair[0], &nothing, 1), 0);
  ck_assert_int_eq (receive_bytes (pair[1], &byte, 1, NULL), 0);
  close_pair (pair);
}
END_TEST

START_TEST (stream_ends_with_its_peer)
{
  g_auto (Response) response = { 0 };
  GSocket *pair[2];
  gchar byte;
  GInputVector in = { &byte, 1 };

  make_pair (G_SOCKET_TYPE_STREAM, pair);
  start_receiving (pair[1], &in, 1, 0, NULL, &response);
  assert_idle ();
  g_clear_object (&pair[0]);
  ck_assert_int_eq (finish_receiving (&response, NULL), 0);
  close_pair (pair);
}
END_TEST

/* Addresses */

START_TEST (datagram_says_where_it_comes_from)
{
  for (Kind kind = 0; kind < N_KINDS; kind++)
    if (has_kind (kind))
      {
        g_autoptr (GSocket) sender = make_bound (kind, G_SOCKET_TYPE_DATAGRAM);
        g_autoptr (GSocket) receiver = make_bound (kind, G_SOCKET_TYPE_DATAGRAM);
        g_autoptr (GSocketAddress) address = get_local (receiver);
        GSocketAddress *from = NULL;
        gchar buffer[4] = "";

        ck_assert_int_eq (send_to (sender, address, "abc", NULL), 3);
        ck_assert_int_eq (receive_from (receiver, buffer, 3, &from), 3);
        ck_assert_str_eq (buffer, "abc");
        assert_same_address (from, get_local (sender));
      }
}
END_TEST

START_TEST (address_that_is_not_known_is_null)
{
  g_autoptr (GSocket) sender = make_socket (UNIX_PATH, G_SOCKET_TYPE_DATAGRAM);
  g_autoptr (GSocket) receiver = make_bound (UNIX_PATH, G_SOCKET_TYPE_DATAGRAM);
  g_autoptr (GSocketAddress) address = get_local (receiver);
  GSocketAddress *from = address;
  GSocket *pair[2];
  gchar byte;

  ck_assert_int_eq (send_to (sender, address, "x", NULL), 1);
  ck_assert_int_eq (receive_from (receiver, &byte, 1, &from), 1);
  ck_assert_ptr_null (from);

  from = address;
  make_pair (G_SOCKET_TYPE_STREAM, pair);
  ck_assert_int_eq (send_to (pair[0], NULL, "x", NULL), 1);
  ck_assert_int_eq (receive_from (pair[1], &byte, 1, &from), 1);
  ck_assert_ptr_null (from);
  close_pair (pair);
}
END_TEST

/* Flags */

/* Two datagrams are there, of four bytes: one for GIO, one for us. */
static void
assert_flags_as_in_gio (gint flags, gsize size)
{
  GSocket *pair[2];
  gchar buffers[2][8] = { "", "" };
  GInputVector in[] = { { buffers[0], size }, { buffers[1], size } };
  g_auto (Response) response = { 0 };
  gint gio_flags = flags;
  gint our_flags = -1;
  gssize n;

  make_pair (G_SOCKET_TYPE_DATAGRAM, pair);
  for (guint i = 0; i < 2; i++)
    ck_assert_int_eq (send_to (pair[0], NULL, "abcd", NULL), 4);
  n = g_socket_receive_message (pair[1], NULL, &in[0], 1, NULL, NULL, &gio_flags, NULL, NULL);
  start_receiving (pair[1], &in[1], 1, flags, NULL, &response);
  ck_assert_int_eq (guring_socket_receive_message_finish (pair[1], get (&response), NULL, NULL,
                                                          NULL, &our_flags, NULL),
                    n);
  ck_assert_int_eq (our_flags, gio_flags);
  ck_assert_str_eq (buffers[1], buffers[0]);
  ck_assert_int_eq (g_socket_condition_check (pair[1], G_IO_IN),
                    flags & G_SOCKET_MSG_PEEK ? G_IO_IN : 0);
  close_pair (pair);
}

START_TEST (flags_are_as_in_gio)
{
  assert_flags_as_in_gio (0, 4);
  assert_flags_as_in_gio (0, 2);
  assert_flags_as_in_gio (MSG_TRUNC, 2);
  assert_flags_as_in_gio (G_SOCKET_MSG_PEEK, 4);
  assert_flags_as_in_gio (G_SOCKET_MSG_PEEK, 2);
}
END_TEST

START_TEST (what_was_cut_off_is_told)
{
  g_auto (Response) response = { 0 };
  GSocket *pair[2];
  gchar buffer[3] = "";
  GInputVector in = { buffer, 2 };
  gint flags = 0;

  make_pair (G_SOCKET_TYPE_DATAGRAM, pair);
  ck_assert_int_eq (send_to (pair[0], NULL, "abcd", NULL), 4);
  start_receiving (pair[1], &in, 1, 0, NULL, &response);
  ck_assert_int_eq (guring_socket_receive_message_finish (pair[1], get (&response), NULL, NULL,
                                                          NULL, &flags, NULL),
                    2);
  ck_assert_str_eq (buffer, "ab");
  ck_assert_int_ne (flags & MSG_TRUNC, 0);
  ck_assert_int_eq (flags & MSG_CTRUNC, 0);
  close_pair (pair);
}
END_TEST

/* A GSocket never blocks: neither flag means anything to it. */
START_TEST (flags_do_not_say_how_long_to_wait)
{
  const gint flags[] = { MSG_WAITALL, MSG_DONTWAIT };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      g_auto (Response) response = { 0 };
      GSocket *pair[2];
      gchar buffer[8];
      GInputVector in = { buffer, sizeof buffer };

      make_pair (G_SOCKET_TYPE_STREAM, pair);
      start_receiving (pair[1], &in, 1, flags[i], NULL, &response);
      assert_idle ();
      ck_assert_uint_eq (response.n_calls, 0);
      ck_assert_int_eq (send_to (pair[0], NULL, "abc", NULL), 3);
      ck_assert_int_eq (finish_receiving (&response, NULL), 3);
      close_pair (pair);
    }
}
END_TEST

START_TEST (queue_of_errors_is_waited_for)
{
  g_auto (Response) response = { 0 };
  g_autoptr (GSocket) client = make_bound (IPV4, G_SOCKET_TYPE_DATAGRAM);
  g_autoptr (GSocket) peer = make_bound (IPV4, G_SOCKET_TYPE_DATAGRAM);
  g_autoptr (GSocketAddress) address = get_local (peer);
  g_autoptr (GSocketAddress) own = get_local (client);
  gchar buffer[4] = "";
  GInputVector in = { buffer, 3 };
  gint flags = 0;

  ck_assert (g_socket_set_option (client, IPPROTO_IP, IP_RECVERR, 1, NULL));
  ck_assert_int_eq (send_to (client, own, "xyz", NULL), 3); /* readable, which is not it */
  start_receiving (client, &in, 1, MSG_ERRQUEUE, NULL, &response);
  assert_idle ();
  ck_assert_uint_eq (response.n_calls, 0);

  g_socket_close (peer, NULL);
  ck_assert_int_eq (send_to (client, address, "abc", NULL), 3);
  ck_assert_int_eq (guring_socket_receive_message_finish (client, get (&response), NULL, NULL, NULL,
                                                          &flags, NULL),
                    3);
  ck_assert_str_eq (buffer, "abc");
  ck_assert_int_ne (flags & MSG_ERRQUEUE, 0);
}
END_TEST

/* Errors */

START_TEST (sending_to_nobody_is_an_error)
{
  const int errors[] = { [UNIX_PATH] = ENOENT, [UNIX_ABSTRACT] = ECONNREFUSED };

  for (Kind kind = UNIX_PATH; kind <= UNIX_ABSTRACT; kind++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GSocket) sender = make_socket (kind, G_SOCKET_TYPE_DATAGRAM);
      g_autoptr (GSocketAddress) address = make_address (kind);

      ck_assert_int_eq (send_to (sender, address, "abc", &error), -1);
      assert_errno (error, errors[kind], "Could not send");
    }
}
END_TEST

START_TEST (errors_of_messages_are_told)
{
  static gchar much[100000];
  static guint8 bytes[sizeof (struct sockaddr_storage) + 1] = { AF_INET };
  g_autoptr (GSocket) stream = make_socket (IPV4, G_SOCKET_TYPE_STREAM);
  g_autoptr (GSocket) udp = make_bound (IPV4, G_SOCKET_TYPE_DATAGRAM);
  g_autoptr (GSocketAddress) address = get_local (udp);
  g_autoptr (GSocketAddress) too_long = g_native_socket_address_new (bytes, sizeof bytes);
  GError *error = NULL;
  gchar byte;

  ck_assert_int_eq (receive_bytes (stream, &byte, 1, &error), -1);
  expect_errno (&error, ENOTCONN, "Could not receive");
  ck_assert_int_eq (send_to (stream, NULL, "x", &error), -1);
  expect_errno (&error, EPIPE, "Could not send");
  ck_assert_int_eq (send_to (udp, NULL, "x", &error), -1);
  expect_errno (&error, EDESTADDRREQ, "Could not send");
  memset (much, 'x', sizeof much - 1);
  ck_assert_int_eq (send_to (udp, address, much, &error), -1);
  expect_errno (&error, EMSGSIZE, "Could not send");
  ck_assert_int_eq (send_to (udp, too_long, "x", &error), -1);
  assert_error (error, G_IO_ERROR_NO_SPACE);
  g_clear_error (&error);
}
END_TEST

START_TEST (closed_socket_is_an_error)
{
  GError *error = NULL;
  GSocket *pair[2];
  gchar byte;

  make_pair (G_SOCKET_TYPE_STREAM, pair);
  g_socket_close (pair[0], NULL);
  ck_assert_int_eq (receive_bytes (pair[0], &byte, 1, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert_int_eq (send_to (pair[0], NULL, "x", &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  close_pair (pair);
}
END_TEST

START_TEST (socket_closed_during_the_call_is_an_error)
{
  g_auto (Response) received = { 0 };
  g_auto (Response) sent = { 0 };
  GError *error = NULL;
  GSocket *pair[2];
  gchar byte;
  GInputVector in = { &byte, 1 };
  GOutputVector out = { "x", 1 };

  make_pair (G_SOCKET_TYPE_STREAM, pair);
  start_receiving (pair[0], &in, 1, 0, NULL, &received);
  start_sending (pair[0], NULL, &out, 1, 0, NULL, &sent);
  g_socket_close (pair[0], NULL);
  ck_assert_int_eq (finish_receiving (&received, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert_int_eq (finish_sending (&sent, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  close_pair (pair);
}
END_TEST

START_TEST (peer_that_has_gone_is_an_error_and_no_signal)
{
  g_autoptr (GError) error = NULL;
  GSocket *pair[2];

  make_pair (G_SOCKET_TYPE_STREAM, pair);
  g_clear_object (&pair[1]);
  signal (SIGPIPE, SIG_DFL);
  ck_assert_int_eq (send_to (pair[0], NULL, "x", &error), -1);
  assert_errno (error, EPIPE, "Could not send");
  assert_error (error, G_IO_ERROR_BROKEN_PIPE);
  close_pair (pair);
}
END_TEST

/* Many */

START_TEST (many_messages_are_on_their_way_at_once)
{
  static Response sent[N_MESSAGES], received[N_MESSAGES];
  static guint values[N_MESSAGES], got[N_MESSAGES];
  GSocket *pair[2];
  guint64 sum = 0;

  make_pair (G_SOCKET_TYPE_DATAGRAM, pair);
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      GInputVector in = { &got[i], sizeof got[i] };
      GOutputVector out = { &values[i], sizeof values[i] };

      values[i] = i;
      start_receiving (pair[1], &in, 1, 0, NULL, &received[i]);
      start_sending (pair[0], NULL, &out, 1, 0, NULL, &sent[i]);
    }
  for (guint i = 0; i < N_MESSAGES; i++)
    {
      run_until (received[i].n_calls > 0 && sent[i].n_calls > 0);
      ck_assert_int_eq (guring_socket_receive_message_finish (pair[1], received[i].result, NULL,
                                                              NULL, NULL, NULL, NULL),
                        sizeof got[i]);
      ck_assert_int_eq (guring_socket_send_message_finish (pair[0], sent[i].result, NULL),
                        sizeof values[i]);
      sum += got[i];
      response_clear (&received[i]);
      response_clear (&sent[i]);
    }
  ck_assert_uint_eq (sum, N_MESSAGES * (N_MESSAGES - 1) / 2);
  close_pair (pair);
}
END_TEST

START_TEST (messages_are_operations_of_the_ring)
{
  GSocket *pair[2];
  gchar byte;
  GuringRing *default_ring;
  GuringStatistics statistics;

  make_pair (G_SOCKET_TYPE_STREAM, pair);
  ck_assert_int_eq (send_to (pair[0], NULL, "x", NULL), 1);
  ck_assert_int_eq (receive_bytes (pair[1], &byte, 1, NULL), 1);
  default_ring = guring_ring_get_default (NULL);
  if (default_ring != NULL)
    {
      guring_ring_get_statistics (default_ring, &statistics);
      ck_assert_uint_eq (statistics.completed, 2);
    }
  close_pair (pair);
}
END_TEST

/* Threads and contexts */

static void
exchange (GMainContext *own, gpointer data)
{
  g_auto (Response) sent = { 0 };
  g_auto (Response) received = { 0 };
  GSocket *pair[2];
  gchar buffer[4] = "";
  GInputVector in = { buffer, 3 };
  GOutputVector out = { "abc", 3 };

  make_pair (G_SOCKET_TYPE_STREAM, pair);
  start_receiving (pair[1], &in, 1, 0, NULL, &received);
  start_sending (pair[0], NULL, &out, 1, 0, NULL, &sent);
  ck_assert_int_eq (finish_receiving (&received, NULL), 3);
  ck_assert_int_eq (finish_sending (&sent, NULL), 3);
  ck_assert_ptr_eq (received.context, own);
  ck_assert_ptr_eq (sent.context, own);
  ck_assert_str_eq (buffer, "abc");
  close_pair (pair);
}

START_TEST (another_thread_exchanges_messages_in_its_own_context)
{
  run_in_threads (1, exchange, NULL);
}
END_TEST

START_TEST (callbacks_come_in_the_context_of_the_call)
{
  run_in_own_context (exchange, NULL);
}
END_TEST

static void
add_message_tests (TCase *tcase)
{
  tcase_add_test (tcase, message_arrives_in_its_vectors);
  tcase_add_test (tcase, array_of_vectors_is_copied);
  tcase_add_test (tcase, message_without_vectors_is_a_zero);
  tcase_add_test (tcase, datagram_may_be_empty);
  tcase_add_test (tcase, stream_ends_with_its_peer);
  tcase_add_test (tcase, datagram_says_where_it_comes_from);
  tcase_add_test (tcase, address_that_is_not_known_is_null);
  tcase_add_test (tcase, flags_are_as_in_gio);
  tcase_add_test (tcase, what_was_cut_off_is_told);
  tcase_add_test (tcase, flags_do_not_say_how_long_to_wait);
  tcase_add_test (tcase, queue_of_errors_is_waited_for);
  tcase_add_test (tcase, sending_to_nobody_is_an_error);
  tcase_add_test (tcase, errors_of_messages_are_told);
  tcase_add_test (tcase, closed_socket_is_an_error);
  tcase_add_test (tcase, socket_closed_during_the_call_is_an_error);
  tcase_add_test (tcase, peer_that_has_gone_is_an_error_and_no_signal);
  tcase_add_test (tcase, many_messages_are_on_their_way_at_once);
  tcase_add_test (tcase, messages_are_operations_of_the_ring);
  tcase_add_test (tcase, another_thread_exchanges_messages_in_its_own_context);
  tcase_add_test (tcase, callbacks_come_in_the_context_of_the_call);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-message");

  add_io_tests (suite, add_message_tests);
  return run_suite_without_io_uring (suite);
}
