/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every kind of operation works through guring_ring_queue(): those with many completions, those
 * that use what was registered, and a sample of the ordinary ones. */

#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

/* Linux 6.4, not in the headers of liburing 2.3 */
#ifndef IORING_TIMEOUT_MULTISHOT
#define IORING_TIMEOUT_MULTISHOT (1U << 6)
#endif

#define CQ_ENTRIES 16
#define GROUP 3 /* of buffers */
#define N_BUFFERS 4
#define BUFFER_SIZE 64
#define BIG_SIZE (1 << 16)

/* All completions of an operation. */
typedef struct
{
  Record record;
  guint n;
  gint32 results[64];
  guint32 flags[64];
} Log;

static void
log_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Log *log = data;

  ck_assert_uint_lt (log->n, G_N_ELEMENTS (log->results));
  log->results[log->n] = completion->res;
  log->flags[log->n++] = completion->flags;
  record_completion (completed_ring, completion, &log->record);
}

static void
log_notify (gpointer data)
{
  record_notify (&((Log *) data)->record);
}

static guint64
queue_logged (const struct io_uring_sqe *sqe, Log *log)
{
  g_autoptr (GError) error = NULL;
  guint64 id = guring_ring_queue (ring, sqe, log_completion, log, log_notify, &error);

  ck_assert_msg (id != 0, "%s", error != NULL ? error->message : "no error");
  return id;
}

static gint32
run (const struct io_uring_sqe *sqe)
{
  Record record = { 0 };

  queue (sqe, &record);
  run_until (record.n_notified > 0);
  assert_ended (&record);
  return record.res;
}

static void
submit (void)
{
  ck_assert_int_ge (guring_ring_submit (ring, NULL), 0);
}

static void
cancel_and_run (guint64 id, Log *log)
{
  ck_assert (guring_ring_cancel (ring, id));
  run_until (log->record.n_notified > 0);
  assert_ended_with (&log->record, -ECANCELED);
}

static gboolean
skip_if (gboolean missing, const gchar *what)
{
  if (missing)
    fprintf (stderr, "# SKIP: this kernel has no %s\n", what);
  return missing;
}

static guint64
count_unknown (void)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  return statistics.unknown_completions;
}

static int
listen_on_loopback (struct sockaddr_in *address)
{
  socklen_t length = sizeof *address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  *address =
    (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (bind (fd, (struct sockaddr *) address, length), 0);
  ck_assert_int_eq (listen (fd, 16), 0);
  ck_assert_int_eq (getsockname (fd, (struct sockaddr *) address, &length), 0);
  return fd;
}

static int
connect_to (const struct sockaddr_in *address)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (connect (fd, (const struct sockaddr *) address, sizeof *address), 0);
  return fd;
}

static int
make_file (const gchar *content, gsize length)
{
  g_autofree gchar *name = NULL;
  int fd = g_file_open_tmp ("guring-XXXXXX", &name, NULL);

  ck_assert_int_ge (fd, 0);
  unlink (name);
  ck_assert_int_eq (write (fd, content, length), (gssize) length);
  return fd;
}

