/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GuringSocketService: the ends of it, and of all that it stands on. */

#include "config.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service-support.h"

static gboolean
is_free (guint16 port)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons (port) };
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int one = 1;
  int res;

  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  res = bind (fd, (struct sockaddr *) &address, sizeof address);
  close (fd);
  return res == 0;
}

START_TEST (the_port_is_free_at_once_when_the_service_goes)
{
  g_auto (Server) server = { 0 };

  server_init (&server);
  let_it_wait ();
  ck_assert (!is_free (server.port));
  g_clear_object (&server.service);
  ck_assert (is_free (server.port));
}
END_TEST

static gboolean
stop_and_keep (GuringSocketService *service, GuringSocketConnection *connection, gpointer server)
{
  guring_socket_service_stop (service);
  return keep (service, connection, server);
}

/* Of three clients that came; closes these. */
static void
assert_first_is_served (int clients[3])
{
  let_it_wait ();
  ck_assert (!has_ended (clients[0]));
  ck_assert (has_ended (clients[1]));
  ck_assert (has_ended (clients[2]));
  close_clients (clients, 3);
}

START_TEST (what_waits_is_closed_when_the_service_goes)
{
  g_auto (Server) server = { 0 };
  int clients[3];

  server_init_without_handler (&server);
  g_signal_connect (server.service, "incoming", G_CALLBACK (stop_and_keep), &server);
  connect_clients (server.port, clients, 3);
  run_until (server.n_incoming == 1);
  g_clear_object (&server.service);
  assert_first_is_served (clients);
}
END_TEST

static gboolean
drop_service (GuringSocketService *service, GuringSocketConnection *connection, gpointer user_data)
{
  g_clear_object ((GuringSocketService **) user_data);
  return FALSE;
}

START_TEST (a_handler_may_drop_the_service)
{
  g_auto (Server) server = { 0 };
  int clients[3];

  server_init (&server);
  g_signal_connect (server.service, "incoming", G_CALLBACK (drop_service), &server.service);
  connect_clients (server.port, clients, 3);
  run_until (server.service == NULL);
  assert_first_is_served (clients);
  ck_assert_uint_eq (server.n_incoming, 1);
}
END_TEST

static gboolean
run_nested (GuringSocketService *service, GuringSocketConnection *connection, gpointer user_data)
{
  Server *server = user_data;

  run_until (server->n_incoming == 3);
  return FALSE;
}

START_TEST (a_handler_may_run_a_nested_main_loop)
{
  g_auto (Server) server = { 0 };
  int clients[3];

  server_init (&server);
  g_signal_connect (server.service, "incoming", G_CALLBACK (run_nested), &server);
  connect_clients (server.port, clients, 3);
  run_until (server.n_incoming == 3);
  close_clients (clients, 3);
}
END_TEST

static gpointer
unref_in_thread (gpointer object)
{
  g_object_unref (object);
  return NULL;
}

START_TEST (another_thread_may_drop_the_service)
{
  g_auto (Server) server = { 0 };
  int clients[2];

  server_init_without_handler (&server);
  g_signal_connect (server.service, "incoming", G_CALLBACK (stop_and_keep), &server);
  connect_clients (server.port, clients, 2);
  run_until (server.n_incoming == 1);
  g_thread_join (g_thread_new ("unref", unref_in_thread, g_steal_pointer (&server.service)));
  run_until (has_ended (clients[1]) && is_free (server.port));
  close_clients (clients, 2);
}
END_TEST

/* Against a loop that accepts all the time */
START_TEST (another_thread_may_drop_the_service_at_any_time)
{
  for (guint i = 0; i < 50; i++)
    {
      g_auto (Server) server = { 0 };
      int clients[4];
      GThread *thread;

      server_init_without_handler (&server);
      for (guint j = 0; j < G_N_ELEMENTS (clients); j++)
        clients[j] = connect_client (server.port);
      thread = g_thread_new ("unref", unref_in_thread, g_steal_pointer (&server.service));
      for (guint j = 0; j < G_N_ELEMENTS (clients); j++)
        {
          run_until (has_ended (clients[j]));
          close (clients[j]);
        }
      g_thread_join (thread);
    }
}
END_TEST

