/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 2: closing ends every operation before it returns; what can't be ended by the deadline is
 * leaked and reported, and never called back or freed. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

#define CQ_ENTRIES 16
#define N_BACKLOG 5000
#define N_READS 4
#define READ_SIZE (16u << 20)
#define DEADLINE 20000 /* µs */

int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);

static struct __kernel_timespec an_hour = { .tv_sec = 3600 };

static void
close_ring (gint64 timeout_us)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (guring_ring_close (ring, timeout_us, &error), "%s",
                 error != NULL ? error->message : "no error");
  ck_assert_ptr_null (error);
}

static void
assert_closed (void)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  GMainContext *left;
  g_autoptr (GError) error = NULL;
  GuringRequest nop;

  io_uring_prep_nop (&sqe);
  nop = request (&sqe, &record);
  ck_assert_uint_eq (guring_ring_queue (ring, &sqe, record_completion, &record, NULL, &error), 0);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert (!guring_ring_queue_chain (ring, &nop, 1, NULL, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert_int_eq (guring_ring_submit (ring, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);

  ck_assert_ptr_null (guring_ring_get_uring (ring));
  ck_assert (!guring_ring_supports (ring, IORING_OP_NOP));
  ck_assert (g_source_is_destroyed (guring_ring_get_source (ring)));
  g_object_get (ring, "context", &left, NULL);
  ck_assert_ptr_null (left);
  assert_untouched (&record);
}

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
prepare_read (struct io_uring_sqe *sqe)
{
  static gchar byte;

  io_uring_prep_read (sqe, ends[0], &byte, 1, 0);
}

static void
prepare_read_in_a_worker (struct io_uring_sqe *sqe)
{
  prepare_read (sqe);
  sqe->flags |= IOSQE_ASYNC;
}

static void
prepare_accept (struct io_uring_sqe *sqe)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  /* Autobinds to an abstract name. */
  ck_assert_int_eq (bind (listener, (struct sockaddr *) &address, sizeof (sa_family_t)), 0);
  ck_assert_int_eq (listen (listener, 1), 0);
  io_uring_prep_multishot_accept (sqe, listener, NULL, NULL, SOCK_CLOEXEC);
}

static void
prepare_poll (struct io_uring_sqe *sqe)
{
  io_uring_prep_poll_add (sqe, ends[0], POLLIN);
}

static void
prepare_timeout (struct io_uring_sqe *sqe)
{
  io_uring_prep_timeout (sqe, &an_hour, 0, 0);
}

static void
prepare_file_read (struct io_uring_sqe *sqe)
{
  io_uring_prep_read (sqe, make_large_file (), map_buffer (READ_SIZE), READ_SIZE, 0);
  sqe->flags |= IOSQE_ASYNC;
}

static void (*const prepare_kind[]) (struct io_uring_sqe *sqe) = {
  prepare_read, prepare_read_in_a_worker, prepare_accept,
  prepare_poll, prepare_timeout,          prepare_file_read,
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

/* The kernel's own threads of this process that have @state in their stat. */
static guint
count_workers (const gchar *state)
{
  GDir *dir = g_dir_open ("/proc/self/task", 0, NULL);
  const gchar *name;
  guint n = 0;

  ck_assert_ptr_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *path = g_strdup_printf ("/proc/self/task/%s/stat", name);
      g_autofree gchar *stat = NULL;

      if (g_file_get_contents (path, &stat, NULL, NULL))
        n += strstr (stat, "(iou-wrk") != NULL && strstr (stat, state) != NULL;
    }
  g_dir_close (dir);
  return n;
}

static void
wait_until_workers_sleep (void)
{
  while (count_workers (")") > count_workers (") S "))
    g_thread_yield ();
}

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

/* The deadline */

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
  prepare_timeout (&sqe);
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
  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &ring);
  g_object_unref (ring);
  ck_assert_ptr_null (ring);
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
  prepare_poll (&sqe);
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
  prepare_poll (&sqe);
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

