/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A ring, while each call of the library fails: what was accepted ends once, whatever happens. */

#include "config.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz/oracle.h"
#include "sweep.h"

#define MAX_RECORDS 40
#define N_NOPS 20
#define N_READS 16 /* as many as the CQ has entries */
#define N_MESSAGES 3

static Record records[MAX_RECORDS];
static guint64 ids[MAX_RECORDS]; /* 0 for what was refused */
static guint n_records;
static gboolean leaked; /* and said so */
static gchar byte;

static gboolean
has_ended (guint i)
{
  return ids[i] == 0 || records[i].n_notified > 0;
}

static gboolean
have_all_ended (void)
{
  guint n = 0;

  for (guint i = 0; i < n_records; i++)
    n += (guint) has_ended (i);
  return n == n_records;
}

static void
take_ring (GuringRing *made, GError **error)
{
  ring = made;
  sweep_ended (made != NULL, error);
}

static gboolean
make_ring_or_fail (void)
{
  g_autoptr (GError) error = NULL;

  take_ring (guring_ring_new (NULL, 8, &error), &error);
  return ring != NULL;
}

/* Armed, it returns whether there is a ring. */
static gboolean
start (void)
{
  memset (records, 0, sizeof records);
  memset (ids, 0, sizeof ids);
  n_records = 0;
  leaked = FALSE;
  make_pipe (ends);
  sweep_arm ();
  return make_ring_or_fail ();
}

static void
run_once (void)
{
  if (!sweep_rescue (ring))
    g_main_context_iteration (context, TRUE);
}

static void
run_all (void)
{
  while (!have_all_ended ())
    run_once ();
}

static void
finish (void)
{
  sweep_disarm ();
  if (ring != NULL && !leaked)
    assert_counts (0, 0);
  g_clear_object (&ring);
  close_pipe (ends);
  for (guint i = 0; i < n_records; i++)
    if (ids[i] == 0 || (leaked && records[i].n_final == 0))
      assert_untouched (&records[i]);
    else
      assert_ended (&records[i]);
}

static void
queue_or_fail (const struct io_uring_sqe *sqe)
{
  g_autoptr (GError) error = NULL;
  Record *record = &records[n_records];

  ids[n_records] = guring_ring_queue (ring, sqe, record_completion, record, record_notify, &error);
  sweep_ended (ids[n_records] != 0, &error);
  n_records++;
}

static void
queue_nops (guint n)
{
  for (guint i = 0; i < n; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_nop (&sqe);
      queue_or_fail (&sqe);
    }
}

static void
queue_reads (guint n)
{
  for (guint i = 0; i < n; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_read (&sqe, ends[0], &byte, 1, 0);
      queue_or_fail (&sqe);
    }
}

static void
submit (void)
{
  g_autoptr (GError) error = NULL;

  sweep_ended (guring_ring_submit (ring, &error) >= 0, &error);
}

static void
cancel_all (void)
{
  for (guint i = 0; i < n_records; i++)
    guring_ring_cancel (ring, ids[i]);
}

/* Nobody else's calls fail. */
static void
write_bytes (guint n)
{
  sweep_disarm ();
  for (guint i = 0; i < n; i++)
    write_byte (ends[1]);
  sweep_arm ();
}

/* Making rings */

SWEPT (a_ring_is_made)
{
  start ();
  g_clear_object (&ring);
  finish ();
}

SWEPT (it_is_asked_whether_there_is_io_uring)
{
  g_autoptr (GError) error = NULL;

  sweep_arm ();
  sweep_ended (guring_is_supported (&error), &error);
  sweep_disarm ();
}

SWEPT (the_default_ring_is_asked_what_it_can_do)
{
  g_autoptr (GError) error = NULL;
  gboolean supports;

  sweep_arm ();
  take_ring (guring_ring_get_default (&error), &error);
  supports = ring != NULL && guring_ring_supports (ring, IORING_OP_NOP);
  sweep_disarm ();
  ck_assert (supports || sweep_has_fired ());
  ring = NULL;
}

SWEPT (a_ring_is_restricted)
{
  g_autoptr (GuringRestrictions) restrictions = guring_restrictions_new ();
  g_autoptr (GError) error = NULL;
  struct io_uring_sqe sqe = { 0 };

  guring_restrictions_allow_opcode (restrictions, IORING_OP_NOP);
  start ();
  g_clear_object (&ring);
  take_ring (guring_ring_new_restricted (NULL, 8, restrictions, &error), &error);
  if (ring != NULL)
    {
      queue_nops (1);
      run_all ();
      io_uring_prep_read (&sqe, ends[0], &byte, 1, 0);
      ck_assert_uint_eq (guring_ring_queue (ring, &sqe, NULL, NULL, NULL, NULL), 0);
    }
  finish ();
}