static guint8 *
make_random_data (gsize length)
{
  GRand *random = g_rand_new_with_seed (1);
  guint8 *data = g_malloc (length);

  for (gsize i = 0; i < length; i++)
    data[i] = (guint8) g_rand_int (random);
  g_rand_free (random);
  return data;
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
  submit ();
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
  int listener = listen_on_loopback (&address);

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
  submit ();
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

/* Buffers that the kernel chooses from */

typedef struct
{
  struct io_uring_buf_ring *ring;
  guint8 buffers[N_BUFFERS][BUFFER_SIZE];
  GByteArray *received;
  gboolean gives_back;
  guint n_final;
  gint32 last_result;
} Receiver;

static void
give_back (Receiver *receiver, guint16 which)
{
  io_uring_buf_ring_add (receiver->ring, receiver->buffers[which], BUFFER_SIZE, which,
                         io_uring_buf_ring_mask (N_BUFFERS), 0);
  io_uring_buf_ring_advance (receiver->ring, 1);
}

static void
receiver_free (Receiver *receiver)
{
  munmap (receiver->ring, N_BUFFERS * sizeof (struct io_uring_buf));
  g_byte_array_unref (receiver->received);
}

/* Returns: FALSE if the test is to be skipped */
static gboolean
receiver_init (Receiver *receiver)
{
  gsize size = N_BUFFERS * sizeof (struct io_uring_buf);
  struct io_uring_buf_reg reg = { .ring_entries = N_BUFFERS, .bgid = GROUP };
  int ret;

  *receiver = (Receiver){ .received = g_byte_array_new () };
  receiver->ring = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  ck_assert_ptr_ne (receiver->ring, MAP_FAILED);
  io_uring_buf_ring_init (receiver->ring);
  reg.ring_addr = (guint64) (gsize) receiver->ring;
  ret = io_uring_register_buf_ring (guring_ring_get_uring (ring), &reg, 0);
  if (skip_if (ret == -EINVAL, "buffer rings"))
    {
      receiver_free (receiver);
      return FALSE;
    }

  ck_assert_int_eq (ret, 0);
  for (guint16 i = 0; i < N_BUFFERS; i++)
    give_back (receiver, i);
  return TRUE;
}

static void
receiver_clear (Receiver *receiver)
{
  ck_assert_int_eq (io_uring_unregister_buf_ring (guring_ring_get_uring (ring), GROUP), 0);
  receiver_free (receiver);
}

static void
receive (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Receiver *receiver = data;

  if (completion->res > 0)
    {
      guint16 which = (guint16) (completion->flags >> IORING_CQE_BUFFER_SHIFT);

      ck_assert_uint_ne (completion->flags & IORING_CQE_F_BUFFER, 0);
      g_byte_array_append (receiver->received, receiver->buffers[which], (guint) completion->res);
      if (receiver->gives_back)
        give_back (receiver, which);
    }
  receiver->n_final += (guint) guring_completion_is_final (completion);
  receiver->last_result = completion->res;
}

static void
queue_receiver (Receiver *receiver, int fd)
{
  struct io_uring_sqe sqe = { 0 };
  g_autoptr (GError) error = NULL;

  io_uring_prep_recv_multishot (&sqe, fd, NULL, 0, 0);
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = GROUP;
  receiver->n_final = 0;
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, receive, receiver, NULL, &error), 0);
  submit ();
}

START_TEST (a_multishot_receive_keeps_the_data_intact)
{
  g_autofree guint8 *sent = make_random_data (BIG_SIZE);
  Receiver receiver;
  int fds[2];

  if (!receiver_init (&receiver))
    return;

  receiver.gives_back = TRUE;
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  queue_receiver (&receiver, fds[0]);
  for (guint i = 0; i < BIG_SIZE; i += BUFFER_SIZE * 2)
    {
      ck_assert_int_eq (write (fds[1], &sent[i], BUFFER_SIZE * 2), BUFFER_SIZE * 2);
      run_until (receiver.received->len == i + BUFFER_SIZE * 2);
      ck_assert_uint_eq (receiver.n_final, 0);
    }
  ck_assert_mem_eq (receiver.received->data, sent, BIG_SIZE);

  close (fds[1]);
  run_until (receiver.n_final == 1);
  ck_assert_int_eq (receiver.last_result, 0);
  close (fds[0]);
  receiver_clear (&receiver);
}
END_TEST

