/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GuringSocketService with thousands of connections. */

#include "config.h"

#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service-support.h"

#define N_CONNECTIONS 10000
#define N_OTHERS 100 /* descriptors */
#define N_IDLE 4500  /* more than the default ring's CQ has entries */

/* Returns: how many connections, with both ends here, can be open at once */
static guint
raise_limit (void)
{
  return (raise_descriptor_limit () - N_OTHERS) / 2;
}

static guint n_alive; /* connections of the service */

static void
on_gone (gpointer unused, GObject *connection)
{
  n_alive--;
}

static gboolean
count (GuringSocketService *service, GObject *connection, gpointer unused)
{
  n_alive++;
  g_object_weak_ref (connection, on_gone, NULL);
  return FALSE;
}

static void
init_echo_server (Server *server)
{
  server_init_without_handler (server);
  g_signal_connect (server->service, "incoming", G_CALLBACK (count), NULL);
  g_signal_connect (server->service, "incoming", G_CALLBACK (echo), NULL);
}

static void
open_clients (Server *server, int *clients, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      clients[i] = connect_client (server->port);
      if (i % 256 == 0) /* the kernel has room for so many that wait */
        run_until (n_alive >= i);
    }
  run_until (n_alive == n);
}

static void
let_clients_speak (const int *clients, guint n)
{
  for (guint i = 0; i < n; i++)
    ck_assert_int_eq (send (clients[i], "hello", 5, 0), 5);
  for (guint i = 0; i < n; i++)
    run_until (client_has (clients[i], "hello"));
}

static void
end_clients (const int *clients, guint n)
{
  close_clients (clients, n);
  run_until (n_alive == 0);
}

static void
serve (Server *server, guint n)
{
  g_autofree int *clients = g_new (int, n);

  open_clients (server, clients, n);
  let_clients_speak (clients, n);
  end_clients (clients, n);
}

/* What is kept for the next time was there after the first, but for what tables grow by; the
 * smallest allocation takes 32 bytes. */
START_TEST (connections_open_speak_and_close_and_nothing_stays)
{
  g_auto (Server) server = { 0 };
  guint n = MIN (raise_limit (), N_CONNECTIONS), n_descriptors, n_done = n;
  gsize n_bytes;

  init_echo_server (&server);
  serve (&server, n);
  let_it_wait ();
  n_descriptors = count_descriptors ();
  n_bytes = mallinfo2 ().uordblks;

  do
    serve (&server, n);
  while ((n_done += n) < N_CONNECTIONS);
  let_it_wait ();
  ck_assert_uint_eq (count_descriptors (), n_descriptors);
  ck_assert_uint_le (mallinfo2 ().uordblks, n_bytes + 8 * N_CONNECTIONS);
}
END_TEST

START_TEST (who_speaks_is_heard_among_many_who_do_not)
{
  g_auto (Server) server = { 0 };
  g_autofree int *clients = g_new (int, N_IDLE);

  raise_limit ();
  init_echo_server (&server);
  open_clients (&server, clients, N_IDLE);
  let_clients_speak (clients + N_IDLE - 1, 1);
  end_clients (clients, N_IDLE);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, connections_open_speak_and_close_and_nothing_stays);
  if (raise_limit () >= N_IDLE)
    tcase_add_test (tcase, who_speaks_is_heard_among_many_who_do_not);
  else
    g_printerr ("# RLIMIT_NOFILE is too low for %d connections: not tested\n", N_IDLE);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-service-load");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
