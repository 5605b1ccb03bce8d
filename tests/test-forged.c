/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 3: completions that nobody asked for are counted and ignored. */

#include "config.h"

#include <unistd.h>

#include "support.h"

#define CQ_ENTRIES 16

static guint64
count_unknown (void)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  return statistics.unknown_completions;
}

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
  struct io_uring forger;
  Record record = { 0 };
  guint64 id;

  ck_assert_int_eq (io_uring_queue_init (1, &forger, 0), 0);
  id = queue_nop (&record);
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
  ck_assert_int_eq (run_operation (&sqe), 0);
  run_until (count_unknown () == 1);
}
END_TEST

START_TEST (the_forged_completion_of_what_the_kernel_has_not_seen_is_ignored)
{
  Record reads[CQ_ENTRIES] = { 0 };
  struct io_uring forger;
  Record record = { 0 };
  gchar buffer[CQ_ENTRIES] = { 0 };

  ck_assert_int_eq (io_uring_queue_init (1, &forger, 0), 0);
  for (guint i = 0; i < CQ_ENTRIES; i++)
    queue_read_byte (ends[0], &buffer[i], &reads[i]);
  forge (&forger, queue_nop (&record));
  submit_ring ();
  run_until (count_unknown () == 1);
  assert_untouched (&record);
  assert_counts (CQ_ENTRIES, 1);

  ck_assert_int_eq (write (ends[1], buffer, sizeof buffer), sizeof buffer);
  run_until (record.n_notified > 0);
  assert_ended_with (&record, 0);
  for (guint i = 0; i < CQ_ENTRIES; i++)
    run_until (reads[i].n_notified > 0);
  io_uring_queue_exit (&forger);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_forged_completion_is_counted_and_ignored);
  tcase_add_test (tcase, a_ring_may_forge_to_itself);
  tcase_add_test (tcase, the_forged_completion_of_what_the_kernel_has_not_seen_is_ignored);
}

int
main (void)
{
  Suite *suite = suite_create ("forged");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
  add_tests (tcase);
  return run_suite (suite);
}