START_TEST (a_multishot_receive_ends_without_buffers_and_can_be_queued_again)
{
  g_autofree guint8 *sent = make_random_data (BUFFER_SIZE * (N_BUFFERS + 1));
  Receiver receiver;
  int fds[2];

  if (!receiver_init (&receiver))
    return;

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  queue_receiver (&receiver, fds[0]);
  ck_assert_int_eq (write (fds[1], sent, BUFFER_SIZE * (N_BUFFERS + 1)),
                    BUFFER_SIZE * (N_BUFFERS + 1));
  run_until (receiver.n_final == 1);
  ck_assert_int_eq (receiver.last_result, -ENOBUFS);
  ck_assert_uint_eq (receiver.received->len, BUFFER_SIZE * N_BUFFERS);
  assert_counts (0, 0);

  give_back (&receiver, 0);
  queue_receiver (&receiver, fds[0]);
  run_until (receiver.received->len == BUFFER_SIZE * (N_BUFFERS + 1));
  ck_assert_mem_eq (receiver.received->data, sent, BUFFER_SIZE * (N_BUFFERS + 1));

  close (fds[1]);
  run_until (receiver.n_final == 1);
  close (fds[0]);
  receiver_clear (&receiver);
}
END_TEST

START_TEST (provided_buffers_are_chosen_from)
{
  struct io_uring_sqe provide = { 0 }, receive_sqe = { 0 }, remove_sqe = { 0 };
  gchar buffers[2][BUFFER_SIZE] = { 0 };
  Record record = { 0 };
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  io_uring_prep_provide_buffers (&provide, buffers, BUFFER_SIZE, 2, GROUP, 7);
  ck_assert_int_ge (run (&provide), 0);

  io_uring_prep_recv (&receive_sqe, fds[0], NULL, BUFFER_SIZE, 0);
  receive_sqe.flags |= IOSQE_BUFFER_SELECT;
  receive_sqe.buf_group = GROUP;
  queue (&receive_sqe, &record);
  ck_assert_int_eq (write (fds[1], "provided", 9), 9);
  run_until (record.n_notified > 0);
  assert_ended_with (&record, 9);
  ck_assert_uint_ne (record.flags & IORING_CQE_F_BUFFER, 0);
  ck_assert_str_eq (buffers[(record.flags >> IORING_CQE_BUFFER_SHIFT) - 7], "provided");

  io_uring_prep_remove_buffers (&remove_sqe, 2, GROUP);
  ck_assert_int_eq (run (&remove_sqe), 1);
  ck_assert_int_eq (write (fds[1], "x", 1), 1);
  ck_assert_int_eq (run (&receive_sqe), -ENOBUFS);
  close (fds[0]);
  close (fds[1]);
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

  listener = listen_on_loopback (&address);
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
  ck_assert_int_eq (run (&read_sqe), -EBADF);
  ck_assert_uint_eq (count_descriptors (), n_descriptors);
}
END_TEST

START_TEST (registered_buffers_are_read_into)
{
  gchar buffer[BUFFER_SIZE] = { 0 };
  struct iovec iovec = { buffer, sizeof buffer };
  struct io_uring_sqe sqe = { 0 }, unregistered = { 0 };
  int fd = make_file ("registered", 11);

  ck_assert_int_eq (io_uring_register_buffers (guring_ring_get_uring (ring), &iovec, 1), 0);
  io_uring_prep_read_fixed (&sqe, fd, buffer, sizeof buffer, 0, 0);
  ck_assert_int_eq (run (&sqe), 11);
  ck_assert_str_eq (buffer, "registered");

  io_uring_prep_read_fixed (&unregistered, fd, buffer, sizeof buffer, 0, 1);
  ck_assert_int_eq (run (&unregistered), -EFAULT);
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
  submit ();

  io_uring_prep_poll_update (&update, id, 0, POLLIN,
                             IORING_POLL_UPDATE_EVENTS | IORING_POLL_ADD_MULTI);
  ck_assert_int_eq (run (&update), 0);
  run_until (log.n == 1);
  ck_assert_int_eq (log.results[0], POLLIN);

  io_uring_prep_poll_remove (&remove_sqe, id);
  ck_assert_int_eq (run (&remove_sqe), 0);
  run_until (log.record.n_notified > 0);
  assert_ended_with (&log.record, -ECANCELED);
  ck_assert_int_eq (run (&remove_sqe), -ENOENT);
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
  ck_assert_int_eq (run (&expiring), -ETIME);

  io_uring_prep_timeout (&counting, &late, 1, 0);
  queue (&counting, &counting_record);
  io_uring_prep_nop (&nop);
  ck_assert_int_eq (run (&nop), 0);
  run_until (counting_record.n_notified > 0);
  assert_ended_with (&counting_record, 0);

  io_uring_prep_timeout (&removed, &late, 0, 0);
  id = queue (&removed, &removed_record);
  submit ();
  io_uring_prep_timeout_remove (&remove_sqe, id, 0);
  ck_assert_int_eq (run (&remove_sqe), 0);
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
  fd = run (&open_sqe);
  ck_assert_int_ge (fd, 0);

  io_uring_prep_statx (&statx_sqe, fd, "", AT_EMPTY_PATH, STATX_SIZE, &statx_buffer);
  ck_assert_int_eq (run (&statx_sqe), 0);
  ck_assert_uint_eq (statx_buffer.stx_size, (guint64) lseek (fd, 0, SEEK_END));

  io_uring_prep_close (&close_sqe, fd);
  ck_assert_int_eq (run (&close_sqe), 0);
  ck_assert_int_eq (fcntl (fd, F_GETFD), -1);

  io_uring_prep_openat (&again, AT_FDCWD, "/nonexistent/file", O_RDONLY, 0);
  ck_assert_int_eq (run (&again), -ENOENT);
}
END_TEST

