/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every kind of operation works through guring_ring_queue(): those on what was registered, on other
 * operations, on files and sockets. */

#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kinds-support.h"

#define BUFFER_SIZE 64

/* What was registered */

START_TEST (a_direct_descriptor_is_opened_read_and_closed_in_one_chain)
{
  struct io_uring_sqe open_sqe = { 0 }, read_sqe = { 0 }, close_sqe = { 0 };
  gchar byte = 'x';
  guint n_descriptors;
  Record records[3] = { 0 };
  GuringRequest requests[3];

  ck_assert_int_eq (io_uring_register_files_sparse (guring_ring_get_uring (ring), 4), 0);
  n_descriptors = count_descriptors ();
  io_uring_prep_openat_direct (&open_sqe, AT_FDCWD, "/dev/zero", O_RDONLY, 0, 2);
  io_uring_prep_read (&read_sqe, 2, &byte, 1, 0);
  read_sqe.flags |= IOSQE_FIXED_FILE;
  io_uring_prep_close_direct (&close_sqe, 2);
  requests[0] = request (&open_sqe, &records[0]);
  requests[1] = request (&read_sqe, &records[1]);
  requests[2] = request (&close_sqe, &records[2]);
  ck_assert (guring_ring_queue_chain (ring, requests, 3, NULL, NULL));
  run_until (records[2].n_notified > 0);

  assert_ended_with (&records[0], 0);
  assert_ended_with (&records[1], 1);
  assert_ended_with (&records[2], 0);
  ck_assert_int_eq (byte, 0);
  ck_assert_int_eq (run_operation (&read_sqe), -EBADF);
  ck_assert_uint_eq (count_descriptors (), n_descriptors);
}
END_TEST

START_TEST (registered_buffers_are_read_into)
{
  gchar buffer[BUFFER_SIZE] = { 0 };
  struct iovec iovec = { buffer, sizeof buffer };
  struct io_uring_sqe sqe = { 0 }, unregistered = { 0 };
  int fd = make_unnamed_file ("registered", 11);

  ck_assert_int_eq (io_uring_register_buffers (guring_ring_get_uring (ring), &iovec, 1), 0);
  io_uring_prep_read_fixed (&sqe, fd, buffer, sizeof buffer, 0, 0);
  ck_assert_int_eq (run_operation (&sqe), 11);
  ck_assert_str_eq (buffer, "registered");

  io_uring_prep_read_fixed (&unregistered, fd, buffer, sizeof buffer, 0, 1);
  ck_assert_int_eq (run_operation (&unregistered), -EFAULT);
  close (fd);
}
END_TEST

/* Operations on other operations, by their ids */

