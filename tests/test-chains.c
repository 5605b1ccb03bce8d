/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 5: chains stay whole, and break only where the kernel says that they do. */

#include "config.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include "support.h"

#define CHAIN_MAX 8 /* the entries of the ring */
#define N_RANDOM_CHAINS 3000

typedef struct
{
  guint n;
  GuringRequest requests[CHAIN_MAX];
  Record records[CHAIN_MAX];
  guint64 ids[CHAIN_MAX];
} Chain;

static int pipe_fds[2];
static gchar sink;           /* what is read from the pipe */
static guint64 finished[64]; /* the ids of what has ended, in that order, when not too many */
static guint n_finished;

static void
setup (void)
{
  setup_ring ();
  ck_assert_int_eq (pipe (pipe_fds), 0);
  n_finished = 0;
}

static void
teardown (void)
{
  teardown_ring ();
  close (pipe_fds[0]);
  close (pipe_fds[1]);
}

static void
record_order (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  record_completion (completed_ring, completion, data);
  if (guring_completion_is_final (completion) && n_finished < G_N_ELEMENTS (finished))
    finished[n_finished++] = completion->id;
}

static void
add (Chain *chain, const struct io_uring_sqe *sqe, guint8 flags)
{
  GuringRequest *added = &chain->requests[chain->n];

  ck_assert_uint_lt (chain->n, CHAIN_MAX);
  *added = request (sqe, &chain->records[chain->n]);
  added->func = record_order;
  added->sqe.flags |= flags;
  chain->n++;
}

static void
add_nop (Chain *chain, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  add (chain, &sqe, flags);
}

/* Fails with -EBADF, and not before it runs. */
static void
add_bad (Chain *chain, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, -1, &sink, sizeof sink, 0);
  add (chain, &sqe, flags);
}

/* Ends when something is written to the pipe. */
static void
add_pipe_read (Chain *chain, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, pipe_fds[0], &sink, sizeof sink, 0);
  add (chain, &sqe, flags);
}

static void
add_link_timeout (Chain *chain, struct __kernel_timespec *timespec, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_link_timeout (&sqe, timespec, 0);
  add (chain, &sqe, flags);
}

static void
queue_chain (Chain *chain)
{
  g_autoptr (GError) error = NULL;
  gboolean queued = guring_ring_queue_chain (ring, chain->requests, chain->n, chain->ids, &error);

  ck_assert_msg (queued, "%s", error != NULL ? error->message : "no error");
}

/* One after the other, not linked. */
static void
queue_singly (Chain *chain)
{
  for (guint i = 0; i < chain->n; i++)
    {
      GuringRequest *single = &chain->requests[i];
      g_autoptr (GError) error = NULL;

      chain->ids[i] = guring_ring_queue (ring, &single->sqe, single->func, single->user_data,
                                         single->notify, &error);
      ck_assert_msg (chain->ids[i] != 0, "%s", error != NULL ? error->message : "no error");
    }
}

static void
submit (void)
{
  g_autoptr (GError) error = NULL;

  ck_assert_int_ge (guring_ring_submit (ring, &error), 0);
  ck_assert_ptr_null (error);
}

/* What has completed by now, without waiting for more. */
static void
peek (void)
{
  g_autoptr (GError) error = NULL;

  ck_assert_int_ge (guring_ring_iterate (ring, FALSE, &error), 0);
  ck_assert_ptr_null (error);
}

static void
write_to_pipe (guint n)
{
  for (guint i = 0; i < n; i++)
    ck_assert_int_eq (write (pipe_fds[1], "x", 1), 1);
}

static guint
count_ended (const Chain *chain)
{
  guint n = 0;

  for (guint i = 0; i < chain->n; i++)
    n += chain->records[i].n_notified;
  return n;
}

#define run_chain(chain) run_until (count_ended (chain) == (chain)->n)

