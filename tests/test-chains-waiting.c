/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 5: chains stay whole in the backlog, where cancelling does what it would do in the
 * kernel. */

#include "config.h"

#include <malloc.h>
#include <string.h>

#include "chain-support.h"

#define N_RANDOM_CHAINS 3000

/* All behind the failing heads must be cancelled: what was cut off would run. */
START_TEST (chains_of_a_batch_that_is_longer_than_the_ring_stay_whole)
{
  static const gint32 results[CHAIN_MAX] = { -EBADF,     -ECANCELED, -ECANCELED, -ECANCELED,
                                             -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED };
  Chain chains[60] = { 0 };
  Record singles[G_N_ELEMENTS (chains)] = { 0 };
  GuringStatistics statistics;

  for (guint i = 0; i < G_N_ELEMENTS (chains); i++)
    {
      struct io_uring_sqe nop = { 0 };

      chain_add_bad (&chains[i], 0);
      for (guint j = 0; j < i % CHAIN_MAX; j++)
        chain_add_nop (&chains[i], 0);
      chain_queue (&chains[i]);

      io_uring_prep_nop (&nop);
      if (i % 3 != 0)
        queue (&nop, &singles[i]);
    }

  guring_ring_get_statistics (ring, &statistics);
  run_until ((guring_ring_get_statistics (ring, &statistics), statistics.backlog == 0) &&
             statistics.in_flight == 0);
  for (guint i = 0; i < G_N_ELEMENTS (chains); i++)
    {
      assert_results (&chains[i], results);
      if (i % 3 != 0)
        assert_ended_with (&singles[i], 0);
    }
}
END_TEST

/* The kernel runs a member, or cancels it when one before it failed with a soft link. One that is
 * cancelled while it waits is as one that fails with -ECANCELED. */
static void
predict (const Chain *chain, guint victims, gint32 *results)
{
  gboolean broken = FALSE;

  for (guint i = 0; i < chain->n; i++)
    {
      gint32 own = chain->requests[i].sqe.opcode == IORING_OP_NOP ? 0 : -EBADF;

      results[i] = broken || (victims >> i & 1) ? -ECANCELED : own;
      broken |= results[i] != 0 && !(chain->requests[i].sqe.flags & IOSQE_IO_HARDLINK);
    }
}

static void
make_random_chain (Chain *chain, GRand *random)
{
  gint n = g_rand_int_range (random, 1, CHAIN_MAX + 1);

  for (gint i = 0; i < n; i++)
    {
      guint8 flags = i + 1 < n && g_rand_boolean (random) ? IOSQE_IO_HARDLINK : 0;

      if (g_rand_int_range (random, 0, 4) == 0)
        chain_add_bad (chain, flags);
      else
        chain_add_nop (chain, flags);
    }
}

START_TEST (random_chains_with_random_cancellations_end_as_the_kernel_would_have_it)
{
  GRand *random = g_rand_new_with_seed (20);
  Chain *chains = g_new0 (Chain, N_RANDOM_CHAINS);
  guint victims[N_RANDOM_CHAINS];

  for (guint i = 0; i < N_RANDOM_CHAINS; i++)
    {
      make_random_chain (&chains[i], random);
      chain_queue (&chains[i]);
      victims[i] = g_rand_int (random) & g_rand_int (random) & g_rand_int (random);
      for (guint j = 0; j < chains[i].n; j++)
        if (victims[i] >> j & 1)
          ck_assert (guring_ring_cancel (ring, chains[i].ids[j]));
    }

  for (guint i = 0; i < N_RANDOM_CHAINS; i++)
    {
      gint32 results[CHAIN_MAX];

      chain_run (&chains[i]);
      predict (&chains[i], victims[i], results);
      assert_results (&chains[i], results);
    }
  g_rand_free (random);
  g_free (chains);
}
END_TEST

/* The first 7 and 5 more: these take the CQ entries that a chain of 8 would need. */
static void
fill_cq (Chain *first, Chain *second)
{
  for (guint i = 0; i < 7; i++)
    chain_add_read (first, 0);
  for (guint i = 0; i < 5; i++)
    chain_add_read (second, 0);
  chain_queue_singly (first);
  chain_queue_singly (second);
  submit_ring ();
  assert_counts (12, 0);
}