START_TEST (a_poll_is_changed_and_removed_by_its_id)
{
  struct io_uring_sqe poll_sqe = { 0 }, update = { 0 }, remove_sqe = { 0 };
  Log log = { 0 };
  guint64 id;
  int fds[2];

  ck_assert_int_eq (pipe (fds), 0);
  ck_assert_int_eq (write (fds[1], "x", 1), 1);
  io_uring_prep_poll_multishot (&poll_sqe, fds[0], POLLPRI);
  id = queue_logged (&poll_sqe, &log);
  submit_ring ();

  io_uring_prep_poll_update (&update, id, 0, POLLIN,
                             IORING_POLL_UPDATE_EVENTS | IORING_POLL_ADD_MULTI);
  ck_assert_int_eq (run_operation (&update), 0);
  run_until (log.n == 1);
  ck_assert_int_eq (log.results[0], POLLIN);

  io_uring_prep_poll_remove (&remove_sqe, id);
  ck_assert_int_eq (run_operation (&remove_sqe), 0);
  run_until (log.record.n_notified > 0);
  assert_ended_with (&log.record, -ECANCELED);
  ck_assert_int_eq (run_operation (&remove_sqe), -ENOENT);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

START_TEST (timeouts_expire_count_and_are_removed_by_their_id)
{
  struct __kernel_timespec soon = { .tv_nsec = 1000000 }, late = { .tv_sec = 1000 };
  struct io_uring_sqe expiring = { 0 }, counting = { 0 }, removed = { 0 }, remove_sqe = { 0 };
  struct io_uring_sqe nop = { 0 };
  Record counting_record = { 0 }, removed_record = { 0 };
  guint64 id;

  io_uring_prep_timeout (&expiring, &soon, 0, 0);
  ck_assert_int_eq (run_operation (&expiring), -ETIME);

  io_uring_prep_timeout (&counting, &late, 1, 0);
  queue (&counting, &counting_record);
  io_uring_prep_nop (&nop);
  ck_assert_int_eq (run_operation (&nop), 0);
  run_until (counting_record.n_notified > 0);
  assert_ended_with (&counting_record, 0);

  io_uring_prep_timeout (&removed, &late, 0, 0);
  id = queue (&removed, &removed_record);
  submit_ring ();
  io_uring_prep_timeout_remove (&remove_sqe, id, 0);
  ck_assert_int_eq (run_operation (&remove_sqe), 0);
  run_until (removed_record.n_notified > 0);
  assert_ended_with (&removed_record, -ECANCELED);
}
END_TEST

/* Files and sockets */

START_TEST (a_file_is_opened_described_and_closed)
{
  struct io_uring_sqe open_sqe = { 0 }, statx_sqe = { 0 }, close_sqe = { 0 }, again = { 0 };
  struct statx statx_buffer = { 0 };
  gint32 fd;

  io_uring_prep_openat (&open_sqe, AT_FDCWD, "/proc/self/exe", O_RDONLY | O_CLOEXEC, 0);
  fd = run_operation (&open_sqe);
  ck_assert_int_ge (fd, 0);

  io_uring_prep_statx (&statx_sqe, fd, "", AT_EMPTY_PATH, STATX_SIZE, &statx_buffer);
  ck_assert_int_eq (run_operation (&statx_sqe), 0);
  ck_assert_uint_eq (statx_buffer.stx_size, (guint64) lseek (fd, 0, SEEK_END));

  io_uring_prep_close (&close_sqe, fd);
  ck_assert_int_eq (run_operation (&close_sqe), 0);
  ck_assert_int_eq (fcntl (fd, F_GETFD), -1);

  io_uring_prep_openat (&again, AT_FDCWD, "/nonexistent/file", O_RDONLY, 0);
  ck_assert_int_eq (run_operation (&again), -ENOENT);
}
END_TEST

START_TEST (splice_moves_a_file_into_a_pipe)
{
  struct io_uring_sqe sqe = { 0 };
  int fd = make_unnamed_file ("spliced", 8);
  gchar buffer[8] = { 0 };
  int fds[2];

  ck_assert_int_eq (pipe (fds), 0);
  io_uring_prep_splice (&sqe, fd, 2, fds[1], -1, 100, 0);
  ck_assert_int_eq (run_operation (&sqe), 6);
  ck_assert_int_eq (read (fds[0], buffer, sizeof buffer), 6);
  ck_assert_str_eq (buffer, "liced");
  close (fd);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

static gint32
run_socket (void)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_socket (&sqe, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0);
  return run_operation (&sqe);
}

/* Returns: the server's end */
static gint32
connect_and_accept (gint32 client, int listener, const struct sockaddr_in *address)
{
  struct io_uring_sqe accept_sqe = { 0 }, connect_sqe = { 0 };
  Record accept_record = { 0 };

  io_uring_prep_accept (&accept_sqe, listener, NULL, NULL, SOCK_CLOEXEC);
  queue (&accept_sqe, &accept_record);
  io_uring_prep_connect (&connect_sqe, client, (const struct sockaddr *) address, sizeof *address);
  ck_assert_int_eq (run_operation (&connect_sqe), 0);
  run_until (accept_record.n_notified > 0);
  assert_ended (&accept_record);
  ck_assert_int_ge (accept_record.res, 0);
  return accept_record.res;
}

START_TEST (sockets_connect_accept_send_receive_and_shut_down)
{
  struct io_uring_sqe receive_sqe = { 0 }, send_sqe = { 0 }, shutdown_sqe = { 0 };
  Record record = { 0 }, end_record = { 0 };
  struct sockaddr_in address;
  int listener = listen_at_loopback (&address);
  gint32 client = run_socket ();
  gint32 server = connect_and_accept (client, listener, &address);
  gchar buffer[16] = { 0 };

  io_uring_prep_recv (&receive_sqe, server, buffer, sizeof buffer, 0);
  queue (&receive_sqe, &record);
  io_uring_prep_send (&send_sqe, client, "hello", 6, 0);
  ck_assert_int_eq (run_operation (&send_sqe), 6);
  run_until (record.n_notified > 0);
  assert_ended_with (&record, 6);
  ck_assert_str_eq (buffer, "hello");

  queue (&receive_sqe, &end_record);
  io_uring_prep_shutdown (&shutdown_sqe, client, SHUT_WR);
  ck_assert_int_eq (run_operation (&shutdown_sqe), 0);
  run_until (end_record.n_notified > 0);
  assert_ended_with (&end_record, 0);
  close (listener);
  close (client);
  close (server);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_direct_descriptor_is_opened_read_and_closed_in_one_chain);
  tcase_add_test (tcase, registered_buffers_are_read_into);
  tcase_add_test (tcase, a_poll_is_changed_and_removed_by_its_id);
  tcase_add_test (tcase, timeouts_expire_count_and_are_removed_by_their_id);
  tcase_add_test (tcase, a_file_is_opened_described_and_closed);
  tcase_add_test (tcase, splice_moves_a_file_into_a_pipe);
  tcase_add_test (tcase, sockets_connect_accept_send_receive_and_shut_down);
}

int
main (void)
{
  Suite *suite = suite_create ("kinds");

  add_tests (add_ring_case (suite, "ring"));
  return run_suite (suite);
}
