/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 2: closing ends every operation before it returns, and leaves no buffer to the kernel. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "close-support.h"

#define CQ_ENTRIES 16
#define N_BACKLOG 5000
#define N_READS 4
#define READ_SIZE (16u << 20)

/* Of each kind */

static gchar *
map_buffer (gsize size)
{
  gchar *buffer =
    mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

  ck_assert_ptr_ne (buffer, MAP_FAILED);
  return buffer;
}

static int
make_large_file (void)
{
  int fd = memfd_create ("large", MFD_CLOEXEC);

  ck_assert_int_eq (ftruncate (fd, READ_SIZE), 0);
  ck_assert_int_eq (fallocate (fd, 0, 0, READ_SIZE), 0);
  return fd;
}

static void
prepare_read_in_a_worker (struct io_uring_sqe *sqe)
{
  prepare_waiting_read (sqe);
  sqe->flags |= IOSQE_ASYNC;
}

static void
prepare_multishot_accept (struct io_uring_sqe *sqe)
{
  prepare_waiting_accept (sqe);
  sqe->ioprio |= IORING_ACCEPT_MULTISHOT;
}

static void
prepare_file_read (struct io_uring_sqe *sqe)
{
  io_uring_prep_read (sqe, make_large_file (), map_buffer (READ_SIZE), READ_SIZE, 0);
  sqe->flags |= IOSQE_ASYNC;
}

static void (*const prepare_kind[]) (struct io_uring_sqe *sqe) = {
  prepare_waiting_read, prepare_read_in_a_worker, prepare_multishot_accept,
  prepare_waiting_poll, prepare_waiting_timeout,  prepare_file_read,
};

START_TEST (close_ends_an_operation_in_flight)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  prepare_kind[_i](&sqe);
  queue (&sqe, &record);
  assert_submits (1);

  close_ring (-1);
  assert_ended (&record);
  if (sqe.opcode == IORING_OP_READ && sqe.len > 1)
    {
      ck_assert (record.res == (gint32) READ_SIZE || record.res < 0);
      munmap ((gpointer) (guintptr) sqe.addr, READ_SIZE);
    }
  else
    ck_assert (record.res == -ECANCELED || record.res == -EINTR);
  if (sqe.fd > 0 && sqe.fd != ends[0])
    close (sqe.fd);
  assert_counts (0, 0);
  assert_closed ();
}
END_TEST

START_TEST (close_ends_a_backlog_of_thousands)
{
  g_autofree Record *records = g_new0 (Record, N_BACKLOG);
  g_autofree gchar *bytes = g_malloc (N_BACKLOG);

  for (guint i = 0; i < N_BACKLOG; i++)
    queue_read_byte (ends[0], &bytes[i], &records[i]);
  assert_submits (CQ_ENTRIES);

  close_ring (-1);
  for (guint i = 0; i < N_BACKLOG; i++)
    assert_ended_with (&records[i], -ECANCELED);
  assert_counts (0, 0);
}
END_TEST

/* A read that waits and two NOPs. */
static void
queue_chain (guint8 flags, Record *records)
{
  static gchar byte;
  GuringRequest requests[3];

  for (guint i = 0; i < 3; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      if (i == 0)
        io_uring_prep_read (&sqe, ends[0], &byte, 1, 0);
      else
        io_uring_prep_nop (&sqe);
      sqe.flags |= i < 2 ? flags : 0;
      requests[i] = request (&sqe, &records[i]);
    }
  ck_assert (guring_ring_queue_chain (ring, requests, 3, NULL, NULL));
}

START_TEST (close_ends_chains_in_flight_and_in_the_backlog)
{
  const gboolean hard = _i;
  Record records[2][3] = { 0 };

  queue_chain (hard ? IOSQE_IO_HARDLINK : IOSQE_IO_LINK, records[0]);
  assert_submits (3);
  queue_chain (hard ? IOSQE_IO_HARDLINK : IOSQE_IO_LINK, records[1]);

  close_ring (-1);
  for (guint i = 0; i < 3; i++)
    {
      assert_ended (&records[0][i]);
      assert_ended_with (&records[1][i], -ECANCELED);
    }
  ck_assert_int_eq (records[0][0].res, -ECANCELED);
  ck_assert_int_eq (records[0][2].res, hard ? 0 : -ECANCELED);
}
END_TEST