/* Without guring_ring_close() */

START_TEST (last_unref_closes)
{
  Record records[2] = { 0 };
  gchar bytes[2];

  queue_read_byte (ends[0], &bytes[0], &records[0]);
  assert_submits (1);
  queue_read_byte (ends[0], &bytes[1], &records[1]);

  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &ring);
  g_object_unref (ring);
  ck_assert_ptr_null (ring);
  assert_ended_with (&records[0], -ECANCELED);
  assert_ended_with (&records[1], -ECANCELED);
}
END_TEST

START_TEST (destroying_the_source_closes)
{
  Record record = { 0 };
  gchar byte;

  queue_read_byte (ends[0], &byte, &record);
  assert_submits (1);
  g_source_destroy (guring_ring_get_source (ring));
  assert_ended_with (&record, -ECANCELED);
  assert_closed ();
  close_ring (-1);
}
END_TEST

START_TEST (ring_that_goes_leaves_no_descriptor)
{
  guint before;

  g_clear_object (&ring);
  before = count_descriptors ();

  ring = make_ring (8);
  ck_assert_uint_eq (count_descriptors (), before + 1);
  close_ring (-1);
  ck_assert_uint_eq (count_descriptors (), before);
  g_clear_object (&ring);

  ring = make_ring (8);
  g_clear_object (&ring);
  ck_assert_uint_eq (count_descriptors (), before);
}
END_TEST

static gpointer
write_while_owner_sleeps (gpointer data)
{
  wait_until_asleep (getpid ());
  write_byte (ends[1]);
  return NULL;
}

START_TEST (wait_outside_of_the_loop_leaves_no_descriptor)
{
  Record record = { 0 };
  GThread *thread;
  gchar byte;
  guint before;

  g_clear_object (&ring);
  before = count_descriptors ();

  ring = make_ring (8);
  queue_read_byte (ends[0], &byte, &record);
  thread = g_thread_new ("write", write_while_owner_sleeps, NULL);
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, NULL), 1);
  g_thread_join (thread);
  ck_assert_uint_gt (count_descriptors (), before + 1);
  close_ring (-1);
  ck_assert_uint_eq (count_descriptors (), before);
}
END_TEST

START_TEST (context_that_goes_first_closes_the_ring)
{
  GMainContext *own = g_main_context_new ();
  Record records[2] = { 0 };
  gchar bytes[2];
  int pipe_ends[2];

  make_pipe (pipe_ends);
  ring = guring_ring_new (own, 8, NULL);
  ck_assert_ptr_nonnull (ring);
  queue_read_byte (pipe_ends[0], &bytes[0], &records[0]);
  assert_submits (1);
  queue_read_byte (pipe_ends[0], &bytes[1], &records[1]);

  g_main_context_unref (own);
  assert_ended_with (&records[0], -ECANCELED);
  assert_ended_with (&records[1], -ECANCELED);
  assert_closed ();
  ck_assert (!guring_ring_cancel (ring, records[0].id));
  close_ring (-1);
  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &ring);
  g_object_unref (ring);
  ck_assert_ptr_null (ring);
  close_pipe (pipe_ends);
}
END_TEST

/* The last reference, dropped in another thread */

typedef struct
{
  Record record;
  GThread *completed_in;
  GThread *notified_in;
} Witness;

static void
witness_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Witness *witness = data;

  record_completion (completed_ring, completion, &witness->record);
  witness->completed_in = g_thread_self ();
}

static void
witness_notify (gpointer data)
{
  Witness *witness = data;

  record_notify (&witness->record);
  witness->notified_in = g_thread_self ();
}

static gpointer
unref_while_owner_sleeps (gpointer data)
{
  wait_until_asleep (getpid ());
  g_object_unref (data);
  return NULL;
}

static gpointer
destroy_source_while_owner_sleeps (gpointer data)
{
  wait_until_asleep (getpid ());
  g_source_destroy (guring_ring_get_source (data));
  return NULL;
}