START_TEST (splice_moves_a_file_into_a_pipe)
{
  struct io_uring_sqe sqe = { 0 };
  int fd = make_file ("spliced", 8);
  gchar buffer[8] = { 0 };
  int fds[2];

  ck_assert_int_eq (pipe (fds), 0);
  io_uring_prep_splice (&sqe, fd, 2, fds[1], -1, 100, 0);
  ck_assert_int_eq (run (&sqe), 6);
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
  return run (&sqe);
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
  ck_assert_int_eq (run (&connect_sqe), 0);
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
  int listener = listen_on_loopback (&address);
  gint32 client = run_socket ();
  gint32 server = connect_and_accept (client, listener, &address);
  gchar buffer[16] = { 0 };

  io_uring_prep_recv (&receive_sqe, server, buffer, sizeof buffer, 0);
  queue (&receive_sqe, &record);
  io_uring_prep_send (&send_sqe, client, "hello", 6, 0);
  ck_assert_int_eq (run (&send_sqe), 6);
  run_until (record.n_notified > 0);
  assert_ended_with (&record, 6);
  ck_assert_str_eq (buffer, "hello");

  queue (&receive_sqe, &end_record);
  io_uring_prep_shutdown (&shutdown_sqe, client, SHUT_WR);
  ck_assert_int_eq (run (&shutdown_sqe), 0);
  run_until (end_record.n_notified > 0);
  assert_ended_with (&end_record, 0);
  close (listener);
  close (client);
  close (server);
}
END_TEST

/* Completions that nobody asked for */

/* Another ring puts one into the CQ of ours. */
static void
forge (struct io_uring *forger, guint64 id)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe (forger);
  struct io_uring_cqe *cqe;

  *sqe = (struct io_uring_sqe){ 0 };
  io_uring_prep_msg_ring (sqe, guring_ring_get_uring (ring)->ring_fd, 42, id, 0);
  ck_assert_int_eq (io_uring_submit_and_wait (forger, 1), 1);
  ck_assert_int_eq (io_uring_peek_cqe (forger, &cqe), 0);
  ck_assert_int_eq (cqe->res, 0);
  io_uring_cqe_seen (forger, cqe);
}