/* Running them */

SWEPT (operations_are_queued)
{
  if (start ())
    {
      queue_nops (N_NOPS);
      run_all ();
    }
  finish ();
}

SWEPT (operations_are_submitted_and_iterated)
{
  gboolean has_ring = start ();

  if (has_ring)
    {
      queue_reads (2);
      submit ();
      write_bytes (2);
    }
  while (has_ring && !have_all_ended ())
    {
      g_autoptr (GError) error = NULL;

      sweep_ended (guring_ring_iterate (ring, TRUE, &error) >= 0, &error);
      sweep_rescue (ring);
    }
  finish ();
}

static void
queue_chain (GuringRequest *requests, guint n)
{
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    requests[i] = request (&requests[i].sqe, &records[i]);
  sweep_ended (guring_ring_queue_chain (ring, requests, n, ids, &error), &error);
  n_records = n;
}

SWEPT (a_chain_is_queued)
{
  GuringRequest requests[3] = { 0 };

  if (start ())
    {
      io_uring_prep_write (&requests[0].sqe, ends[1], "x", 1, 0);
      io_uring_prep_read (&requests[1].sqe, ends[0], &byte, 1, 0);
      requests[1].sqe.flags |= IOSQE_IO_HARDLINK;
      io_uring_prep_nop (&requests[2].sqe);
      queue_chain (requests, G_N_ELEMENTS (requests));
      run_all ();
    }
  finish ();
}

SWEPT (a_chain_has_a_timeout)
{
  struct __kernel_timespec timespec = { .tv_nsec = 1000 };
  GuringRequest requests[3] = { 0 };

  if (start ())
    {
      io_uring_prep_read (&requests[0].sqe, ends[0], &byte, 1, 0);
      io_uring_prep_link_timeout (&requests[1].sqe, &timespec, 0);
      io_uring_prep_nop (&requests[2].sqe);
      queue_chain (requests, G_N_ELEMENTS (requests));
      run_all ();
    }
  finish ();
}

SWEPT (more_is_queued_than_can_be_in_flight)
{
  if (start ())
    {
      queue_reads (MAX_RECORDS);
      submit ();
      write_bytes (MAX_RECORDS);
      run_all ();
    }
  finish ();
}

SWEPT (the_cq_overflows)
{
  if (start ())
    {
      queue_reads (N_READS);
      submit ();
      cancel_all ();
      submit ();
      run_all ();
    }
  finish ();
}

/* Cancelling */

SWEPT (operations_are_cancelled)
{
  if (start ())
    {
      queue_reads (2);
      submit ();
      queue_reads (2);
      cancel_all ();
      run_all ();
    }
  finish ();
}

static gpointer
cancel_when_asleep (gpointer thread)
{
  wait_until_asleep (GPOINTER_TO_INT (thread));
  cancel_all ();
  return NULL;
}

SWEPT (an_operation_is_cancelled_by_another_thread)
{
  if (start ())
    {
      g_autoptr (GError) error = NULL;
      GThread *thread;

      queue_reads (1);
      thread = g_thread_new ("cancel", cancel_when_asleep, GINT_TO_POINTER (gettid ()));
      sweep_ended (guring_ring_iterate (ring, TRUE, &error) >= 0, &error);
      run_all ();
      g_thread_join (thread);
    }
  finish ();
}

/* Groups and eventfds */

static GuringBufferGroup *group;
static guint n_received;

static void
on_received (GuringRing *completed_ring, const GuringCompletion *completion, gpointer record)
{
  g_autoptr (GBytes) bytes = guring_buffer_group_take_bytes (group, completion);

  n_received += bytes != NULL;
  record_completion (completed_ring, completion, record);
}

static void
send_messages (int fd)
{
  sweep_disarm ();
  for (guint i = 0; i < N_MESSAGES; i++)
    ck_assert_int_eq (sendto (fd, "message", 7, 0, NULL, 0), 7);
  sweep_arm ();
}

static void
receive_messages (int fds[2])
{
  g_autoptr (GError) error = NULL;
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_recv_multishot (&sqe, fds[1], NULL, 0, 0);
  io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
  sqe.buf_group = guring_buffer_group_get_id (group);
  ids[0] = guring_ring_queue (ring, &sqe, on_received, &records[0], record_notify, &error);
  sweep_ended (ids[0] != 0, &error);
  n_records = 1;

  send_messages (fds[0]);
  while (n_received < N_MESSAGES && !have_all_ended ())
    run_once ();
  cancel_all ();
  run_all ();
}