static void
assert_results (const Chain *chain, const gint32 *results)
{
  for (guint i = 0; i < chain->n; i++)
    {
      assert_ended (&chain->records[i]);
      ck_assert_msg (chain->records[i].res == results[i], "member %u of %u: %d and not %d", i,
                     chain->n, chain->records[i].res, results[i]);
      ck_assert_uint_eq (chain->records[i].id, chain->ids[i]);
    }
}

static void
assert_order (const guint64 *ids, guint n)
{
  ck_assert_uint_eq (n_finished, n);
  for (guint i = 0; i < n; i++)
    ck_assert_uint_eq (finished[i], ids[i]);
}

static int
make_file (void)
{
  g_autofree gchar *name = NULL;
  int fd = g_file_open_tmp ("guring-XXXXXX", &name, NULL);

  ck_assert_int_ge (fd, 0);
  unlink (name);
  return fd;
}

START_TEST (a_file_is_written_read_back_and_closed_in_order)
{
  struct io_uring_sqe write_sqe = { 0 }, read_sqe = { 0 }, close_sqe = { 0 };
  int fd = make_file ();
  gchar back[7] = { 0 };
  Chain chain = { 0 };

  io_uring_prep_write (&write_sqe, fd, "chain", 6, 0);
  io_uring_prep_read (&read_sqe, fd, back, 6, 0);
  io_uring_prep_close (&close_sqe, fd);
  add (&chain, &write_sqe, 0);
  add (&chain, &read_sqe, 0);
  add (&chain, &close_sqe, 0);
  queue_chain (&chain);
  assert_counts (0, 3);

  run_chain (&chain);
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
        add_bad (&chain, 0);
      else
        add_nop (&chain, 0);
    }
  queue_chain (&chain);
  run_chain (&chain);
  assert_results (&chain, results);
}
END_TEST

START_TEST (a_hard_link_goes_on_behind_a_failure)
{
  Chain chain = { 0 };

  add_bad (&chain, IOSQE_IO_HARDLINK);
  add_nop (&chain, IOSQE_IO_HARDLINK);
  add_bad (&chain, IOSQE_IO_HARDLINK);
  add_bad (&chain, IOSQE_IO_LINK);
  add_nop (&chain, IOSQE_IO_HARDLINK);
  add_nop (&chain, 0);
  queue_chain (&chain);
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ -EBADF, 0, -EBADF, -EBADF, -ECANCELED, -ECANCELED });
}
END_TEST

/* Read more than there is, and close the file behind that. */
static void
run_short_read (guint8 link_flag, gint32 close_result)
{
  struct io_uring_sqe read_sqe = { 0 }, close_sqe = { 0 };
  int fd = make_file ();
  Chain chain = { 0 };
  gchar buffer[8];

  ck_assert_int_eq (write (fd, "abc", 3), 3);
  io_uring_prep_read (&read_sqe, fd, buffer, sizeof buffer, 0);
  io_uring_prep_close (&close_sqe, fd);
  add (&chain, &read_sqe, link_flag);
  add (&chain, &close_sqe, 0);
  queue_chain (&chain);
  run_chain (&chain);
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

      add_bad (&chains[i], 0);
      for (guint j = 0; j < i % CHAIN_MAX; j++)
        add_nop (&chains[i], 0);
      queue_chain (&chains[i]);

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
        add_bad (chain, flags);
      else
        add_nop (chain, flags);
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
      queue_chain (&chains[i]);
      victims[i] = g_rand_int (random) & g_rand_int (random) & g_rand_int (random);
      for (guint j = 0; j < chains[i].n; j++)
        if (victims[i] >> j & 1)
          ck_assert (guring_ring_cancel (ring, chains[i].ids[j]));
    }

  for (guint i = 0; i < N_RANDOM_CHAINS; i++)
    {
      gint32 results[CHAIN_MAX];

      run_chain (&chains[i]);
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
    add_pipe_read (first, 0);
  for (guint i = 0; i < 5; i++)
    add_pipe_read (second, 0);
  queue_singly (first);
  queue_singly (second);
  submit ();
  assert_counts (12, 0);
}

