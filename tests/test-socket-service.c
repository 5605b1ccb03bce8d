/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GuringSocketService: where it listens, whom it tells, when it accepts. */

#include "config.h"

#include <gio/gunixsocketaddress.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service-support.h"

static GSocket *
listen_on_path (const gchar *path)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  GSocket *socket =
    g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);

  ck_assert (g_socket_bind (socket, address, FALSE, NULL));
  ck_assert (g_socket_listen (socket, NULL));
  return socket;
}

static int
connect_client_to_path (const gchar *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  ck_assert_int_eq (connect (fd, (struct sockaddr *) &address, sizeof address), 0);
  return fd;
}

/* Where it listens */

START_TEST (clients_are_served_on_both_internet_protocols)
{
  g_auto (Server) server = { 0 };
  int clients[2];

  server_init (&server);
  clients[0] = connect_client (server.port);
  run_until (server.n_incoming == 1);
  clients[1] = connect_client_6 (server.port);
  run_until (server.n_incoming == 2);

  for (guint i = 0; i < 2; i++)
    {
      ck_assert_int_eq (send (clients[i], "abc", 3, 0), 3);
      server_send_back (&server, i, 3);
      ck_assert (client_has (clients[i], "abc"));
      close (clients[i]);
    }
  ck_assert_ptr_eq (server.thread, g_thread_self ());
  ck_assert_ptr_eq (server.context, context);
}
END_TEST

START_TEST (a_port_is_listened_on)
{
  g_auto (Server) server = { 0 };
  g_autoptr (GError) error = NULL;
  guint16 port;
  int client;

  server_init (&server);
  port = server.port;
  ck_assert (!guring_socket_service_add_inet_port (server.service, port, NULL, &error));
  assert_error (error, G_IO_ERROR_ADDRESS_IN_USE);

  server_clear (&server);
  server_init (&server); /* on another */
  ck_assert (guring_socket_service_add_inet_port (server.service, port, NULL, NULL));
  client = connect_client (port);
  run_until (server.n_incoming == 1);
  close (client);
}
END_TEST

START_TEST (a_unix_socket_is_listened_on)
{
  g_auto (Server) server = { 0 };
  g_autoptr (GSocket) socket = listen_on_path ("socket");
  int client;

  server_init (&server);
  ck_assert (guring_socket_service_add_socket (server.service, socket, NULL, NULL));
  client = connect_client_to_path ("socket");
  run_until (server.n_incoming == 1);
  ck_assert_int_eq (send (client, "abc", 3, 0), 3);
  server_send_back (&server, 0, 3);
  ck_assert (client_has (client, "abc"));
  close (client);
}
END_TEST

