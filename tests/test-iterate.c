/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* guring_ring_iterate(), without a main loop. */

#include "config.h"

#include <poll.h>

#include "support.h"

static gchar byte;

START_TEST (iterate_returns_at_once_with_nothing_to_wait_for)
{
  ck_assert_int_eq (iterate_ring (FALSE), 0);
  ck_assert_int_eq (iterate_ring (TRUE), 0);
}
END_TEST

START_TEST (iterate_counts_completions_that_are_not_final)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  guint64 id;

  io_uring_prep_poll_multishot (&sqe, ends[0], POLLIN);
  id = queue (&sqe, &record);
  assert_submits (1);

  for (guint i = 1; i <= 3; i++)
    {
      write_byte (ends[1]);
      ck_assert_int_eq (iterate_ring (TRUE), 1);
      ck_assert_uint_eq (record.n_more, i);
    }

  ck_assert (guring_ring_cancel (ring, id));
  ck_assert_int_eq (iterate_ring (TRUE), 1);
  assert_ended_with (&record, -ECANCELED);
}
END_TEST

START_TEST (iterate_keeps_to_the_budget)
{
  Record records[8] = { 0 };
  guint budget;

  g_object_set (ring, "dispatch-budget", 3, NULL);
  g_object_get (ring, "dispatch-budget", &budget, NULL);
  ck_assert_uint_eq (budget, 3);

  for (guint i = 0; i < 8; i++)
    queue_nop (&records[i]);
  assert_submits (8);
  ck_assert_int_eq (iterate_ring (FALSE), 3);
  ck_assert_int_eq (iterate_ring (TRUE), 3);
  ck_assert_int_eq (iterate_ring (FALSE), 2);
  for (guint i = 0; i < 8; i++)
    assert_ended_with (&records[i], 0);
}
END_TEST

START_TEST (iterate_makes_no_system_call_when_nothing_is_ready)
{
  GuringStatistics before, after;
  Record record = { 0 };

  queue_read_byte (ends[0], &byte, &record);
  assert_submits (1);
  ck_assert_int_eq (iterate_ring (FALSE), 0);
  guring_ring_get_statistics (ring, &before);
  for (guint i = 0; i < 100; i++)
    ck_assert_int_eq (iterate_ring (FALSE), 0);
  guring_ring_get_statistics (ring, &after);
  ck_assert_uint_eq (after.enter_calls, before.enter_calls);

  write_byte (ends[1]);
  ck_assert_int_eq (iterate_ring (TRUE), 1);
  assert_ended_with (&record, 1);
}
END_TEST

START_TEST (completion_wakes_a_blocking_iterate)
{
  for (guint i = 0; i < 20; i++)
    {
      Record record = { 0 };
      GThread *thread;

      queue_read_byte (ends[0], &byte, &record);
      thread = write_byte_while_asleep (ends[1]);
      ck_assert_int_eq (iterate_ring (TRUE), 1);
      assert_ended_with (&record, 1);
      g_thread_join (thread);
    }
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, iterate_returns_at_once_with_nothing_to_wait_for);
  tcase_add_test (tcase, iterate_counts_completions_that_are_not_final);
  tcase_add_test (tcase, iterate_keeps_to_the_budget);
  tcase_add_test (tcase, iterate_makes_no_system_call_when_nothing_is_ready);
  tcase_add_test (tcase, completion_wakes_a_blocking_iterate);
}

int
main (void)
{
  Suite *suite = suite_create ("iterate");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
  add_tests (tcase);
  return run_suite (suite);
}