START_TEST (a_chain_waits_whole_until_the_cq_has_room_and_nothing_overtakes_it)
{
  Chain first = { 0 }, second = { 0 }, chain = { 0 }, behind = { 0 };
  guint64 order[9];

  fill_cq (&first, &second);
  add_nop (&chain, 0);
  add_bad (&chain, 0);
  while (chain.n < CHAIN_MAX)
    add_nop (&chain, 0);
  queue_chain (&chain);
  add_nop (&behind, 0);
  queue_singly (&behind);
  submit ();
  assert_counts (12, 9);

  write_to_pipe (3);
  run_until (count_ended (&first) + count_ended (&second) == 3);
  submit ();
  peek ();
  assert_counts (9, 9);
  ck_assert_uint_eq (count_ended (&chain) + count_ended (&behind), 0);

  n_finished = 0;
  write_to_pipe (1);
  run_chain (&behind);
  assert_results (&chain, (gint32[]){ 0, -EBADF, -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED,
                                      -ECANCELED, -ECANCELED });
  memcpy (order, chain.ids, sizeof chain.ids);
  order[8] = behind.ids[0];
  ck_assert_uint_eq (n_finished, 10);
  ck_assert_mem_eq (&finished[1], order, sizeof order);

  write_to_pipe (8);
  run_chain (&first);
  run_chain (&second);
}
END_TEST

START_TEST (a_waiting_chain_that_is_cancelled_ends_before_there_is_room)
{
  Chain first = { 0 }, second = { 0 }, chain = { 0 };

  fill_cq (&first, &second);
  while (chain.n < CHAIN_MAX)
    add_nop (&chain, 0);
  queue_chain (&chain);
  submit ();
  assert_counts (12, 8);

  ck_assert (guring_ring_cancel (ring, chain.ids[5]));
  run_until (count_ended (&chain) == 3);
  assert_counts (12, 5);
  for (guint i = 0; i < 5; i++)
    assert_untouched (&chain.records[i]);

  ck_assert (guring_ring_cancel (ring, chain.ids[0]));
  run_chain (&chain);
  for (guint i = 0; i < CHAIN_MAX; i++)
    assert_ended_with (&chain.records[i], -ECANCELED);

  write_to_pipe (12);
  run_chain (&first);
  run_chain (&second);
}
END_TEST

/* There is room for four: three that are left of the chain, and the one behind. */
START_TEST (what_was_cancelled_takes_no_room)
{
  Chain first = { 0 }, second = { 0 }, chain = { 0 }, behind = { 0 };

  fill_cq (&first, &second);
  while (chain.n < CHAIN_MAX)
    add_nop (&chain, 0);
  queue_chain (&chain);
  add_nop (&behind, 0);
  queue_singly (&behind);
  submit ();
  assert_counts (12, 9);

  ck_assert (guring_ring_cancel (ring, chain.ids[3]));
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ 0, 0, 0, -ECANCELED, -ECANCELED, -ECANCELED, -ECANCELED,
                                      -ECANCELED });
  run_chain (&behind);
  assert_results (&behind, (gint32[]){ 0 });

  write_to_pipe (12);
  run_chain (&first);
  run_chain (&second);
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
        add_nop (&chain, 0);
      queue_chain (&chain);
      ck_assert (guring_ring_cancel (ring, chain.ids[0]));
      run_chain (&chain);
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

  add_pipe_read (&chain, 0);
  add_pipe_read (&chain, 0);
  add_nop (&chain, 0);
  queue_chain (&chain);
  submit ();
  ck_assert (guring_ring_cancel (ring, chain.ids[1]));
  peek ();
  assert_counts (3, 0);

  write_to_pipe (1);
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ 1, -ECANCELED, -ECANCELED });
}
END_TEST

