/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 2: what can't be ended by the deadline of a close is leaked and reported, and never
 * called back or freed. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "close-support.h"

#define DEADLINE 20000 /* µs */

int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);

START_TEST (close_without_time_succeeds_when_nothing_is_queued)
{
  close_ring (0);
  assert_closed ();
}
END_TEST

START_TEST (close_without_time_ends_what_can_be_cancelled)
{
  static const guint budgets[] = { 512, 1 };
  Record records[3] = { 0 };
  struct io_uring_sqe sqe = { 0 };
  gchar byte;

  g_object_set (ring, "dispatch-budget", budgets[_i], NULL);
  queue_read_byte (ends[0], &byte, &records[0]);
  prepare_waiting_timeout (&sqe);
  queue (&sqe, &records[1]);
  assert_submits (2);
  queue_read_byte (ends[0], &byte, &records[2]);

  close_ring (0);
  for (guint i = 0; i < 3; i++)
    assert_ended_with (&records[i], -ECANCELED);
}
END_TEST

static void
assert_times_out (guint64 id, Record *stuck)
{
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();

  ck_assert (!guring_ring_close (ring, DEADLINE, &error));
  assert_error (error, G_IO_ERROR_TIMED_OUT);
  ck_assert_int_ge (g_get_monotonic_time () - start, DEADLINE);
  assert_untouched (stuck);
  assert_closed ();
  ck_assert (!guring_ring_cancel (ring, id));

  close_ring (-1); /* which does nothing any more */
  drop_ring ();
  assert_untouched (stuck);
}

/* Turns reads from this descriptor into what the kernel takes and never ends: a NOP without a CQE.
 */
static int swallowed_fd = -1;

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  struct io_uring_sq *sq = &uring->sq;

  for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++)
    {
      struct io_uring_sqe *sqe = &sq->sqes[i & (sq->ring_entries - 1)];

      if (sqe->opcode == IORING_OP_READ && sqe->fd == swallowed_fd)
        {
          sqe->opcode = IORING_OP_NOP;
          sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        }
    }
  return __real_io_uring_submit (uring);
}

START_TEST (operation_that_never_ends_is_leaked_at_the_deadline)
{
  Record stuck = { 0 }, waiting = { 0 }, backlog = { 0 };
  struct io_uring_sqe sqe = { 0 };
  gchar byte;
  guint64 id;

  swallowed_fd = ends[0];
  id = queue_read_byte (ends[0], &byte, &stuck);
  prepare_waiting_poll (&sqe);
  queue (&sqe, &waiting);
  assert_submits (2);
  queue_read_byte (ends[0], &byte, &backlog);

  assert_times_out (id, &stuck);
  assert_ended_with (&waiting, -ECANCELED);
  assert_ended_with (&backlog, -ECANCELED);
}
END_TEST

/* A pipe that nobody can read, not even a worker that is told to stop: its mutex is held by a
 * writer whose page does not come. */
typedef struct
{
  int ends[2];
  int userfault;
  gpointer page;
  GThread *writer;
} StuckPipe;

static gpointer
write_missing_page (gpointer data)
{
  StuckPipe *stuck = data;

  return GINT_TO_POINTER (write (stuck->ends[1], stuck->page, 1));
}

static struct uffdio_range
get_page_range (StuckPipe *stuck)
{
  return (struct uffdio_range){ (guintptr) stuck->page, (guint64) sysconf (_SC_PAGESIZE) };
}

