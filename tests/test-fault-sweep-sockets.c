/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls on sockets, connections and services, while each call of the library fails. */

#include "config.h"

#include <gio/gunixfdmessage.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection-support.h"
#include "service-support.h"
#include "socket-support.h"
#include "sweep.h"

/* Sockets */

static void
connect_socket (Kind kind)
{
  g_autoptr (GSocket) listener = make_listener (kind, 1);
  g_autoptr (GSocketAddress) address = get_local (listener);
  g_autoptr (GSocket) socket = make_socket (kind, G_SOCKET_TYPE_STREAM);
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean connected;

  sweep_arm ();
  guring_socket_connect_async (socket, address, 0, NULL, on_answer, &answer);
  connected = guring_socket_connect_finish (socket, sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (connected, &error);
  ck_assert (!connected || g_socket_is_connected (socket));
}

SWEPT (a_socket_connects)
{
  connect_socket (IPV4);
}

SWEPT (a_unix_socket_connects)
{
  connect_socket (UNIX_ABSTRACT);
}

static gboolean
send_message (GSocket *socket, GSocketAddress *address, GSocketControlMessage *control)
{
  GOutputVector vector = { "message", 7 };
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean sent;

  guring_socket_send_message_async (socket, address, &vector, 1, &control, control != NULL, 0, 0,
                                    NULL, on_answer, &answer);
  sent = guring_socket_send_message_finish (socket, sweep_await (&answer), &error) >= 0;
  sweep_ended (sent, &error);
  return sent;
}

static gboolean
receive_message (GSocket *socket)
{
  gchar buffer[10];
  GInputVector vector = { buffer, sizeof buffer };
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean received;

  guring_socket_receive_message_async (socket, &vector, 1, 0, 0, NULL, on_answer, &answer);
  received = guring_socket_receive_message_finish (socket, sweep_await (&answer), NULL, NULL, NULL,
                                                   NULL, &error) >= 0;
  sweep_ended (received, &error);
  return received;
}

SWEPT (a_message_is_sent_and_received)
{
  GSocket *pair[2];

  make_pair (G_SOCKET_TYPE_DATAGRAM, pair);
  sweep_arm ();
  if (send_message (pair[0], NULL, NULL))
    receive_message (pair[1]);
  sweep_finish ();
  close_pair (pair);
}

/* Nobody takes the descriptor that comes with it. */
SWEPT (a_message_has_a_descriptor)
{
  g_autoptr (GSocketControlMessage) control = g_unix_fd_message_new ();
  GSocket *pair[2];

  ck_assert (g_unix_fd_message_append_fd (G_UNIX_FD_MESSAGE (control), 0, NULL));
  make_pair (G_SOCKET_TYPE_DATAGRAM, pair);
  sweep_arm ();
  if (send_message (pair[0], NULL, control))
    receive_message (pair[1]);
  sweep_finish ();
  close_pair (pair);
}

static void
fill (GSocket *socket, GSocketAddress *address)
{
  g_socket_set_blocking (socket, FALSE);
  while (g_socket_send_to (socket, address, "x", 1, NULL, NULL) > 0)
    ;
  g_socket_set_blocking (socket, TRUE);
}

static void
drain (GSocket *socket)
{
  gchar byte;

  while (g_socket_receive_with_blocking (socket, &byte, 1, FALSE, NULL, NULL) >= 0)
    ;
}

SWEPT (a_message_waits_for_room)
{
  g_autoptr (GSocket) receiver = make_bound (UNIX_ABSTRACT, G_SOCKET_TYPE_DATAGRAM);
  g_autoptr (GSocket) sender = make_socket (UNIX_ABSTRACT, G_SOCKET_TYPE_DATAGRAM);
  g_autoptr (GSocketAddress) address = get_local (receiver);
  GOutputVector vector = { "message", 7 };
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;

  fill (sender, address);
  sweep_arm ();
  guring_socket_send_message_async (sender, address, &vector, 1, NULL, 0, 0, 0, NULL, on_answer,
                                    &answer);
  while (!sweep_has_called ("socket") && answer.n_calls == 0) /* of which it hears of room */
    sweep_iterate ();
  drain (receiver);
  sweep_ended (guring_socket_send_message_finish (sender, sweep_get (&answer), &error) == 7,
               &error);
  sweep_finish ();
}

/* Connections */

static void
write_to (GOutputStream *stream)
{
  const GOutputVector vectors[] = { { "x", 1 }, { "yz", 2 } };
  g_auto (Answer) answer = { 0 };
  g_auto (Answer) answer_of_vectors = { 0 };
  g_autoptr (GError) error = NULL;
  gsize n;

  g_output_stream_write_async (stream, "x", 1, 0, NULL, on_answer, &answer);
  sweep_ended (g_output_stream_write_finish (stream, sweep_await (&answer), &error) >= 0, &error);
  g_output_stream_writev_async (stream, vectors, 2, 0, NULL, on_answer, &answer_of_vectors);
  sweep_ended (g_output_stream_writev_finish (stream, sweep_await (&answer_of_vectors), &n, &error),
               &error);
}

static void
read_from (GInputStream *stream)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gchar buffer[10];

  g_input_stream_read_async (stream, buffer, sizeof buffer, 0, NULL, on_answer, &answer);
  sweep_ended (g_input_stream_read_finish (stream, sweep_await (&answer), &error) >= 0, &error);
}