START_TEST (a_link_timeout_that_fires_cancels_what_it_limits)
{
  struct __kernel_timespec timespec = { .tv_nsec = 1000000 };
  Chain chain = { 0 };

  add_pipe_read (&chain, 0);
  add_link_timeout (&chain, &timespec, 0);
  add_nop (&chain, 0);
  queue_chain (&chain);
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ -ECANCELED, -ETIME, -ECANCELED });
}
END_TEST

START_TEST (a_link_timeout_that_does_not_fire_ends_with_what_it_limits)
{
  struct __kernel_timespec timespec = { .tv_sec = 1000 };
  Chain chain = { 0 };

  add_pipe_read (&chain, 0);
  add_link_timeout (&chain, &timespec, 0);
  add_nop (&chain, 0);
  queue_chain (&chain);
  submit ();
  peek ();
  assert_counts (3, 0);

  write_to_pipe (1);
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ 1, -ECANCELED, 0 });
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
      add_nop (chain, 0);
    else
      {
        add_pipe_read (chain, chain->n + 1 < n ? cancellation->link_flag : 0);
        if (cancellation->n_timeouts > 0)
          add_link_timeout (chain, timespec, 0);
      }
}

static void
cancel_in_backlog (const Cancellation *cancellation, Chain *chain)
{
  struct __kernel_timespec timespec = { .tv_sec = 1000 };

  make_chain_with_victim (chain, cancellation, &timespec);
  queue_chain (chain);
  ck_assert (guring_ring_cancel (ring, chain->ids[cancellation->victim]));
  run_chain (chain);
}

static void
cancel_in_flight (const Cancellation *cancellation, Chain *chain)
{
  struct __kernel_timespec timespec = { .tv_sec = 1000 };

  make_chain_with_victim (chain, cancellation, &timespec);
  queue_chain (chain);
  submit ();
  run_until (count_ended (chain) == cancellation->victim);
  ck_assert (guring_ring_cancel (ring, chain->ids[cancellation->victim]));
  run_chain (chain);
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

  cancel_in_flight (&cancellation, &running);
  assert_results (&running, results);
  cancel_in_backlog (&cancellation, &waiting);
  assert_results (&waiting, results);
}
END_TEST

START_TEST (a_cancelled_link_timeout_takes_nothing_along)
{
  struct __kernel_timespec timespec = { .tv_nsec = 1 };
  Chain chain = { 0 };

  add_nop (&chain, 0);
  add_pipe_read (&chain, 0);
  add_link_timeout (&chain, &timespec, 0);
  add_nop (&chain, 0);
  queue_chain (&chain);
  ck_assert (guring_ring_cancel (ring, chain.ids[2]));
  run_until (count_ended (&chain) == 2);
  assert_ended_with (&chain.records[0], 0);
  assert_ended_with (&chain.records[2], -ECANCELED);

  write_to_pipe (1);
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ 0, 1, -ECANCELED, 0 });
}
END_TEST

/* A read that waits in the kernel; one that drains, and one behind that, in the backlog. */
static void
queue_drain (Chain *chain)
{
  add_pipe_read (chain, 0);
  add_nop (chain, IOSQE_IO_DRAIN);
  add_nop (chain, 0);
  queue_singly (chain);
  submit ();
  peek ();
  assert_counts (1, 2);
}

START_TEST (a_drain_waits_for_all_before_it_and_all_behind_for_the_drain)
{
  Chain chain = { 0 };

  queue_drain (&chain);
  write_to_pipe (1);
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ 1, 0, 0 });
  assert_order (chain.ids, 3);
}
END_TEST

START_TEST (what_a_drain_waits_for_can_be_cancelled)
{
  Chain chain = { 0 };

  queue_drain (&chain);
  ck_assert (guring_ring_cancel (ring, chain.ids[0]));
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ -ECANCELED, 0, 0 });
}
END_TEST

