/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 1: an accepted operation ends exactly once; a refused one leaves no trace. */

#include "config.h"

#include "support.h"

START_TEST (nop_completes_in_the_loop)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  guint64 id;

  io_uring_prep_nop (&sqe);
  id = queue (&sqe, &record);
  assert_untouched (&record);
  assert_counts (0, 1);

  run_until (record.n_final > 0);
  assert_ended_with (&record, 0);
  ck_assert_uint_eq (record.id, id);
  assert_counts (0, 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("operations");
  TCase *tcase = add_ring_case (suite, "ring");

  tcase_add_test (tcase, nop_completes_in_the_loop);
  return run_suite (suite);
}
