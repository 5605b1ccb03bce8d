/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GuringSocketService: errors of accept, older kernels, the ends of all that it stands on. The
 * faults of the kernel are injected where the library asks it to accept. */

#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service-support.h"

/* Faults */

static gboolean no_multishot; /* as before Linux 5.19 */
static gboolean no_waiting;   /* as before Linux 5.12, with O_NONBLOCK */
static int fault;             /* errno of the next accept, or 0 */
static guint n_accepts;       /* that were asked for */

typedef struct
{
  GuringCompletionFunc func;
  gpointer user_data;
  GDestroyNotify notify;
  int fault;
} Faulty;

static void
on_faulty (GuringRing *faulty_ring, const GuringCompletion *completion, gpointer user_data)
{
  Faulty *faulty = user_data;
  GuringCompletion injected = *completion;

  ck_assert_int_eq (completion->res, -EINVAL);
  injected.res = -faulty->fault;
  faulty->func (faulty_ring, &injected, faulty->user_data);
}

static void
free_faulty (gpointer user_data)
{
  Faulty *faulty = user_data;

  faulty->notify (faulty->user_data);
  g_free (faulty);
}

static int
take_fault (const struct io_uring_sqe *sqe)
{
  if (sqe->opcode != IORING_OP_ACCEPT)
    return 0;

  n_accepts++;
  if (no_multishot && sqe->ioprio & IORING_ACCEPT_MULTISHOT)
    return EINVAL;
  if (no_waiting)
    return EAGAIN;

  int taken = fault;

  fault = 0;
  return taken;
}

guint64 __real_guring_ring_queue (GuringRing *queue_ring,
                                  const struct io_uring_sqe *sqe,
                                  GuringCompletionFunc func,
                                  gpointer user_data,
                                  GDestroyNotify notify,
                                  GError **error);
guint64 __wrap_guring_ring_queue (GuringRing *queue_ring,
                                  const struct io_uring_sqe *sqe,
                                  GuringCompletionFunc func,
                                  gpointer user_data,
                                  GDestroyNotify notify,
                                  GError **error);

/* The kernel refuses flags that it does not know, with EINVAL. */
guint64
__wrap_guring_ring_queue (GuringRing *queue_ring,
                          const struct io_uring_sqe *sqe,
                          GuringCompletionFunc func,
                          gpointer user_data,
                          GDestroyNotify notify,
                          GError **error)
{
  Faulty faulty = { func, user_data, notify, take_fault (sqe) };
  struct io_uring_sqe broken = *sqe;

  if (faulty.fault == 0)
    return __real_guring_ring_queue (queue_ring, sqe, func, user_data, notify, error);

  broken.accept_flags = G_MAXUINT32;
  return __real_guring_ring_queue (queue_ring, &broken, on_faulty,
                                   g_memdup2 (&faulty, sizeof faulty), free_faulty, error);
}

int __real_accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags);

int
__wrap_accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags)
{
  n_accepts++;
  if (fault == 0)
    return __real_accept4 (fd, address, length, flags);

  errno = fault;
  fault = 0;
  return -1;
}

static void
assert_serves (Server *server)
{
  guint n_before = server->n_incoming;
  int client = connect_client (server->port);

  ck_assert_int_eq (send (client, "abc", 3, 0), 3);
  run_until (server->n_incoming > n_before);
  server_send_back (server, server->connections->len - 1, 3);
  ck_assert (client_has (client, "abc"));
  close (client);
}

START_TEST (a_kernel_without_multishot_accepts_one_after_the_other)
{
  g_auto (Server) server = { 0 };
  int clients[5];

  no_multishot = TRUE;
  server_init (&server);
  assert_serves (&server);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    clients[i] = connect_client (server.port);
  run_until (server.n_incoming == 1 + G_N_ELEMENTS (clients));
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    close (clients[i]);
}
END_TEST

START_TEST (a_kernel_that_does_not_wait_is_polled)
{
  g_auto (Server) server = { 0 };

  no_waiting = TRUE;
  server_init (&server);
  assert_serves (&server);
  let_it_wait ();
  n_accepts = 0;
  let_it_wait ();
  ck_assert_uint_eq (n_accepts, 0);
  assert_serves (&server);
}
END_TEST

static const int single_errors[] = { ECONNABORTED, EPROTO, EPERM, ENETUNREACH, ETIMEDOUT };

START_TEST (errors_of_one_client_are_passed_over)
{
  g_auto (Server) server = { 0 };

  server_init (&server);
  for (guint i = 0; i < G_N_ELEMENTS (single_errors); i++)
    {
      fault = single_errors[i];
      assert_serves (&server);
      guring_socket_service_stop (server.service); /* so that a multishot one is asked for again */
      let_it_wait ();
      guring_socket_service_start (server.service);
    }
  ck_assert_int_eq (fault, 0);
}
END_TEST

/* A lack */

static guint n_messages;

static void
count_message (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer expected)
{
  ck_assert_msg (strstr (message, expected) != NULL, "%s", message);
  n_messages++;
}

static void
expect_messages (const gchar *expected)
{
  g_log_set_handler ("Guring", G_LOG_LEVEL_MESSAGE, count_message, (gpointer) expected);
}

#define N_DESCRIPTORS 100

/* The kernel looks at the limit when it is asked to accept (Linux 6.18), so it is low from the
 * start and reached later. */
static gboolean
cannot_limit_descriptors (void)
{
  return skip_if (!limit_descriptors (N_DESCRIPTORS), "limit of descriptors");
}