static gboolean
watch_page (StuckPipe *stuck)
{
  struct uffdio_api api = { .api = UFFD_API };
  struct uffdio_register registration = { .mode = UFFDIO_REGISTER_MODE_MISSING };

  stuck->userfault = (int) syscall (SYS_userfaultfd, O_CLOEXEC);
  if (stuck->userfault < 0)
    {
      g_printerr ("# SKIP userfaultfd is missing: %s\n", g_strerror (errno));
      return FALSE;
    }

  stuck->page = mmap (NULL, (gsize) sysconf (_SC_PAGESIZE), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  registration.range = get_page_range (stuck);
  ck_assert_int_eq (ioctl (stuck->userfault, UFFDIO_API, &api), 0);
  ck_assert_int_eq (ioctl (stuck->userfault, UFFDIO_REGISTER, &registration), 0);
  return TRUE;
}

static gboolean
stuck_pipe_open (StuckPipe *stuck)
{
  struct uffd_msg message;

  if (!watch_page (stuck))
    return FALSE;

  make_pipe (stuck->ends);
  stuck->writer = g_thread_new ("writer", write_missing_page, stuck);
  ck_assert_int_eq (read (stuck->userfault, &message, sizeof (message)), sizeof (message));
  return TRUE;
}

static void
stuck_pipe_release (StuckPipe *stuck)
{
  struct uffdio_zeropage zero = { .range = get_page_range (stuck) };

  ck_assert_int_eq (ioctl (stuck->userfault, UFFDIO_ZEROPAGE, &zero), 0);
  ck_assert_int_eq (GPOINTER_TO_INT (g_thread_join (stuck->writer)), 1);
}

static void
stuck_pipe_close (StuckPipe *stuck)
{
  munmap (stuck->page, (gsize) sysconf (_SC_PAGESIZE));
  close (stuck->userfault);
  close_pipe (stuck->ends);
}

static guint64
queue_stuck_read (StuckPipe *stuck, gchar *byte, Record *record)
{
  struct io_uring_sqe sqe = { 0 };
  guint64 id;

  io_uring_prep_read (&sqe, stuck->ends[0], byte, 1, 0);
  sqe.flags |= IOSQE_ASYNC;
  id = queue (&sqe, record);
  assert_submits (1);
  while (count_workers (") D ") == 0)
    g_thread_yield ();
  return id;
}

START_TEST (read_that_the_kernel_cannot_cancel_is_leaked_at_the_deadline)
{
  StuckPipe stuck;
  Record record = { 0 }, waiting = { 0 };
  gchar byte = 'p', other;

  if (!stuck_pipe_open (&stuck))
    return;

  queue_read_byte (ends[0], &other, &waiting);
  assert_submits (1);
  assert_times_out (queue_stuck_read (&stuck, &byte, &record), &record);
  assert_ended_with (&waiting, -ECANCELED);
  ck_assert_int_eq (byte, 'p');

  stuck_pipe_release (&stuck);
  wait_until_workers_sleep ();
  assert_untouched (&record);
  stuck_pipe_close (&stuck);
}
END_TEST

static gpointer
release_stuck_pipe (gpointer data)
{
  wait_until_asleep (getpid ());
  stuck_pipe_release (data);
  return NULL;
}

START_TEST (close_waits_for_what_the_kernel_cannot_cancel)
{
  StuckPipe stuck;
  Record record = { 0 };
  gchar byte = 'p';
  GThread *thread;

  if (!stuck_pipe_open (&stuck))
    return;

  ck_assert (guring_ring_cancel (ring, queue_stuck_read (&stuck, &byte, &record)));
  thread = g_thread_new ("release", release_stuck_pipe, &stuck);
  close_ring (-1);
  assert_ended (&record);
  if (record.res == 1)
    ck_assert_int_eq (byte, 0);
  byte = 'p';
  g_thread_join (thread);
  wait_until_workers_sleep ();
  ck_assert_int_eq (byte, 'p');
  stuck_pipe_close (&stuck);
}
END_TEST

static void
close_without_time_in_callback (GuringRing *completed_ring,
                                const GuringCompletion *completion,
                                gpointer data)
{
  record_completion (completed_ring, completion, data);
  ck_assert (!guring_ring_close (completed_ring, 0, NULL));
}

START_TEST (closing_without_time_while_closing_is_reported_by_both)
{
  Record stuck = { 0 }, record = { 0 };
  struct io_uring_sqe sqe = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  swallowed_fd = ends[0];
  queue_read_byte (ends[0], &byte, &stuck);
  prepare_waiting_poll (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, close_without_time_in_callback, &record,
                                        record_notify, NULL),
                     0);
  assert_submits (2);

  ck_assert (!guring_ring_close (ring, -1, &error));
  assert_error (error, G_IO_ERROR_TIMED_OUT);
  assert_ended_with (&record, -ECANCELED);
  assert_untouched (&stuck);
  g_clear_object (&ring);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, close_without_time_succeeds_when_nothing_is_queued);
  tcase_add_loop_test (tcase, close_without_time_ends_what_can_be_cancelled, 0, 2);
  tcase_add_test (tcase, operation_that_never_ends_is_leaked_at_the_deadline);
  tcase_add_test (tcase, read_that_the_kernel_cannot_cancel_is_leaked_at_the_deadline);
  tcase_add_test (tcase, close_waits_for_what_the_kernel_cannot_cancel);
  tcase_add_test (tcase, closing_without_time_while_closing_is_reported_by_both);
}

int
main (void)
{
  Suite *suite = suite_create ("close-deadline");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
  add_tests (tcase);
  return run_suite (suite);
}