START_TEST (it_goes_on_when_its_ring_is_closed)
{
  g_auto (Server) server = { 0 };
  GuringRing *default_ring;

  server_init (&server);
  assert_serves (&server);
  default_ring = guring_ring_get_default (NULL);
  if (default_ring != NULL)
    ck_assert (guring_ring_close (default_ring, -1, NULL));
  assert_serves (&server);
  guring_socket_service_stop (server.service);
  let_it_wait ();
  guring_socket_service_start (server.service);
  assert_serves (&server);
}
END_TEST

/* In a context that no thread has as thread-default, and so none owns for good */
static GMainContext *
make_server_elsewhere (Server *server)
{
  GMainContext *own = g_main_context_new ();

  g_main_context_push_thread_default (own);
  server_init (server);
  g_main_context_pop_thread_default (own);
  return own;
}

START_TEST (it_may_outlive_everybody_elses_interest_in_its_context)
{
  g_auto (Server) server = { 0 };
  GMainContext *own = make_server_elsewhere (&server);
  int client = connect_client (server.port);

  while (server.n_incoming == 0)
    g_main_context_iteration (own, TRUE);
  g_ptr_array_set_size (server.connections, 0);
  g_main_context_unref (own);
  close (client);
}
END_TEST

/* The service goes in a thread that may not touch what its context has, which is not run again. */
START_TEST (its_context_may_end_with_it)
{
  g_auto (Server) server = { 0 };
  GMainContext *own = make_server_elsewhere (&server);
  int client = connect_client (server.port);

  while (server.n_incoming == 0)
    g_main_context_iteration (own, TRUE);
  ck_assert (g_main_context_acquire (own));
  g_thread_join (g_thread_new ("unref", unref_in_thread, g_steal_pointer (&server.service)));
  g_main_context_release (own);
  g_main_context_unref (own);
  ck_assert (is_free (server.port));
  close (client);
}
END_TEST

static gpointer
iterate_in_thread (gpointer own)
{
  while (g_main_context_iteration (own, FALSE))
    ;
  return NULL;
}

/* The kernel cancels what a thread has submitted when that exits. */
START_TEST (it_outlives_the_thread_that_ran_its_context)
{
  g_auto (Server) server = { 0 };
  GMainContext *own = make_server_elsewhere (&server);
  int client;

  g_thread_join (g_thread_new ("iterate", iterate_in_thread, own));
  client = connect_client (server.port);
  while (server.n_incoming == 0)
    g_main_context_iteration (own, TRUE);
  g_clear_object (&server.service);
  g_main_context_unref (own);
  close (client);
}
END_TEST

START_TEST (a_listener_that_is_closed_under_it_is_no_harm)
{
  g_auto (Server) server = { 0 };
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocket) socket =
    g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);

  ck_assert (g_socket_bind (socket, any, TRUE, NULL));
  ck_assert (g_socket_listen (socket, NULL));
  server_init (&server);
  ck_assert (guring_socket_service_add_socket (server.service, socket, NULL, NULL));
  let_it_wait ();
  guring_socket_service_stop (server.service);
  let_it_wait ();
  ck_assert (g_socket_close (socket, NULL));
  guring_socket_service_start (server.service);
  assert_serves (&server);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, the_port_is_free_at_once_when_the_service_goes);
  tcase_add_test (tcase, what_waits_is_closed_when_the_service_goes);
  tcase_add_test (tcase, a_handler_may_drop_the_service);
  tcase_add_test (tcase, a_handler_may_run_a_nested_main_loop);
  tcase_add_test (tcase, another_thread_may_drop_the_service);
  tcase_add_test (tcase, another_thread_may_drop_the_service_at_any_time);
  tcase_add_test (tcase, it_goes_on_when_its_ring_is_closed);
  tcase_add_test (tcase, it_may_outlive_everybody_elses_interest_in_its_context);
  tcase_add_test (tcase, its_context_may_end_with_it);
  tcase_add_test (tcase, it_outlives_the_thread_that_ran_its_context);
  tcase_add_test (tcase, a_listener_that_is_closed_under_it_is_no_harm);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-service-ends");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