START_TEST (a_forged_completion_is_counted_and_ignored)
{
  struct io_uring_sqe nop = { 0 };
  struct io_uring forger;
  Record record = { 0 };
  guint64 id;

  ck_assert_int_eq (io_uring_queue_init (1, &forger, 0), 0);
  io_uring_prep_nop (&nop);
  id = queue (&nop, &record);
  run_until (record.n_notified > 0);

  const guint64 ids[] = {
    0,      G_MAXUINT64,
    id,     id + (G_GUINT64_CONSTANT (2) << 32),
    id + 1, id | G_GUINT64_CONSTANT (1) << 63,
    1,      (guint64) (gsize) &record,
  };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      forge (&forger, ids[i]);
      run_until (count_unknown () == i + 1);
    }
  assert_ended_with (&record, 0);
  assert_counts (0, 0);
  io_uring_queue_exit (&forger);
}
END_TEST

START_TEST (a_ring_may_forge_to_itself)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_msg_ring (&sqe, guring_ring_get_uring (ring)->ring_fd, 1, 0xbad, 0);
  ck_assert_int_eq (run (&sqe), 0);
  run_until (count_unknown () == 1);
}
END_TEST

START_TEST (the_forged_completion_of_what_the_kernel_has_not_seen_is_ignored)
{
  Record reads[CQ_ENTRIES] = { 0 };
  struct io_uring_sqe nop = { 0 };
  struct io_uring forger;
  Record record = { 0 };
  gchar buffer[CQ_ENTRIES] = { 0 };
  int fds[2];

  ck_assert_int_eq (pipe (fds), 0);
  ck_assert_int_eq (io_uring_queue_init (1, &forger, 0), 0);
  for (guint i = 0; i < CQ_ENTRIES; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_read (&sqe, fds[0], &buffer[i], 1, 0);
      queue (&sqe, &reads[i]);
    }
  io_uring_prep_nop (&nop);
  forge (&forger, queue (&nop, &record));
  submit ();
  run_until (count_unknown () == 1);
  assert_untouched (&record);
  assert_counts (CQ_ENTRIES, 1);

  ck_assert_int_eq (write (fds[1], buffer, sizeof buffer), sizeof buffer);
  run_until (record.n_notified > 0);
  assert_ended_with (&record, 0);
  for (guint i = 0; i < CQ_ENTRIES; i++)
    run_until (reads[i].n_notified > 0);
  io_uring_queue_exit (&forger);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

static void
add_many_completions (Suite *suite)
{
  TCase *tcase = add_ring_case (suite, "many completions");

  tcase_add_test (tcase, a_multishot_accept_serves_many_ends_on_cancel_and_can_be_queued_again);
  tcase_add_test (tcase, a_multishot_poll_tells_each_event);
  tcase_add_test (tcase, a_multishot_timeout_fires_as_often_as_it_was_told);
  tcase_add_test (tcase, a_multishot_receive_keeps_the_data_intact);
  tcase_add_test (tcase, a_multishot_receive_ends_without_buffers_and_can_be_queued_again);
  tcase_add_test (tcase, a_zero_copy_send_ends_when_its_buffer_is_free);
}

static void
add_forged (Suite *suite)
{
  TCase *tcase = add_ring_case (suite, "forged");

  tcase_add_test (tcase, a_forged_completion_is_counted_and_ignored);
  tcase_add_test (tcase, a_ring_may_forge_to_itself);
  tcase_add_test (tcase, the_forged_completion_of_what_the_kernel_has_not_seen_is_ignored);
}

int
main (void)
{
  Suite *suite = suite_create ("kinds");
  TCase *tcase = add_ring_case (suite, "one completion");

  tcase_add_test (tcase, provided_buffers_are_chosen_from);
  tcase_add_test (tcase, a_direct_descriptor_is_opened_read_and_closed_in_one_chain);
  tcase_add_test (tcase, registered_buffers_are_read_into);
  tcase_add_test (tcase, a_poll_is_changed_and_removed_by_its_id);
  tcase_add_test (tcase, timeouts_expire_count_and_are_removed_by_their_id);
  tcase_add_test (tcase, a_file_is_opened_described_and_closed);
  tcase_add_test (tcase, splice_moves_a_file_into_a_pipe);
  tcase_add_test (tcase, sockets_connect_accept_send_receive_and_shut_down);
  add_many_completions (suite);
  add_forged (suite);
  return run_suite (suite);
}