static void
close_connection (GIOStream *connection)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;

  g_io_stream_close_async (connection, 0, NULL, on_answer, &answer);
  sweep_ended (g_io_stream_close_finish (connection, sweep_await (&answer), &error), &error);
}

static void
feed (int fd)
{
  sweep_disarm ();
  ck_assert_int_eq (sendto (fd, "bytes", 5, 0, NULL, 0), 5);
  sweep_arm ();
}

SWEPT (a_connection_is_used)
{
  g_auto (Pair) pair = { 0 };

  pair_init (&pair);
  sweep_arm ();
  feed (pair.peer);
  write_to (pair.output);
  read_from (pair.input);
  close_connection (pair.connection);
  sweep_finish ();
}

SWEPT (a_connection_is_closed_under_a_read)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Answer) answer = { 0 };
  gchar byte;

  pair_init (&pair);
  sweep_arm ();
  g_input_stream_read_async (pair.input, &byte, 1, 0, NULL, on_answer, &answer);
  let_it_wait ();
  g_io_stream_close (pair.connection, NULL, NULL);
  ck_assert_int_eq (g_input_stream_read_finish (pair.input, sweep_get (&answer), NULL), -1);
  sweep_finish ();
}

/* Returns: whether all that was sent has come */
static gboolean
receive_some (GuringSocketConnection *connection, gsize *size)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;

  guring_socket_connection_receive_async (connection, 0, NULL, on_answer, &answer);
  bytes = guring_socket_connection_receive_finish (connection, sweep_await (&answer), &error);
  sweep_ended (bytes != NULL, &error);
  *size += bytes != NULL ? g_bytes_get_size (bytes) : 0;
  return *size == 10;
}

/* An error is told once; the next call goes on behind it. */
SWEPT (a_connection_receives)
{
  g_auto (Pair) pair = { 0 };
  gsize size = 0;

  pair_init (&pair);
  sweep_arm ();
  feed (pair.peer);
  receive_some (GURING_SOCKET_CONNECTION (pair.connection), &size);
  feed (pair.peer);
  while (!receive_some (GURING_SOCKET_CONNECTION (pair.connection), &size))
    ;
  g_io_stream_close (pair.connection, NULL, NULL);
  sweep_finish ();
}

/* Services */

static int
connect_to_server (const Server *server)
{
  int client;

  sweep_disarm ();
  client = connect_client (server->port);
  sweep_arm ();
  return client;
}

/* Whatever fails, the client is served in the end. */
static void
serve (guint max_connections)
{
  g_auto (Server) server = { 0 };
  int client;

  sweep_arm ();
  server_init (&server);
  guring_socket_service_set_max_connections (server.service, max_connections);
  client = connect_to_server (&server);
  while (server.n_incoming == 0)
    sweep_iterate ();
  ck_assert_uint_eq (server.n_incoming, 1);
  drop_connection (&server, 0);
  g_clear_object (&server.service);
  sweep_finish ();
  close (client);
}

SWEPT (a_service_accepts)
{
  serve (0);
}

SWEPT (a_service_accepts_one_at_a_time)
{
  serve (1);
}

SWEPT (a_service_gets_another_backlog)
{
  g_auto (Server) server = { 0 };

  server_init (&server);
  sweep_arm ();
  guring_socket_service_set_backlog (server.service, 5);
  g_clear_object (&server.service);
  sweep_finish ();
}

/* While it listens */
SWEPT (a_service_is_dropped)
{
  g_auto (Server) server = { 0 };

  server_init (&server);
  sweep_arm ();
  let_it_wait ();
  g_clear_object (&server.service);
  sweep_finish ();
}

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_socket_connects);
  tcase_add_test (tcase, a_unix_socket_connects);
  tcase_add_test (tcase, a_message_is_sent_and_received);
  tcase_add_test (tcase, a_message_has_a_descriptor);
  tcase_add_test (tcase, a_message_waits_for_room);
  tcase_add_test (tcase, a_connection_is_used);
  tcase_add_test (tcase, a_connection_is_closed_under_a_read);
  tcase_add_test (tcase, a_connection_receives);
  tcase_add_test (tcase, a_service_accepts);
  tcase_add_test (tcase, a_service_accepts_one_at_a_time);
  tcase_add_test (tcase, a_service_gets_another_backlog);
  tcase_add_test (tcase, a_service_is_dropped);
}

int
main (void)
{
  return run_io_sweeps ("fault-sweep-sockets", add_tests);
}