START_TEST (a_chain_waits_whole_until_the_cq_has_room_and_nothing_overtakes_it)
{
  Chain first = { 0 }, second = { 0 }, chain = { 0 }, behind = { 0 };
  guint64 order[9];

  fill_cq (&first, &second);
  chain_add_nop (&chain, 0);
  chain_add_bad (&chain, 0);
  while (chain.n < CHAIN_MAX)
    chain_add_nop (&chain, 0);
  chain_queue (&chain);
  chain_add_nop (&behind, 0);
  chain_queue_singly (&behind);
  submit_ring ();
  assert_counts (12, 9);

  write_bytes (3);
  run_until (chain_count_ended (&first) + chain_count_ended (&second) == 3);
  submit_ring ();
  iterate_ring (FALSE);
  assert_counts (9, 9);
  ck_assert_uint_eq (chain_count_ended (&chain) + chain_count_ended (&behind), 0);

  n_finished = 0;
  write_bytes (1);
  chain_run (&behind);
  assert_results (&chain, (gint32[]){ 0, -EBADF, -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED,
                                      -ECANCELED, -ECANCELED });
  memcpy (order, chain.ids, sizeof chain.ids);
  order[8] = behind.ids[0];
  ck_assert_uint_eq (n_finished, 10);
  ck_assert_mem_eq (&finished[1], order, sizeof order);

  write_bytes (8);
  chain_run (&first);
  chain_run (&second);
}
END_TEST

START_TEST (a_waiting_chain_that_is_cancelled_ends_before_there_is_room)
{
  Chain first = { 0 }, second = { 0 }, chain = { 0 };

  fill_cq (&first, &second);
  while (chain.n < CHAIN_MAX)
    chain_add_nop (&chain, 0);
  chain_queue (&chain);
  submit_ring ();
  assert_counts (12, 8);

  ck_assert (guring_ring_cancel (ring, chain.ids[5]));
  run_until (chain_count_ended (&chain) == 3);
  assert_counts (12, 5);
  for (guint i = 0; i < 5; i++)
    assert_untouched (&chain.records[i]);

  ck_assert (guring_ring_cancel (ring, chain.ids[0]));
  chain_run (&chain);
  for (guint i = 0; i < CHAIN_MAX; i++)
    assert_ended_with (&chain.records[i], -ECANCELED);

  write_bytes (12);
  chain_run (&first);
  chain_run (&second);
}
END_TEST

/* There is room for four: three that are left of the chain, and the one behind. */
START_TEST (what_was_cancelled_takes_no_room)
{
  Chain first = { 0 }, second = { 0 }, chain = { 0 }, behind = { 0 };

  fill_cq (&first, &second);
  while (chain.n < CHAIN_MAX)
    chain_add_nop (&chain, 0);
  chain_queue (&chain);
  chain_add_nop (&behind, 0);
  chain_queue_singly (&behind);
  submit_ring ();
  assert_counts (12, 9);

  ck_assert (guring_ring_cancel (ring, chain.ids[3]));
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 0, 0, 0, -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED,
                                      -ECANCELED });
  chain_run (&behind);
  assert_results (&behind, (gint32[]){ 0 });

  write_bytes (12);
  chain_run (&first);
  chain_run (&second);
}
END_TEST

static gsize
get_allocated (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

START_TEST (chains_that_are_cancelled_for_ever_fill_no_memory)
{
  gsize before = 0;

  for (guint i = 0; i < 10000; i++)
    {
      Chain chain = { 0 };

      while (chain.n < CHAIN_MAX)
        chain_add_nop (&chain, 0);
      chain_queue (&chain);
      ck_assert (guring_ring_cancel (ring, chain.ids[0]));
      chain_run (&chain);
      ck_assert_int_eq (chain.records[0].res, -ECANCELED);
      if (i == 100)
        before = get_allocated ();
    }
  ck_assert_uint_lt (get_allocated (), before + 100000);
}
END_TEST

/* The kernel does not find it then: the library must ask again. */
START_TEST (a_member_that_has_not_started_is_cancelled_when_it_does)
{
  Chain chain = { 0 };

  chain_add_read (&chain, 0);
  chain_add_read (&chain, 0);
  chain_add_nop (&chain, 0);
  chain_queue (&chain);
  submit_ring ();
  ck_assert (guring_ring_cancel (ring, chain.ids[1]));
  iterate_ring (FALSE);
  assert_counts (3, 0);

  write_bytes (1);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 1, -ECANCELED, -ECANCELED });
}
END_TEST