START_TEST (a_socket_that_does_not_listen_is_refused)
{
  g_auto (Server) server = { 0 };
  g_autoptr (GSocket) socket =
    g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GError) error = NULL;

  server_init (&server);
  ck_assert (!guring_socket_service_add_socket (server.service, socket, NULL, &error));
  assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_socket_close (socket, NULL);
  ck_assert (!guring_socket_service_add_socket (server.service, socket, NULL, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

START_TEST (properties_are_those_of_a_socket_service)
{
  g_autoptr (GuringSocketService) service = guring_socket_service_new ();
  gboolean active;
  gint backlog;
  guint max;

  g_object_get (service, "active", &active, "listen-backlog", &backlog, "max-connections", &max,
                NULL);
  ck_assert (active);
  ck_assert_int_eq (backlog, SOMAXCONN);
  ck_assert_uint_eq (max, 0);

  g_object_set (service, "active", FALSE, "listen-backlog", 7, "max-connections", 3, NULL);
  g_object_get (service, "active", &active, "listen-backlog", &backlog, NULL);
  ck_assert (!active);
  ck_assert (!guring_socket_service_is_active (service));
  ck_assert_int_eq (backlog, 7);
  ck_assert_uint_eq (guring_socket_service_get_max_connections (service), 3);

  g_object_set (service, "active", TRUE, NULL);
  ck_assert (guring_socket_service_is_active (service));
}
END_TEST

/* Whom it tells */

static gboolean
count_and_handle (GuringSocketService *service, GuringSocketConnection *connection, gpointer count)
{
  ++*(guint *) count;
  return TRUE;
}

START_TEST (handlers_are_called_in_order_until_one_has_handled_it)
{
  g_auto (Server) server = { 0 };
  guint n_handled = 0, n_late = 0;
  int client;

  server_init (&server);
  g_signal_connect (server.service, "incoming", G_CALLBACK (count_and_handle), &n_handled);
  g_signal_connect (server.service, "incoming", G_CALLBACK (count_and_handle), &n_late);
  client = connect_client (server.port);
  run_until (n_handled > 0);
  ck_assert_uint_eq (server.n_incoming, 1);
  ck_assert_uint_eq (n_handled, 1);
  ck_assert_uint_eq (n_late, 0);
  close (client);
}
END_TEST

START_TEST (what_nobody_keeps_is_closed)
{
  g_auto (Server) server = { 0 };
  guint n_handled = 0;
  int clients[2];

  server_init_without_handler (&server);
  clients[0] = connect_client (server.port);
  run_until (has_ended (clients[0]));

  g_signal_connect (server.service, "incoming", G_CALLBACK (count_and_handle), &n_handled);
  clients[1] = connect_client (server.port);
  run_until (has_ended (clients[1]));
  ck_assert_uint_eq (n_handled, 1);
  close_clients (clients, 2);
}
END_TEST

START_TEST (a_connection_knows_the_source_object)
{
  g_auto (Server) server = { 0 };
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);
  GuringSocketConnection *connection;
  guint16 port;
  int clients[2];

  server_init (&server);
  port = guring_socket_service_add_any_inet_port (server.service, object, NULL);
  ck_assert_uint_ne (port, 0);
  clients[0] = connect_client (port);
  run_until (server.n_incoming == 1);
  clients[1] = connect_client (server.port);
  run_until (server.n_incoming == 2);

  g_clear_object (&server.service);
  connection = g_ptr_array_index (server.connections, 0);
  ck_assert_ptr_eq (guring_socket_connection_get_source_object (connection), object);
  connection = g_ptr_array_index (server.connections, 1);
  ck_assert_ptr_null (guring_socket_connection_get_source_object (connection));
  close_clients (clients, 2);
}
END_TEST

/* When it accepts */

START_TEST (clients_wait_while_it_is_stopped)
{
  g_auto (Server) server = { 0 };
  int clients[3];

  server_init (&server);
  let_it_wait ();
  guring_socket_service_stop (server.service);
  ck_assert (!guring_socket_service_is_active (server.service));
  connect_clients (server.port, clients, 3);
  ck_assert_int_eq (send (clients[2], "abc", 3, 0), 3);
  let_it_wait ();
  ck_assert_uint_eq (server.n_incoming, 0);

  guring_socket_service_start (server.service);
  run_until (server.n_incoming == 3);
  server_send_back (&server, 2, 3);
  ck_assert (client_has (clients[2], "abc"));
  close_clients (clients, 3);
}
END_TEST

static gboolean
stop (GuringSocketService *service, GuringSocketConnection *connection, gpointer user_data)
{
  guring_socket_service_stop (service);
  return FALSE;
}

/* A multishot operation has accepted all three when the first is given out. */
START_TEST (a_handler_may_stop_it_and_nothing_is_lost)
{
  g_auto (Server) server = { 0 };
  int clients[3];

  server_init (&server);
  g_signal_connect (server.service, "incoming", G_CALLBACK (stop), NULL);
  connect_clients (server.port, clients, 3);

  for (guint i = 0; i < 3; i++)
    {
      run_until (server.n_incoming > i);
      let_it_wait ();
      ck_assert_uint_eq (server.n_incoming, i + 1);
      ck_assert_int_eq (send (clients[i], "abc", 3, 0), 3);
      server_send_back (&server, i, 3);
      ck_assert (client_has (clients[i], "abc"));
      guring_socket_service_start (server.service);
    }
  close_clients (clients, 3);
}
END_TEST

START_TEST (it_may_be_stopped_and_started_at_any_time)
{
  g_auto (Server) server = { 0 };
  int clients[20];

  server_init (&server);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      clients[i] = connect_client (server.port);
      guring_socket_service_stop (server.service);
      for (guint j = 0; j < i % 3; j++)
        g_main_context_iteration (context, FALSE);
      guring_socket_service_start (server.service);
      for (guint j = 0; j < i % 4; j++)
        g_main_context_iteration (context, FALSE);
    }
  run_until (server.n_incoming == G_N_ELEMENTS (clients));
  close_clients (clients, G_N_ELEMENTS (clients));
}
END_TEST

/* The limit */

static gpointer
close_in_thread (gpointer connection)
{
  ck_assert (g_io_stream_close (connection, NULL, NULL));
  return NULL;
}

static void
end_first (Server *server, guint how)
{
  GIOStream *connection = g_ptr_array_index (server->connections, 0);

  if (how == 0)
    ck_assert (g_io_stream_close (connection, NULL, NULL));
  else if (how == 1)
    g_thread_join (g_thread_new ("close", close_in_thread, connection));
  drop_connection (server, 0);
}