SWEPT (a_group_receives)
{
  g_autoptr (GError) error = NULL;
  int fds[2];

  n_received = 0;
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  if (start ())
    {
      group = guring_buffer_group_new (ring, 8, 64, &error);
      sweep_ended (group != NULL, &error);
      if (group != NULL)
        receive_messages (fds);
      g_clear_object (&group);
    }
  finish ();
  close_pipe (fds);
}

SWEPT (an_eventfd_is_registered)
{
  int fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);

  if (start ())
    {
      ck_assert_int_eq (io_uring_register_eventfd (guring_ring_get_uring (ring), fd), 0);
      queue_nops (1);
      run_all ();
    }
  finish ();
  close (fd);
}

/* Closing */

static void
start_with_operations_in_flight (void)
{
  if (!start ())
    return;

  queue_reads (2);
  submit ();
  queue_reads (2);
}

static void
close_by (gint64 timeout_us)
{
  g_autoptr (GError) error = NULL;

  start_with_operations_in_flight ();
  if (ring != NULL)
    {
      leaked = !guring_ring_close (ring, timeout_us, &error);
      ck_assert (!leaked || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
      sweep_ended (!leaked, &error);
    }
  finish ();
}

SWEPT (a_ring_is_closed)
{
  close_by (-1);
}

SWEPT (a_ring_is_closed_in_time)
{
  close_by (50 * G_USEC_PER_SEC);
}

/* It would warn of what is leaked. */
SWEPT (a_ring_is_dropped)
{
  start_with_operations_in_flight ();
  leaked = TRUE;
  g_clear_object (&ring);
  ck_assert (sweep_has_fired () || have_all_ended ());
  finish ();
}

SWEPT (the_context_ends)
{
  g_autoptr (GError) error = NULL;
  GMainContext *other = g_main_context_new ();

  start ();
  g_clear_object (&ring);
  take_ring (guring_ring_new (other, 8, &error), &error);
  if (ring != NULL)
    {
      queue_reads (2);
      submit ();
    }
  g_main_context_unref (other);
  leaked = TRUE;
  ck_assert (sweep_has_fired () || have_all_ended ());
  finish ();
}

/* Forking */

static void
use_own_ring (void)
{
  GuringRing *own = guring_ring_get_default (NULL);
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  child_assert (own != NULL || sweep_has_fired ());
  if (own == NULL)
    return;

  io_uring_prep_nop (&sqe);
  child_assert (guring_ring_queue (own, &sqe, record_completion, &record, record_notify, NULL) !=
                0);
  while (record.n_notified == 0)
    g_main_context_iteration (context, TRUE);
  child_assert (record.n_final == 1);
}

static void
be_child (void)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  child_assert (guring_ring_queue (ring, &sqe, NULL, NULL, NULL, NULL) == 0);
  g_clear_object (&ring);
  use_own_ring ();
}

SWEPT (the_process_forks)
{
  if (start ())
    {
      queue_reads (1);
      submit ();
      run_in_child (be_child);
      write_bytes (1);
      run_all ();
    }
  finish ();
}

int
main (void)
{
  Suite *suite = suite_create ("fault-sweep-ring");
  TCase *tcase = add_case (suite, "ring");

  oracle_watch_log ("did not end before the ring was closed");
  tcase_add_test (tcase, a_ring_is_made);
  tcase_add_test (tcase, it_is_asked_whether_there_is_io_uring);
  tcase_add_test (tcase, the_default_ring_is_asked_what_it_can_do);
  tcase_add_test (tcase, a_ring_is_restricted);
  tcase_add_test (tcase, operations_are_queued);
  tcase_add_test (tcase, operations_are_submitted_and_iterated);
  tcase_add_test (tcase, a_chain_is_queued);
  tcase_add_test (tcase, a_chain_has_a_timeout);
  tcase_add_test (tcase, more_is_queued_than_can_be_in_flight);
  tcase_add_test (tcase, the_cq_overflows);
  tcase_add_test (tcase, operations_are_cancelled);
  tcase_add_test (tcase, an_operation_is_cancelled_by_another_thread);
  tcase_add_test (tcase, a_group_receives);
  tcase_add_test (tcase, an_eventfd_is_registered);
  tcase_add_test (tcase, a_ring_is_closed);
  tcase_add_test (tcase, a_ring_is_closed_in_time);
  tcase_add_test (tcase, a_ring_is_dropped);
  tcase_add_test (tcase, the_context_ends);
  tcase_add_test (tcase, the_process_forks);
  return run_suite (suite);
}