static gpointer (*const enders[]) (gpointer data) = {
  unref_while_owner_sleeps,
  destroy_source_while_owner_sleeps,
};

/* Not all descriptors: ThreadSanitizer talks to its symbolizer when it has met a suppression. */
static guint
count_rings (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const gchar *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree gchar *target = g_file_read_link (path, NULL);

      n += target != NULL && strstr (target, "[io_uring]") != NULL;
    }
  return n;
}

START_TEST (what_another_thread_ends_is_closed_in_the_owners)
{
  Witness witness = { .record = { 0 } };
  struct io_uring_sqe sqe = { 0 };
  GThread *thread;

  ck_assert_uint_eq (count_rings (), 1);
  prepare_read (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, witness_completion, &witness, witness_notify,
                                        NULL),
                     0);
  thread = g_thread_new ("ender", enders[_i], ring);

  run_until (witness.record.n_notified > 0);
  g_thread_join (thread);
  if (enders[_i] != unref_while_owner_sleeps)
    g_object_unref (ring);
  ring = NULL;
  assert_ended_with (&witness.record, -ECANCELED);
  ck_assert_ptr_eq (witness.completed_in, g_thread_self ());
  ck_assert_ptr_eq (witness.notified_in, g_thread_self ());
  ck_assert_uint_eq (count_rings (), 0);
}
END_TEST

START_TEST (unref_from_another_thread_is_noticed_by_the_end_of_the_context)
{
  Witness witness = { .record = { 0 } };
  struct io_uring_sqe sqe = { 0 };
  GThread *thread;

  context = g_main_context_new ();
  ring = guring_ring_new (context, 8, NULL);
  ck_assert_ptr_nonnull (ring);
  prepare_timeout (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, witness_completion, &witness, witness_notify,
                                        NULL),
                     0);

  ck_assert (g_main_context_acquire (context));
  thread =
    g_thread_new ("unref", (GThreadFunc) (GCallback) g_object_unref, g_steal_pointer (&ring));
  g_thread_join (thread);
  assert_untouched (&witness.record);
  g_main_context_release (context);

  g_main_context_unref (context);
  assert_ended_with (&witness.record, -ECANCELED);
  ck_assert_ptr_eq (witness.completed_in, g_thread_self ());
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
  tcase_add_test (tcase, close_without_time_succeeds_when_nothing_is_queued);
  tcase_add_loop_test (tcase, close_without_time_ends_what_can_be_cancelled, 0, 2);
  tcase_add_test (tcase, operation_that_never_ends_is_leaked_at_the_deadline);
  tcase_add_test (tcase, read_that_the_kernel_cannot_cancel_is_leaked_at_the_deadline);
  tcase_add_test (tcase, close_waits_for_what_the_kernel_cannot_cancel);
  tcase_add_test (tcase, closing_twice_succeeds);
  tcase_add_test (tcase, closing_while_closing_ends_everything_once);
  tcase_add_test (tcase, closing_without_time_while_closing_is_reported_by_both);
  tcase_add_test (tcase, last_unref_closes);
  tcase_add_test (tcase, destroying_the_source_closes);
  tcase_add_test (tcase, ring_that_goes_leaves_no_descriptor);
  tcase_add_test (tcase, wait_outside_of_the_loop_leaves_no_descriptor);
  tcase_add_loop_test (tcase, what_another_thread_ends_is_closed_in_the_owners, 0,
                       G_N_ELEMENTS (enders));
}

int
main (void)
{
  Suite *suite = suite_create ("close");
  TCase *with_ring = add_case (suite, "ring");
  TCase *without_context = add_case (suite, "context");

  tcase_add_checked_fixture (with_ring, setup_ring_and_pipe, teardown_ring_and_pipe);
  add_tests (with_ring);
  tcase_add_test (without_context, context_that_goes_first_closes_the_ring);
  tcase_add_test (without_context, unref_from_another_thread_is_noticed_by_the_end_of_the_context);
  return run_suite (suite);
}
