/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations with many completions: those that repeat, and a zero-copy send. */

#include "config.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kinds-support.h"

/* Linux 6.4, not in the headers of liburing 2.3 */
#ifndef IORING_TIMEOUT_MULTISHOT
#define IORING_TIMEOUT_MULTISHOT (1U << 6)
#endif

#define BIG_SIZE (1 << 16)

static void
cancel_and_run (guint64 id, Log *log)
{
  ck_assert (guring_ring_cancel (ring, id));
  run_until (log->record.n_notified > 0);
  assert_ended_with (&log->record, -ECANCELED);
}

static int
connect_to (const struct sockaddr_in *address)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (connect (fd, (const struct sockaddr *) address, sizeof *address), 0);
  return fd;
}

/* Multishot */

static void
accept_clients (int listener, const struct sockaddr_in *address, guint n)
{
  struct io_uring_sqe sqe = { 0 };
  Log log = { 0 };
  int clients[8];
  guint64 id;

  io_uring_prep_multishot_accept (&sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  id = queue_logged (&sqe, &log);
  submit_ring ();
  for (guint i = 0; i < n; i++)
    {
      gchar byte = 0;

      clients[i] = connect_to (address);
      run_until (log.n == i + 1);
      ck_assert_uint_ne (log.flags[i] & IORING_CQE_F_MORE, 0);
      ck_assert_int_eq (write (log.results[i], "x", 1), 1);
      ck_assert_int_eq (read (clients[i], &byte, 1), 1);
      assert_counts (1, 0);
    }
  cancel_and_run (id, &log);
  ck_assert_uint_eq (log.record.n_more, n);
  for (guint i = 0; i < n; i++)
    close (clients[i]), close (log.results[i]);
}

START_TEST (a_multishot_accept_serves_many_ends_on_cancel_and_can_be_queued_again)
{
  struct sockaddr_in address;
  int listener = listen_at_loopback (&address);

  accept_clients (listener, &address, 5);
  accept_clients (listener, &address, 3);
  close (listener);
}
END_TEST

START_TEST (a_multishot_poll_tells_each_event)
{
  struct io_uring_sqe sqe = { 0 };
  Log log = { 0 };
  guint64 id;
  gchar byte;
  int fds[2];

  ck_assert_int_eq (pipe (fds), 0);
  io_uring_prep_poll_multishot (&sqe, fds[0], POLLIN);
  id = queue_logged (&sqe, &log);
  submit_ring ();
  for (guint i = 0; i < 10; i++)
    {
      ck_assert_int_eq (write (fds[1], "x", 1), 1);
      run_until (log.n == i + 1);
      ck_assert_int_eq (log.results[i], POLLIN);
      ck_assert_uint_ne (log.flags[i] & IORING_CQE_F_MORE, 0);
      ck_assert_int_eq (read (fds[0], &byte, 1), 1);
    }
  cancel_and_run (id, &log);
  ck_assert_uint_eq (log.record.n_more, 10);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

START_TEST (a_multishot_timeout_fires_as_often_as_it_was_told)
{
  struct __kernel_timespec timespec = { .tv_nsec = 1000000 };
  struct io_uring_sqe sqe = { 0 };
  Log log = { 0 };

  io_uring_prep_timeout (&sqe, &timespec, 3, IORING_TIMEOUT_MULTISHOT);
  queue_logged (&sqe, &log);
  run_until (log.record.n_notified > 0);
  if (skip_if (log.results[0] == -EINVAL, "multishot timeouts"))
    return;

  assert_ended_with (&log.record, -ETIME);
  ck_assert_uint_eq (log.n, 3);
  ck_assert_int_eq (log.results[0], -ETIME);
  ck_assert_int_eq (log.results[1], -ETIME);
}
END_TEST

/* Zero-copy */

static void
read_all (int fd, guint8 *data, gsize length)
{
  for (gsize done = 0; done < length;)
    {
      gssize n = read (fd, data + done, length - done);

      ck_assert_int_gt (n, 0);
      done += (gsize) n;
    }
}

START_TEST (a_zero_copy_send_ends_when_its_buffer_is_free)
{
  g_autofree guint8 *sent = make_random_data (BIG_SIZE);
  g_autofree guint8 *received = g_malloc0 (BIG_SIZE);
  struct io_uring_sqe sqe = { 0 };
  struct sockaddr_in address;
  Log log = { 0 };
  int listener, client, server;

  if (skip_if (!guring_ring_supports (ring, IORING_OP_SEND_ZC), "zero-copy send"))
    return;

  listener = listen_at_loopback (&address);
  client = connect_to (&address);
  server = accept (listener, NULL, NULL);
  io_uring_prep_send_zc (&sqe, client, sent, BIG_SIZE, MSG_WAITALL, 0);
  queue_logged (&sqe, &log);
  run_until (log.n == 1);
  ck_assert_int_eq (log.results[0], BIG_SIZE);
  ck_assert_uint_eq (log.record.n_more, 1);
  ck_assert_uint_eq (log.record.n_notified, 0);
  assert_counts (1, 0);

  read_all (server, received, BIG_SIZE);
  ck_assert_mem_eq (received, sent, BIG_SIZE);
  run_until (log.record.n_notified > 0);
  assert_ended (&log.record);
  ck_assert_uint_eq (log.n, 2);
  ck_assert_uint_ne (log.flags[1] & IORING_CQE_F_NOTIF, 0);
  close (listener);
  close (client);
  close (server);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_multishot_accept_serves_many_ends_on_cancel_and_can_be_queued_again);
  tcase_add_test (tcase, a_multishot_poll_tells_each_event);
  tcase_add_test (tcase, a_multishot_timeout_fires_as_often_as_it_was_told);
  tcase_add_test (tcase, a_zero_copy_send_ends_when_its_buffer_is_free);
}

int
main (void)
{
  Suite *suite = suite_create ("kinds-multishot");

  add_tests (add_ring_case (suite, "ring"));
  return run_suite (suite);
}