START_TEST (at_the_limit_clients_wait_until_a_connection_ends)
{
  g_auto (Server) server = { 0 };
  int clients[6];

  server_init (&server);
  guring_socket_service_set_max_connections (server.service, 2);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    {
      clients[i] = connect_client (server.port);
      ck_assert_int_eq (send (clients[i], "abc", 3, 0), 3);
    }

  for (guint i = 2; i < G_N_ELEMENTS (clients); i++)
    {
      run_until (server.n_incoming >= i);
      let_it_wait ();
      ck_assert_uint_eq (server.n_incoming, i);
      ck_assert_uint_eq (server.connections->len, 2);
      server_send_back (&server, 0, 3);
      ck_assert (client_has (clients[i - 2], "abc"));
      ck_assert (!client_has (clients[i], "abc"));
      end_first (&server, i % 3);
      ck_assert (has_ended (clients[i - 2]));
    }
  run_until (server.n_incoming == G_N_ELEMENTS (clients));
  close_clients (clients, G_N_ELEMENTS (clients));
}
END_TEST

START_TEST (at_the_limit_nothing_is_accepted)
{
  g_auto (Server) server = { 0 };
  guint n_before;
  int clients[20];

  server_init (&server);
  guring_socket_service_set_max_connections (server.service, 1);
  connect_clients (server.port, clients, G_N_ELEMENTS (clients));
  n_before = count_descriptors ();
  run_until (server.n_incoming == 1);
  let_it_wait ();
  ck_assert_uint_eq (count_descriptors (), n_before + 1);
  close_clients (clients, G_N_ELEMENTS (clients));
}
END_TEST

START_TEST (the_limit_can_be_changed)
{
  g_auto (Server) server = { 0 };
  int clients[10];

  server_init (&server);
  let_it_wait (); /* with a multishot operation */
  guring_socket_service_set_max_connections (server.service, 1);
  let_it_wait ();
  connect_clients (server.port, clients, G_N_ELEMENTS (clients));
  run_until (server.n_incoming == 1);
  guring_socket_service_set_max_connections (server.service, 4);
  run_until (server.n_incoming == 4);
  let_it_wait ();
  ck_assert_uint_eq (server.n_incoming, 4);
  guring_socket_service_set_max_connections (server.service, 0);
  run_until (server.n_incoming == G_N_ELEMENTS (clients));
  close_clients (clients, G_N_ELEMENTS (clients));
}
END_TEST

/* Threads and contexts */

static void
serve (GMainContext *own, gpointer unused)
{
  g_auto (Server) server = { 0 };
  int client;

  server_init (&server);
  client = connect_client (server.port);
  while (server.n_incoming == 0)
    g_main_context_iteration (own, TRUE);
  ck_assert_ptr_eq (server.thread, g_thread_self ());
  ck_assert_ptr_eq (server.context, own);
  close (client);
}

START_TEST (another_thread_has_a_service_in_its_own_context)
{
  run_in_threads (2, serve, NULL);
}
END_TEST

START_TEST (handlers_run_with_its_context_as_thread_default)
{
  g_auto (Server) server = { 0 };
  g_autoptr (GMainContext) other = g_main_context_new ();
  int client;

  server_init (&server);
  client = connect_client (server.port);
  g_main_context_push_thread_default (other);
  run_until (server.n_incoming == 1);
  g_main_context_pop_thread_default (other);
  ck_assert_ptr_eq (server.context, context);
  close (client);
}
END_TEST

static gpointer
start_in_thread (gpointer service)
{
  guring_socket_service_start (service);
  return NULL;
}

START_TEST (another_thread_may_start_it)
{
  g_auto (Server) server = { 0 };
  int client;

  server_init (&server);
  guring_socket_service_stop (server.service);
  client = connect_client (server.port);
  let_it_wait ();
  ck_assert_uint_eq (server.n_incoming, 0);
  g_thread_join (g_thread_new ("start", start_in_thread, server.service));
  run_until (server.n_incoming == 1);
  close (client);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, clients_are_served_on_both_internet_protocols);
  tcase_add_test (tcase, a_port_is_listened_on);
  tcase_add_test (tcase, a_unix_socket_is_listened_on);
  tcase_add_test (tcase, a_socket_that_does_not_listen_is_refused);
  tcase_add_test (tcase, properties_are_those_of_a_socket_service);
  tcase_add_test (tcase, handlers_are_called_in_order_until_one_has_handled_it);
  tcase_add_test (tcase, what_nobody_keeps_is_closed);
  tcase_add_test (tcase, a_connection_knows_the_source_object);
  tcase_add_test (tcase, clients_wait_while_it_is_stopped);
  tcase_add_test (tcase, a_handler_may_stop_it_and_nothing_is_lost);
  tcase_add_test (tcase, it_may_be_stopped_and_started_at_any_time);
  tcase_add_test (tcase, at_the_limit_clients_wait_until_a_connection_ends);
  tcase_add_test (tcase, at_the_limit_nothing_is_accepted);
  tcase_add_test (tcase, the_limit_can_be_changed);
  tcase_add_test (tcase, another_thread_has_a_service_in_its_own_context);
  tcase_add_test (tcase, handlers_run_with_its_context_as_thread_default);
  tcase_add_test (tcase, another_thread_may_start_it);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-service");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
