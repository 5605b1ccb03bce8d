/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* IOSQE_IO_DRAIN: a drain waits for all before it, and all behind it for the drain. */

#include "config.h"

#include "chain-support.h"

/* A read that waits in the kernel; one that drains, and one behind that, in the backlog. */
static void
queue_drain (Chain *chain)
{
  chain_add_read (chain, 0);
  chain_add_nop (chain, IOSQE_IO_DRAIN);
  chain_add_nop (chain, 0);
  chain_queue_singly (chain);
  submit_ring ();
  iterate_ring (FALSE);
  assert_counts (1, 2);
}

START_TEST (a_drain_waits_for_all_before_it_and_all_behind_for_the_drain)
{
  Chain chain = { 0 };

  queue_drain (&chain);
  write_bytes (1);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 1, 0, 0 });
  assert_order (chain.ids, 3);
}
END_TEST

START_TEST (what_a_drain_waits_for_can_be_cancelled)
{
  Chain chain = { 0 };

  queue_drain (&chain);
  ck_assert (guring_ring_cancel (ring, chain.ids[0]));
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ -ECANCELED, 0, 0 });
}
END_TEST

START_TEST (a_drain_that_is_cancelled_holds_nothing_back)
{
  Chain chain = { 0 };

  queue_drain (&chain);
  ck_assert (guring_ring_cancel (ring, chain.ids[1]));
  run_until (chain_count_ended (&chain) == 2);
  assert_counts (1, 0);
  write_bytes (1);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 1, -ECANCELED, 0 });
}
END_TEST

START_TEST (what_is_left_of_a_chain_drains_as_its_cancelled_head_would)
{
  Chain chain = { 0 }, drain = { 0 };

  chain_add_read (&chain, 0);
  chain_queue_singly (&chain);
  submit_ring ();
  chain_add_nop (&drain, IOSQE_IO_DRAIN | IOSQE_IO_HARDLINK);
  chain_add_nop (&drain, 0);
  chain_queue (&drain);
  ck_assert (guring_ring_cancel (ring, drain.ids[0]));
  run_until (chain_count_ended (&drain) == 1);
  iterate_ring (FALSE);
  assert_counts (1, 1);

  write_bytes (1);
  chain_run (&chain);
  chain_run (&drain);
  assert_results (&drain, (gint32[]){ -ECANCELED, 0 });
}
END_TEST

START_TEST (what_waits_for_a_drain_can_be_cancelled)
{
  Chain chain = { 0 };

  chain_add_read (&chain, 0);
  chain_add_nop (&chain, IOSQE_IO_DRAIN);
  chain_add_read (&chain, 0);
  chain_queue_singly (&chain);
  submit_ring ();
  ck_assert (guring_ring_cancel (ring, chain.ids[2]));
  run_until (chain_count_ended (&chain) == 1);
  assert_counts (1, 1);

  write_bytes (1);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 1, 0, -ECANCELED });
}
END_TEST

START_TEST (closing_ends_drains_behind_drains)
{
  g_autoptr (GError) error = NULL;
  Chain chain = { 0 };

  for (guint i = 0; i < 4; i++)
    {
      chain_add_read (&chain, 0);
      chain_add_nop (&chain, IOSQE_IO_DRAIN);
    }
  chain_queue_singly (&chain);
  submit_ring ();
  assert_counts (1, 7);

  ck_assert (guring_ring_close (ring, -1, &error));
  ck_assert_ptr_null (error);
  for (guint i = 0; i < chain.n; i++)
    {
      assert_ended (&chain.records[i]);
      if (i % 2 == 0)
        ck_assert_int_eq (chain.records[i].res, -ECANCELED);
    }
}
END_TEST

START_TEST (dropping_the_ring_ends_a_chain_behind_a_drain)
{
  struct __kernel_timespec timespec = { .tv_sec = 1000 };
  Chain drain = { 0 }, chain = { 0 };

  queue_drain (&drain);
  chain_add_read (&chain, IOSQE_IO_HARDLINK);
  chain_add_link_timeout (&chain, &timespec, 0);
  chain_add_read (&chain, 0);
  chain_queue (&chain);
  submit_ring ();
  assert_counts (1, 5);

  g_clear_object (&ring);
  for (guint i = 0; i < 3; i++)
    {
      assert_ended (&drain.records[i]);
      assert_ended_with (&chain.records[i], -ECANCELED);
    }
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_drain_waits_for_all_before_it_and_all_behind_for_the_drain);
  tcase_add_test (tcase, what_a_drain_waits_for_can_be_cancelled);
  tcase_add_test (tcase, a_drain_that_is_cancelled_holds_nothing_back);
  tcase_add_test (tcase, what_is_left_of_a_chain_drains_as_its_cancelled_head_would);
  tcase_add_test (tcase, what_waits_for_a_drain_can_be_cancelled);
  tcase_add_test (tcase, closing_ends_drains_behind_drains);
  tcase_add_test (tcase, dropping_the_ring_ends_a_chain_behind_a_drain);
}

int
main (void)
{
  Suite *suite = suite_create ("drain");

  add_tests (add_chain_case (suite, "drain"));
  return run_suite (suite);
}