static int fillers[N_DESCRIPTORS];
static guint n_fillers;

static void
use_up_descriptors (void)
{
  int fd;

  while ((fd = dup (0)) >= 0)
    fillers[n_fillers++] = fd;
  ck_assert_int_eq (errno, EMFILE);
}

static void
free_descriptors (void)
{
  while (n_fillers > 0)
    close (fillers[--n_fillers]);
}

/* It asks a few times a second, and the loop sleeps in between. */
static void
assert_does_not_spin (void)
{
  guint n_idle = 0;

  n_accepts = 0;
  for (guint i = 0; i < 1000; i++)
    if (!g_main_context_iteration (context, FALSE))
      n_idle++;
  ck_assert_uint_gt (n_idle, 500);
  ck_assert_uint_lt (n_accepts, 100);
}

START_TEST (without_descriptors_clients_wait)
{
  g_auto (Server) server = { 0 };
  int clients[2];

  if (cannot_limit_descriptors ())
    return;

  expect_messages (g_strerror (EMFILE));
  server_init (&server);
  let_it_wait ();
  clients[0] = make_client ();
  clients[1] = make_client ();
  use_up_descriptors ();
  connect_to (clients[0], server.port);
  connect_to (clients[1], server.port);
  run_until (n_messages > 0);
  assert_does_not_spin ();
  run_until (n_accepts > 1); /* it has tried again */
  ck_assert_uint_eq (n_messages, 1);
  ck_assert_uint_eq (server.n_incoming, 0);

  free_descriptors ();
  run_until (server.n_incoming == 2);
  ck_assert_uint_eq (n_messages, 1);
  close (clients[0]);
  close (clients[1]);
}
END_TEST

START_TEST (a_connection_that_ends_makes_room_for_another)
{
  g_auto (Server) server = { 0 };
  int clients[2];

  if (cannot_limit_descriptors ())
    return;

  expect_messages (g_strerror (EMFILE));
  server_init (&server);
  clients[0] = connect_client (server.port);
  run_until (server.n_incoming == 1);
  clients[1] = make_client ();
  use_up_descriptors ();
  connect_to (clients[1], server.port);
  run_until (n_messages > 0);
  ck_assert_uint_eq (server.n_incoming, 1);
  drop_connection (&server, 0);
  run_until (server.n_incoming == 2);
  free_descriptors ();
  close (clients[0]);
  close (clients[1]);
}
END_TEST

static const int lacks[] = { ENFILE, ENOBUFS, ENOMEM };

START_TEST (a_lack_is_told_once_however_often_it_comes)
{
  g_auto (Server) server = { 0 };

  expect_messages ("Could not accept connections: ");
  server_init (&server);
  for (guint i = 0; i < 3; i++)
    {
      fault = lacks[_i];
      assert_serves (&server);
      ck_assert_uint_eq (n_messages, 1);
      guring_socket_service_stop (server.service);
      let_it_wait ();
      guring_socket_service_start (server.service);
    }
}
END_TEST

/* The ends */

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

START_TEST (what_waits_is_closed_when_the_service_goes)
{
  g_auto (Server) server = { 0 };
  int clients[3];

  server_init_without_handler (&server);
  g_signal_connect (server.service, "incoming", G_CALLBACK (stop_and_keep), &server);
  for (guint i = 0; i < 3; i++)
    clients[i] = connect_client (server.port);
  run_until (server.n_incoming == 1);
  g_clear_object (&server.service);
  let_it_wait ();
  ck_assert (!has_ended (clients[0]));
  ck_assert (has_ended (clients[1]));
  ck_assert (has_ended (clients[2]));
  for (guint i = 0; i < 3; i++)
    close (clients[i]);
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
  for (guint i = 0; i < 3; i++)
    clients[i] = connect_client (server.port);
  run_until (server.service == NULL);
  let_it_wait ();
  ck_assert_uint_eq (server.n_incoming, 1);
  ck_assert (!has_ended (clients[0]));
  ck_assert (has_ended (clients[1]));
  ck_assert (has_ended (clients[2]));
  for (guint i = 0; i < 3; i++)
    close (clients[i]);
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
  for (guint i = 0; i < 3; i++)
    clients[i] = connect_client (server.port);
  run_until (server.n_incoming == 3);
  for (guint i = 0; i < 3; i++)
    close (clients[i]);
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
  clients[0] = connect_client (server.port);
  clients[1] = connect_client (server.port);
  run_until (server.n_incoming == 1);
  g_thread_join (g_thread_new ("unref", unref_in_thread, g_steal_pointer (&server.service)));
  run_until (has_ended (clients[1]) && is_free (server.port));
  close (clients[0]);
  close (clients[1]);
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
add_fault_tests (TCase *tcase)
{
  tcase_add_test (tcase, errors_of_one_client_are_passed_over);
  tcase_add_loop_test (tcase, a_lack_is_told_once_however_often_it_comes, 0, G_N_ELEMENTS (lacks));
  tcase_add_test (tcase, a_kernel_without_multishot_accepts_one_after_the_other);
  tcase_add_test (tcase, a_kernel_that_does_not_wait_is_polled);
  tcase_add_test (tcase, without_descriptors_clients_wait);
  tcase_add_test (tcase, a_connection_that_ends_makes_room_for_another);
}

static void
add_end_tests (TCase *tcase)
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
  Suite *suite = suite_create ("socket-service-faults");

  add_io_tests (suite, add_fault_tests);
  add_io_tests (suite, add_end_tests);
  return run_suite_without_io_uring (suite);
}