START_TEST (close_ends_a_multishot_operation)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  io_uring_prep_poll_multishot (&sqe, ends[0], POLLIN);
  queue (&sqe, &record);
  assert_submits (1);
  write_byte (ends[1]);
  run_until (record.n_more == 1);
  write_byte (ends[1]);

  close_ring (-1);
  ck_assert_uint_eq (record.n_more, 2);
  assert_ended_with (&record, -ECANCELED);
}
END_TEST

/* Buffers */

static void
queue_large_reads (int fd, gchar **buffers, Record *records)
{
  for (guint i = 0; i < N_READS; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      buffers[i] = map_buffer (READ_SIZE);
      io_uring_prep_read (&sqe, fd, buffers[i], READ_SIZE, 0);
      sqe.flags |= IOSQE_ASYNC;
      queue (&sqe, &records[i]);
    }
  assert_submits (N_READS);
}

static void
assert_poisoned (const gchar *buffer)
{
  ck_assert_int_eq (buffer[0], 'p');
  ck_assert_int_eq (memcmp (buffer, buffer + 1, READ_SIZE - 1), 0);
}

/* With the time up at once some reads may be leaked, but those that ended have ended. */
START_TEST (buffers_of_ended_reads_are_not_written_after_close)
{
  const gint64 timeouts[] = { -1, 0 };
  gchar *buffers[N_READS];
  Record records[N_READS] = { 0 };
  int fd = make_large_file ();
  guint n_ended = 0;
  gboolean closed;

  queue_large_reads (fd, buffers, records);
  closed = guring_ring_close (ring, timeouts[_i], NULL);
  for (guint i = 0; i < N_READS; i++)
    if (records[i].n_notified > 0)
      memset (buffers[i], 'p', READ_SIZE);
  wait_until_workers_sleep ();

  for (guint i = 0; i < N_READS; i++)
    {
      if (records[i].n_notified > 0)
        {
          assert_ended (&records[i]);
          assert_poisoned (buffers[i]);
          n_ended++;
        }
      else
        assert_untouched (&records[i]);
      munmap (buffers[i], READ_SIZE);
    }
  ck_assert_int_eq (closed, n_ended == N_READS);
  ck_assert (closed || timeouts[_i] == 0);
  close (fd);
  g_clear_object (&ring);
}
END_TEST

/* Again, and from callbacks */

START_TEST (closing_twice_succeeds)
{
  close_ring (-1);
  close_ring (-1);
  close_ring (0);
  assert_closed ();
}
END_TEST

static void
close_in_callback (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  record_completion (completed_ring, completion, data);
  close_ring (-1);
}

START_TEST (closing_while_closing_ends_everything_once)
{
  Record records[3] = { 0 };
  gchar bytes[3];

  for (guint i = 0; i < 3; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_read (&sqe, ends[0], &bytes[i], 1, 0);
      ck_assert_uint_ne (guring_ring_queue (ring, &sqe, close_in_callback, &records[i],
                                            record_notify, NULL),
                         0);
    }
  assert_submits (3);

  close_ring (-1);
  for (guint i = 0; i < 3; i++)
    assert_ended_with (&records[i], -ECANCELED);
  assert_closed ();
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_loop_test (tcase, close_ends_an_operation_in_flight, 0, G_N_ELEMENTS (prepare_kind));
  tcase_add_test (tcase, close_ends_a_backlog_of_thousands);
  tcase_add_loop_test (tcase, close_ends_chains_in_flight_and_in_the_backlog, 0, 2);
  tcase_add_test (tcase, close_ends_a_multishot_operation);
  tcase_add_loop_test (tcase, buffers_of_ended_reads_are_not_written_after_close, 0, 2);
  tcase_add_test (tcase, closing_twice_succeeds);
  tcase_add_test (tcase, closing_while_closing_ends_everything_once);
}

int
main (void)
{
  Suite *suite = suite_create ("close");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
  add_tests (tcase);
  return run_suite (suite);
}
