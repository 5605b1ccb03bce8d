/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 1: an accepted operation ends exactly once; a refused one leaves no trace. */

#include "config.h"

#include <errno.h>

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

/* ERESTARTSYS, which a worker of the kernel may answer with when it is told to stop. */
START_TEST (a_result_that_is_not_for_user_space_is_translated)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  sqe.opcode = IORING_OP_NOP;
  sqe.rw_flags = 1; /* IORING_NOP_INJECT_RESULT of newer headers (Linux 6.10) */
  sqe.len = (guint32) -512;
  queue (&sqe, &record);
  run_until (record.n_final > 0);
  if (!skip_if (record.res == 0 || record.res == -EINVAL, "IORING_NOP_INJECT_RESULT"))
    assert_ended_with (&record, -EINTR);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("operations");
  TCase *tcase = add_ring_case (suite, "ring");

  tcase_add_test (tcase, nop_completes_in_the_loop);
  tcase_add_test (tcase, a_result_that_is_not_for_user_space_is_translated);
  return run_suite (suite);
}
