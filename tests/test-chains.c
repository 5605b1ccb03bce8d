/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 5: chains break only where the kernel says that they do. */

#include "config.h"

#include <fcntl.h>
#include <unistd.h>

#include "chain-support.h"

START_TEST (a_file_is_written_read_back_and_closed_in_order)
{
  struct io_uring_sqe write_sqe = { 0 }, read_sqe = { 0 }, close_sqe = { 0 };
  int fd = make_unnamed_file ("", 0);
  gchar back[7] = { 0 };
  Chain chain = { 0 };

  io_uring_prep_write (&write_sqe, fd, "chain", 6, 0);
  io_uring_prep_read (&read_sqe, fd, back, 6, 0);
  io_uring_prep_close (&close_sqe, fd);
  chain_add (&chain, &write_sqe, 0);
  chain_add (&chain, &read_sqe, 0);
  chain_add (&chain, &close_sqe, 0);
  chain_queue (&chain);
  assert_counts (0, 3);

  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 6, 6, 0 });
  assert_order (chain.ids, 3);
  ck_assert_str_eq (back, "chain");
  ck_assert_int_eq (fcntl (fd, F_GETFD), -1);
}
END_TEST

START_TEST (a_failing_member_cancels_what_is_behind_it_and_no_more)
{
  gint32 results[4];
  Chain chain = { 0 };

  for (gint i = 0; i < 4; i++)
    {
      results[i] = i < _i ? 0 : i == _i ? -EBADF : -ECANCELED;
      if (i == _i)
        chain_add_bad (&chain, 0);
      else
        chain_add_nop (&chain, 0);
    }
  chain_queue (&chain);
  chain_run (&chain);
  assert_results (&chain, results);
}
END_TEST

START_TEST (a_hard_link_goes_on_behind_a_failure)
{
  Chain chain = { 0 };

  chain_add_bad (&chain, IOSQE_IO_HARDLINK);
  chain_add_nop (&chain, IOSQE_IO_HARDLINK);
  chain_add_bad (&chain, IOSQE_IO_HARDLINK);
  chain_add_bad (&chain, IOSQE_IO_LINK);
  chain_add_nop (&chain, IOSQE_IO_HARDLINK);
  chain_add_nop (&chain, 0);
  chain_queue (&chain);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ -EBADF, 0, -EBADF, -EBADF, -ECANCELED, -ECANCELED });
}
END_TEST

/* Read more than there is, and close the file behind that. */
static void
run_short_read (guint8 link_flag, gint32 close_result)
{
  struct io_uring_sqe read_sqe = { 0 }, close_sqe = { 0 };
  int fd = make_unnamed_file ("abc", 3);
  Chain chain = { 0 };
  gchar buffer[8];

  io_uring_prep_read (&read_sqe, fd, buffer, sizeof buffer, 0);
  io_uring_prep_close (&close_sqe, fd);
  chain_add (&chain, &read_sqe, link_flag);
  chain_add (&chain, &close_sqe, 0);
  chain_queue (&chain);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 3, close_result });

  ck_assert_int_eq (close (fd), close_result == 0 ? -1 : 0);
}

START_TEST (a_short_read_breaks_a_soft_link)
{
  run_short_read (0, -ECANCELED);
}
END_TEST

START_TEST (a_short_read_does_not_break_a_hard_link)
{
  run_short_read (IOSQE_IO_HARDLINK, 0);
}
END_TEST

START_TEST (a_link_timeout_that_fires_cancels_what_it_limits)
{
  struct __kernel_timespec timespec = { .tv_nsec = 1000000 };
  Chain chain = { 0 };

  chain_add_read (&chain, 0);
  chain_add_link_timeout (&chain, &timespec, 0);
  chain_add_nop (&chain, 0);
  chain_queue (&chain);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ -ECANCELED, -ETIME, -ECANCELED });
}
END_TEST

START_TEST (a_link_timeout_that_does_not_fire_ends_with_what_it_limits)
{
  struct __kernel_timespec timespec = { .tv_sec = 1000 };
  Chain chain = { 0 };

  chain_add_read (&chain, 0);
  chain_add_link_timeout (&chain, &timespec, 0);
  chain_add_nop (&chain, 0);
  chain_queue (&chain);
  submit_ring ();
  iterate_ring (FALSE);
  assert_counts (3, 0);

  write_bytes (1);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 1, -ECANCELED, 0 });
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_file_is_written_read_back_and_closed_in_order);
  tcase_add_loop_test (tcase, a_failing_member_cancels_what_is_behind_it_and_no_more, 0, 4);
  tcase_add_test (tcase, a_hard_link_goes_on_behind_a_failure);
  tcase_add_test (tcase, a_short_read_breaks_a_soft_link);
  tcase_add_test (tcase, a_short_read_does_not_break_a_hard_link);
  tcase_add_test (tcase, a_link_timeout_that_fires_cancels_what_it_limits);
  tcase_add_test (tcase, a_link_timeout_that_does_not_fire_ends_with_what_it_limits);
}

int
main (void)
{
  Suite *suite = suite_create ("chains");

  add_tests (add_chain_case (suite, "links"));
  return run_suite (suite);
}
