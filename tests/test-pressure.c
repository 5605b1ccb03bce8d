/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 4: nothing is lost under pressure. */

#include "config.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <unistd.h>

#include "support.h"

#define N_OPERATIONS 10000
#define CQ_ENTRIES 16 /* of the fixture's ring */

static GArray *results; /* of the operations of a test, in the order of their completions */
static guint n_in_order;
static guint n_notified;

static void
count_completion (GuringRing *completed, const GuringCompletion *completion, gpointer index)
{
  ck_assert (guring_completion_is_final (completion));
  if (GPOINTER_TO_UINT (index) == n_in_order)
    n_in_order++;
  g_array_append_vals (results, &completion->res, 1);
}

static void
count_notify (gpointer index)
{
  n_notified++;
}

static void
setup (void)
{
  setup_ring ();
  results = g_array_new (FALSE, FALSE, sizeof (gint32));
}

static void
teardown (void)
{
  g_array_unref (results);
  teardown_ring ();
}

static void
queue_counted (const struct io_uring_sqe *sqe, guint index)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (guring_ring_queue (ring, sqe, count_completion, GUINT_TO_POINTER (index),
                                    count_notify, &error) != 0,
                 "%s", error != NULL ? error->message : "");
}

static void
assert_all (gint32 res)
{
  ck_assert_uint_eq (results->len, N_OPERATIONS);
  ck_assert_uint_eq (n_notified, N_OPERATIONS);
  for (guint i = 0; i < results->len; i++)
    ck_assert_int_eq (g_array_index (results, gint32, i), res);
  assert_counts (0, 0);
}

START_TEST (ten_thousand_operations_pass_through_eight_entries_in_order)
{
  for (guint i = 0; i < N_OPERATIONS; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_nop (&sqe);
      queue_counted (&sqe, i);
    }
  assert_counts (0, N_OPERATIONS);

  run_until (results->len == N_OPERATIONS);
  assert_all (0);
  ck_assert_uint_eq (n_in_order, N_OPERATIONS);
}
END_TEST

START_TEST (as_many_are_in_flight_as_the_cq_has_entries)
{
  static guint8 bytes[N_OPERATIONS];
  int fds[2];

  ck_assert (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  for (guint i = 0; i < N_OPERATIONS; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_read (&sqe, fds[0], &bytes[i], 1, 0);
      queue_counted (&sqe, i);
    }

  ck_assert_int_eq (guring_ring_submit (ring, NULL), CQ_ENTRIES);
  assert_counts (CQ_ENTRIES, N_OPERATIONS - CQ_ENTRIES);

  ck_assert_int_eq (write (fds[1], bytes, N_OPERATIONS), N_OPERATIONS);
  run_until (results->len == N_OPERATIONS);
  assert_all (1);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

START_TEST (ten_thousand_waiting_operations_can_be_cancelled)
{
  static guint8 bytes[N_OPERATIONS];
  g_autofree guint64 *ids = g_new (guint64, N_OPERATIONS);
  int fds[2];

  ck_assert (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  for (guint i = 0; i < N_OPERATIONS; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_read (&sqe, fds[0], &bytes[i], 1, 0);
      ids[i] = guring_ring_queue (ring, &sqe, count_completion, NULL, count_notify, NULL);
    }
  guring_ring_submit (ring, NULL);

  for (guint i = 0; i < N_OPERATIONS; i++)
    ck_assert (guring_ring_cancel (ring, ids[i]));
  run_until (results->len == N_OPERATIONS);
  assert_all (-ECANCELED);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

/* The CQEs of the cancellations come on top of those of the cancelled. */
START_TEST (an_overflowing_cq_loses_nothing_and_does_not_stall)
{
  guint64 ids[CQ_ENTRIES];
  guint8 byte;
  GuringStatistics statistics;
  int fds[2];

  ck_assert (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  for (guint i = 0; i < CQ_ENTRIES; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_read (&sqe, fds[0], &byte, 1, 0);
      ids[i] = guring_ring_queue (ring, &sqe, count_completion, NULL, count_notify, NULL);
    }
  guring_ring_submit (ring, NULL);
  for (guint i = 0; i < CQ_ENTRIES; i++)
    ck_assert (guring_ring_cancel (ring, ids[i]));

  run_until (results->len == CQ_ENTRIES);
  ck_assert_uint_eq (n_notified, CQ_ENTRIES);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_gt (statistics.cq_overflows, 0);
  ck_assert_uint_eq (statistics.unknown_completions, 0);
  assert_counts (0, 0);

  /* and the loop can sleep again */
  ck_assert (!g_main_context_pending (context));
  close (fds[0]);
  close (fds[1]);
}
END_TEST

START_TEST (submissions_are_batched)
{
  GuringStatistics statistics;

  for (guint i = 0; i < N_OPERATIONS; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_nop (&sqe);
      queue_counted (&sqe, i);
      if (i % CQ_ENTRIES == 0)
        run_until (results->len == i + 1);
    }
  run_until (results->len == N_OPERATIONS);
  assert_all (0);

  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.submitted, N_OPERATIONS);
  ck_assert_uint_lt (statistics.enter_calls, N_OPERATIONS / 2);
}
END_TEST

START_TEST (room_is_what_the_cq_has_left)
{
  ck_assert_uint_eq (guring_ring_get_room (ring), CQ_ENTRIES);
  for (guint i = 0; i < CQ_ENTRIES + 3; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      ck_assert_uint_eq (guring_ring_get_room (ring), i < CQ_ENTRIES ? CQ_ENTRIES - i : 0);
      io_uring_prep_nop (&sqe);
      queue_counted (&sqe, i);
    }
  run_until (results->len == CQ_ENTRIES + 3);
  ck_assert_uint_eq (guring_ring_get_room (ring), CQ_ENTRIES);

  ck_assert (guring_ring_close (ring, -1, NULL));
  ck_assert_uint_eq (guring_ring_get_room (ring), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("pressure");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, ten_thousand_operations_pass_through_eight_entries_in_order);
  tcase_add_test (tcase, as_many_are_in_flight_as_the_cq_has_entries);
  tcase_add_test (tcase, ten_thousand_waiting_operations_can_be_cancelled);
  tcase_add_test (tcase, an_overflowing_cq_loses_nothing_and_does_not_stall);
  tcase_add_test (tcase, submissions_are_batched);
  tcase_add_test (tcase, room_is_what_the_cq_has_left);
  return run_suite (suite);
}