START_TEST (a_drain_that_is_cancelled_holds_nothing_back)
{
  Chain chain = { 0 };

  queue_drain (&chain);
  ck_assert (guring_ring_cancel (ring, chain.ids[1]));
  run_until (count_ended (&chain) == 2);
  assert_counts (1, 0);
  write_to_pipe (1);
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ 1, -ECANCELED, 0 });
}
END_TEST

START_TEST (what_is_left_of_a_chain_drains_as_its_cancelled_head_would)
{
  Chain chain = { 0 }, drain = { 0 };

  add_pipe_read (&chain, 0);
  queue_singly (&chain);
  submit ();
  add_nop (&drain, IOSQE_IO_DRAIN | IOSQE_IO_HARDLINK);
  add_nop (&drain, 0);
  queue_chain (&drain);
  ck_assert (guring_ring_cancel (ring, drain.ids[0]));
  run_until (count_ended (&drain) == 1);
  peek ();
  assert_counts (1, 1);

  write_to_pipe (1);
  run_chain (&chain);
  run_chain (&drain);
  assert_results (&drain, (gint32[]){ -ECANCELED, 0 });
}
END_TEST

START_TEST (what_waits_for_a_drain_can_be_cancelled)
{
  Chain chain = { 0 };

  add_pipe_read (&chain, 0);
  add_nop (&chain, IOSQE_IO_DRAIN);
  add_pipe_read (&chain, 0);
  queue_singly (&chain);
  submit ();
  ck_assert (guring_ring_cancel (ring, chain.ids[2]));
  run_until (count_ended (&chain) == 1);
  assert_counts (1, 1);

  write_to_pipe (1);
  run_chain (&chain);
  assert_results (&chain, (gint32[]){ 1, 0, -ECANCELED });
}
END_TEST

START_TEST (closing_ends_drains_behind_drains)
{
  g_autoptr (GError) error = NULL;
  Chain chain = { 0 };

  for (guint i = 0; i < 4; i++)
    {
      add_pipe_read (&chain, 0);
      add_nop (&chain, IOSQE_IO_DRAIN);
    }
  queue_singly (&chain);
  submit ();
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
  add_pipe_read (&chain, IOSQE_IO_HARDLINK);
  add_link_timeout (&chain, &timespec, 0);
  add_pipe_read (&chain, 0);
  queue_chain (&chain);
  submit ();
  assert_counts (1, 5);

  g_clear_object (&ring);
  for (guint i = 0; i < 3; i++)
    {
      assert_ended (&drain.records[i]);
      assert_ended_with (&chain.records[i], -ECANCELED);
    }
}
END_TEST

static TCase *
add_pipe_case (Suite *suite, const gchar *name)
{
  TCase *tcase = add_case (suite, name);

  tcase_add_checked_fixture (tcase, setup, teardown);
  return tcase;
}

static void
add_waiting_tests (Suite *suite)
{
  TCase *tcase = add_pipe_case (suite, "waiting");

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

static void
add_drain_tests (Suite *suite)
{
  TCase *tcase = add_pipe_case (suite, "drain");

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
  Suite *suite = suite_create ("chains");
  TCase *tcase = add_pipe_case (suite, "links");

  tcase_add_test (tcase, a_file_is_written_read_back_and_closed_in_order);
  tcase_add_loop_test (tcase, a_failing_member_cancels_what_is_behind_it_and_no_more, 0, 4);
  tcase_add_test (tcase, a_hard_link_goes_on_behind_a_failure);
  tcase_add_test (tcase, a_short_read_breaks_a_soft_link);
  tcase_add_test (tcase, a_short_read_does_not_break_a_hard_link);
  tcase_add_test (tcase, a_link_timeout_that_fires_cancels_what_it_limits);
  tcase_add_test (tcase, a_link_timeout_that_does_not_fire_ends_with_what_it_limits);
  add_waiting_tests (suite);
  add_drain_tests (suite);
  return run_suite (suite);
}
