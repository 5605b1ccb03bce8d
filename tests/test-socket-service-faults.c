/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GuringSocketService: errors of accept, and older kernels. Its faults are injected where liburing
 * is called, or accept4() in its place. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "service-support.h"

/* Faults */

static gboolean no_multishot; /* as before Linux 5.19 */
static gboolean no_waiting;   /* as before Linux 5.12, with O_NONBLOCK */
static int fault;             /* errno of the next accept, or 0 */
static guint n_accepts;       /* that were asked for */

static int
take_fault (const struct io_uring_sqe *sqe)
{
  int taken = fault;

  n_accepts++;
  if (no_multishot && sqe->ioprio & IORING_ACCEPT_MULTISHOT)
    return EINVAL;
  if (no_waiting)
    return EAGAIN;

  fault = 0;
  return taken;
}

/* The kernel gets a NOP in place of an accept that fails. Its CQE is there when the submission
 * returns, and is given the error then. */

typedef struct
{
  guint64 user_data;
  gint32 res;
} Failure;

static void
fail_accept (struct io_uring_sqe *sqe, GArray *failures)
{
  Failure failure = { sqe->user_data, -take_fault (sqe) };

  if (failure.res == 0)
    return;

  *sqe = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .user_data = failure.user_data };
  g_array_append_val (failures, failure);
}

static void
inject (struct io_uring *uring, const Failure *failure)
{
  struct io_uring_cqe *cqe;
  unsigned head;

  io_uring_for_each_cqe (uring, head, cqe)
  {
    if (cqe->user_data != failure->user_data)
      continue;

    ck_assert_int_eq (cqe->res, 0);
    cqe->res = failure->res;
    return;
  }
  ck_abort_msg ("A NOP has not ended");
}

int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  g_autoptr (GArray) failures = g_array_new (FALSE, FALSE, sizeof (Failure));
  const struct io_uring_sq *sq = &uring->sq;
  int ret;

  for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++)
    {
      struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];

      if (sqe->opcode == IORING_OP_ACCEPT)
        fail_accept (sqe, failures);
    }
  ret = __real_io_uring_submit (uring);
  for (guint i = 0; i < failures->len; i++)
    inject (uring, &g_array_index (failures, Failure, i));
  return ret;
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

/* What it says of a lack */

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

START_TEST (a_kernel_without_multishot_accepts_one_after_the_other)
{
  g_auto (Server) server = { 0 };
  int clients[5];

  no_multishot = TRUE;
  server_init (&server);
  assert_serves (&server);
  connect_clients (server.port, clients, G_N_ELEMENTS (clients));
  run_until (server.n_incoming == 1 + G_N_ELEMENTS (clients));
  close_clients (clients, G_N_ELEMENTS (clients));
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

/* So that a multishot one is asked for again */
static void
restart (Server *server)
{
  guring_socket_service_stop (server->service);
  let_it_wait ();
  guring_socket_service_start (server->service);
}

static const int single_errors[] = { ECONNABORTED, EPROTO, EPERM, ENETUNREACH, ETIMEDOUT };

START_TEST (errors_of_one_client_are_passed_over)
{
  g_auto (Server) server = { 0 };

  expect_messages ("nothing");
  server_init (&server);
  for (guint i = 0; i < G_N_ELEMENTS (single_errors); i++)
    {
      fault = single_errors[i];
      assert_serves (&server);
      ck_assert_int_eq (fault, 0);
      restart (&server);
    }
}
END_TEST

/* A lack */

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
  close_clients (clients, 2);
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
  close_clients (clients, 2);
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
      ck_assert_int_eq (fault, 0);
      restart (&server);
    }
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, errors_of_one_client_are_passed_over);
  tcase_add_loop_test (tcase, a_lack_is_told_once_however_often_it_comes, 0, G_N_ELEMENTS (lacks));
  tcase_add_test (tcase, a_kernel_without_multishot_accepts_one_after_the_other);
  tcase_add_test (tcase, a_kernel_that_does_not_wait_is_polled);
  tcase_add_test (tcase, without_descriptors_clients_wait);
  tcase_add_test (tcase, a_connection_that_ends_makes_room_for_another);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-service-faults");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