/* How a chain is made of three nops and a read of the pipe, which is cancelled. */
typedef struct
{
  guint victim;
  guint8 link_flag; /* of the victim */
  guint n_timeouts; /* behind the victim */
} Cancellation;

static void
make_chain_with_victim (Chain *chain,
                        const Cancellation *cancellation,
                        struct __kernel_timespec *timespec)
{
  guint n = 4 + cancellation->n_timeouts;

  while (chain->n < n)
    if (chain->n != cancellation->victim)
      chain_add_nop (chain, 0);
    else
      {
        chain_add_read (chain, chain->n + 1 < n ? cancellation->link_flag : 0);
        if (cancellation->n_timeouts > 0)
          chain_add_link_timeout (chain, timespec, 0);
      }
}

static void
run_cancelled (const Cancellation *cancellation, gboolean in_flight, Chain *chain)
{
  struct __kernel_timespec timespec = { .tv_sec = 1000 };

  make_chain_with_victim (chain, cancellation, &timespec);
  chain_queue (chain);
  if (in_flight)
    {
      submit_ring ();
      run_until (chain_count_ended (chain) == cancellation->victim);
    }
  ck_assert (guring_ring_cancel (ring, chain->ids[cancellation->victim]));
  chain_run (chain);
}

START_TEST (a_cancelled_member_ends_in_the_backlog_as_it_does_in_the_kernel)
{
  const Cancellation cancellation = { (guint) _i % 4, _i & 4 ? IOSQE_IO_HARDLINK : 0, _i >= 8 };
  guint last_to_end = cancellation.victim + cancellation.n_timeouts;
  Chain waiting = { 0 }, running = { 0 };
  gint32 results[5] = { 0 };

  for (guint i = cancellation.victim; i < G_N_ELEMENTS (results); i++)
    if (i <= last_to_end || cancellation.link_flag == 0)
      results[i] = -ECANCELED;

  run_cancelled (&cancellation, TRUE, &running);
  assert_results (&running, results);
  run_cancelled (&cancellation, FALSE, &waiting);
  assert_results (&waiting, results);
}
END_TEST

START_TEST (a_cancelled_link_timeout_takes_nothing_along)
{
  struct __kernel_timespec timespec = { .tv_nsec = 1 };
  Chain chain = { 0 };

  chain_add_nop (&chain, 0);
  chain_add_read (&chain, 0);
  chain_add_link_timeout (&chain, &timespec, 0);
  chain_add_nop (&chain, 0);
  chain_queue (&chain);
  ck_assert (guring_ring_cancel (ring, chain.ids[2]));
  run_until (chain_count_ended (&chain) == 2);
  assert_ended_with (&chain.records[0], 0);
  assert_ended_with (&chain.records[2], -ECANCELED);

  write_bytes (1);
  chain_run (&chain);
  assert_results (&chain, (gint32[]){ 0, 1, -ECANCELED, 0 });
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, chains_of_a_batch_that_is_longer_than_the_ring_stay_whole);
  tcase_add_test (tcase, random_chains_with_random_cancellations_end_as_the_kernel_would_have_it);
  tcase_add_test (tcase, a_chain_waits_whole_until_the_cq_has_room_and_nothing_overtakes_it);
  tcase_add_test (tcase, a_waiting_chain_that_is_cancelled_ends_before_there_is_room);
  tcase_add_test (tcase, what_was_cancelled_takes_no_room);
  tcase_add_test (tcase, chains_that_are_cancelled_for_ever_fill_no_memory);
  tcase_add_test (tcase, a_member_that_has_not_started_is_cancelled_when_it_does);
  tcase_add_loop_test (tcase, a_cancelled_member_ends_in_the_backlog_as_it_does_in_the_kernel, 0,
                       16);
  tcase_add_test (tcase, a_cancelled_link_timeout_takes_nothing_along);
}

int
main (void)
{
  Suite *suite = suite_create ("chains-waiting");

  add_tests (add_chain_case (suite, "waiting"));
  return run_suite (suite);
}
