/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 8: a cancelled operation ends exactly once, with -ECANCELED or with its own result, and
 * needs no other event for that. */

#include "config.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "waiting-support.h"

#define CQ_ENTRIES 16
#define N_THREADS 3
#define N_MASSES 3000

static guint64
get_n_cancels (void)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  return statistics.cancels;
}

/* Before the kernel knows of it */

static guint64
queue_write_byte (Record *record)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_write (&sqe, ends[1], "x", 1, 0);
  return queue (&sqe, record);
}

static int
count_bytes (void)
{
  int n_bytes = -1;

  ck_assert_int_eq (ioctl (ends[0], FIONREAD, &n_bytes), 0);
  return n_bytes;
}

START_TEST (cancelled_before_submission_is_never_done)
{
  Record record = { 0 };
  GuringStatistics statistics;
  guint64 id = queue_write_byte (&record);

  ck_assert (guring_ring_cancel (ring, id));
  assert_untouched (&record);

  run_until (record.n_final > 0);
  assert_ended_with (&record, -ECANCELED);
  ck_assert_uint_eq (record.id, id);
  ck_assert_int_eq (count_bytes (), 0);

  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.submitted, 0);
  ck_assert_uint_eq (statistics.cancels, 1);
}
END_TEST

START_TEST (cancelled_before_submission_ends_in_a_blocking_iterate)
{
  Record record = { 0 };

  ck_assert (guring_ring_cancel (ring, queue_write_byte (&record)));
  ck_assert_int_eq (iterate_ring (TRUE), 1);
  assert_ended_with (&record, -ECANCELED);
  ck_assert_int_eq (count_bytes (), 0);
}
END_TEST

/* In flight */

static void
prepare_multishot_poll (struct io_uring_sqe *sqe)
{
  io_uring_prep_poll_multishot (sqe, ends[0], POLLIN);
}

static void (*const prepare_waiting[]) (struct io_uring_sqe *sqe) = {
  prepare_waiting_read,   prepare_waiting_accept,  prepare_waiting_poll,
  prepare_multishot_poll, prepare_waiting_timeout,
};

START_TEST (cancelled_in_flight_ends_cancelled)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  guint64 id;

  prepare_waiting[_i](&sqe);
  id = queue (&sqe, &record);
  assert_submits (1);
  ck_assert_int_eq (iterate_ring (FALSE), 0);
  assert_counts (1, 0);

  ck_assert (guring_ring_cancel (ring, id));
  assert_untouched (&record);
  run_until (record.n_final > 0);
  assert_ended_with (&record, -ECANCELED);
  ck_assert_uint_eq (record.n_more, 0);
  ck_assert_uint_eq (get_n_cancels (), 1);
  if (sqe.opcode == IORING_OP_ACCEPT)
    close (sqe.fd);
}
END_TEST

START_TEST (cancelled_twice_ends_once)
{
  Record record = { 0 };
  gchar byte;
  guint64 id = queue_read_byte (ends[0], &byte, &record);

  assert_submits (1);
  ck_assert (guring_ring_cancel (ring, id));
  ck_assert (guring_ring_cancel (ring, id));
  run_until (record.n_final > 0);
  while (g_main_context_iteration (context, FALSE))
    ;
  assert_ended_with (&record, -ECANCELED);
}
END_TEST

START_TEST (cancelled_too_late_delivers_its_own_result)
{
  Record record = { 0 };
  guint64 id = queue_nop (&record);

  assert_submits (1); /* it completes inside of this call */
  ck_assert (guring_ring_cancel (ring, id));
  run_until (record.n_final > 0);
  assert_ended_with (&record, 0);
}
END_TEST

/* Ids of nothing */

START_TEST (ended_operation_is_not_cancelled)
{
  Record record = { 0 };
  guint64 id = queue_nop (&record);

  run_until (record.n_final > 0);
  ck_assert (!guring_ring_cancel (ring, id));
  ck_assert_uint_eq (get_n_cancels (), 0);
}
END_TEST

START_TEST (stale_and_forged_ids_are_harmless)
{
  Record first = { 0 }, second = { 0 };
  gchar byte;
  guint64 stale = queue_nop (&first);
  guint64 id;

  run_until (first.n_final > 0);
  id = queue_read_byte (ends[0], &byte, &second);
  assert_submits (1);

  const guint64 ids[] = { stale,
                          0,
                          ~G_GUINT64_CONSTANT (0),
                          id + 1,
                          id ^ G_GUINT64_CONSTANT (1) << 63,
                          id ^ G_GUINT64_CONSTANT (1) << 32,
                          id | G_MAXUINT32 };

  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    ck_assert_msg (!guring_ring_cancel (ring, ids[i]), "id %zu", i);
  ck_assert_uint_eq (get_n_cancels (), 0);
  ck_assert_int_eq (iterate_ring (FALSE), 0);
  assert_untouched (&second);

  write_byte (ends[1]);
  run_until (second.n_final > 0);
  assert_ended_with (&second, 1);
}
END_TEST

START_TEST (closed_ring_cancels_nothing)
{
  Record record = { 0 };
  gchar byte;
  guint64 id = queue_read_byte (ends[0], &byte, &record);

  ck_assert (guring_ring_close (ring, -1, NULL));
  assert_ended_with (&record, -ECANCELED);
  ck_assert (!guring_ring_cancel (ring, id));
  ck_assert (!guring_ring_cancel (ring, 0));
  ck_assert_uint_eq (get_n_cancels (), 0);
}
END_TEST

/* From inside its own callback */

typedef struct
{
  Record record;
  gboolean cancelled;
} SelfCanceller;

static void
cancel_itself (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  SelfCanceller *self = data;

  record_completion (completed_ring, completion, &self->record);
  self->cancelled = guring_ring_cancel (completed_ring, completion->id);
}

static void
queue_self_canceller (const struct io_uring_sqe *sqe, SelfCanceller *self)
{
  ck_assert_uint_ne (guring_ring_queue (ring, sqe, cancel_itself, self, record_notify, NULL), 0);
}

START_TEST (final_callback_finds_itself_ended)
{
  struct io_uring_sqe sqe = { 0 };
  SelfCanceller self = { .cancelled = TRUE };

  io_uring_prep_nop (&sqe);
  queue_self_canceller (&sqe, &self);
  run_until (self.record.n_final > 0);
  ck_assert (!self.cancelled);
  assert_ended_with (&self.record, 0);
}
END_TEST

static void
cancel_itself_once (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  if (!guring_completion_is_final (completion))
    cancel_itself (completed_ring, completion, data);
  else
    record_completion (completed_ring, completion, data);
}

START_TEST (multishot_operation_cancelled_in_its_callback_ends)
{
  struct io_uring_sqe sqe = { 0 };
  SelfCanceller self = { .cancelled = FALSE };

  prepare_multishot_poll (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, cancel_itself_once, &self, record_notify, NULL),
                     0);
  assert_submits (1);
  write_byte (ends[1]);

  run_until (self.record.n_final > 0);
  ck_assert (self.cancelled);
  ck_assert_uint_eq (self.record.n_more, 1);
  assert_ended_with (&self.record, -ECANCELED);
}
END_TEST

/* From other threads */

typedef struct
{
  pid_t owner;
  guint64 id;
} Remote;

static gpointer
cancel_while_owner_sleeps (gpointer data)
{
  Remote *remote = data;

  wait_until_asleep (remote->owner);
  return GINT_TO_POINTER (guring_ring_cancel (ring, remote->id));
}

static GThread *
cancel_from_a_thread (Remote *remote)
{
  remote->owner = getpid ();
  return g_thread_new ("cancel", cancel_while_owner_sleeps, remote);
}

START_TEST (cancel_from_a_thread_wakes_the_loop)
{
  Record record = { 0 };
  gchar byte;
  Remote remote = { .id = queue_read_byte (ends[0], &byte, &record) };
  GThread *thread = cancel_from_a_thread (&remote);

  run_until (record.n_final > 0);
  ck_assert (GPOINTER_TO_INT (g_thread_join (thread)));
  assert_ended_with (&record, -ECANCELED);
}
END_TEST

START_TEST (cancel_from_a_thread_wakes_a_blocking_iterate)
{
  for (guint i = 0; i < 20; i++)
    {
      Record record = { 0 };
      gchar byte;
      Remote remote = { .id = queue_read_byte (ends[0], &byte, &record) };
      GThread *thread = cancel_from_a_thread (&remote);

      ck_assert_int_eq (iterate_ring (TRUE), 1);
      ck_assert (GPOINTER_TO_INT (g_thread_join (thread)));
      assert_ended_with (&record, -ECANCELED);
    }
}
END_TEST

typedef struct
{
  guint64 ids[N_MASSES];
  Record records[N_MASSES];
  gint n_accepted;
} Masses;

static gpointer
cancel_masses (gpointer data)
{
  Masses *masses = data;

  for (guint i = 0; i < N_MASSES; i++)
    g_atomic_int_add (&masses->n_accepted, guring_ring_cancel (ring, masses->ids[i]));
  return NULL;
}

static void
queue_masses (Masses *masses)
{
  static gchar bytes[N_MASSES];

  for (guint i = 0; i < N_MASSES; i++)
    if (i % 4 == 0)
      masses->ids[i] = queue_read_byte (ends[0], &bytes[i], &masses->records[i]);
    else
      masses->ids[i] = queue_nop (&masses->records[i]);
}

START_TEST (cancelled_by_threads_in_masses_each_ends_once)
{
  g_autofree Masses *masses = g_new0 (Masses, 1);
  GThread *threads[N_THREADS];
  GuringStatistics statistics = { 0 };

  queue_masses (masses);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("cancel", cancel_masses, masses);
  while (statistics.completed < N_MASSES)
    {
      g_main_context_iteration (context, TRUE);
      guring_ring_get_statistics (ring, &statistics);
    }
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);

  for (guint i = 0; i < N_MASSES; i++)
    {
      Record *record = &masses->records[i];

      assert_ended (record);
      ck_assert (record->res == -ECANCELED || (record->res == 0 && i % 4 != 0));
    }
  ck_assert_uint_eq (get_n_cancels (), (guint64) masses->n_accepted);
}
END_TEST

/* Where the kernel does not find it */

typedef struct
{
  GuringRequest requests[5];
  Record records[5];
  guint64 ids[5];
  gchar bytes[5];
  int blocked[2]; /* nobody ever writes into this pipe */
} Chain;

static void
add_read (Chain *chain, guint i, int fd, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, fd, &chain->bytes[i], 1, 0);
  sqe.flags |= flags;
  chain->requests[i] = request (&sqe, &chain->records[i]);
}

static void
add_nop (Chain *chain, guint i, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  sqe.flags |= flags;
  chain->requests[i] = request (&sqe, &chain->records[i]);
}

/* A read that waits, two NOPs, a read that would wait for ever, and a NOP. */
static void
queue_deep_chain (Chain *chain, guint8 flags)
{
  make_pipe (chain->blocked);
  add_read (chain, 0, ends[0], flags);
  add_nop (chain, 1, flags);
  add_nop (chain, 2, flags);
  add_read (chain, 3, chain->blocked[0], flags);
  add_nop (chain, 4, 0);
  ck_assert (guring_ring_queue_chain (ring, chain->requests, 5, chain->ids, NULL));
}

static void
assert_deep_chain_ended (Chain *chain, gint32 last)
{
  for (guint i = 0; i < 5; i++)
    run_until (chain->records[i].n_final > 0);
  assert_ended_with (&chain->records[0], 1);
  assert_ended_with (&chain->records[1], 0);
  assert_ended_with (&chain->records[2], 0);
  assert_ended_with (&chain->records[3], -ECANCELED);
  assert_ended_with (&chain->records[4], last);
  close_pipe (chain->blocked);
}

START_TEST (member_behind_a_pending_head_ends_after_it)
{
  const gboolean hard = _i;
  Chain chain = { 0 };

  queue_deep_chain (&chain, hard ? IOSQE_IO_HARDLINK : IOSQE_IO_LINK);
  assert_submits (5);
  ck_assert (guring_ring_cancel (ring, chain.ids[3]));
  ck_assert_int_eq (iterate_ring (FALSE), 0);
  for (guint i = 0; i < 5; i++)
    assert_untouched (&chain.records[i]);

  write_byte (ends[1]);
  assert_deep_chain_ended (&chain, hard ? 0 : -ECANCELED);
}
END_TEST

START_TEST (member_cancelled_in_the_backlog_follows_the_rules_of_the_kernel)
{
  const gboolean hard = _i;
  Chain chain = { 0 };

  queue_deep_chain (&chain, hard ? IOSQE_IO_HARDLINK : IOSQE_IO_LINK);
  ck_assert (guring_ring_cancel (ring, chain.ids[3]));
  write_byte (ends[1]);
  assert_deep_chain_ended (&chain, hard ? 0 : -ECANCELED);
}
END_TEST

static void
fill_ring (Record *records, guint64 *ids)
{
  static gchar bytes[CQ_ENTRIES];

  for (guint i = 0; i < CQ_ENTRIES; i++)
    ids[i] = queue_read_byte (ends[0], &bytes[i], &records[i]);
  assert_submits (CQ_ENTRIES);
}

static void
empty_ring (Record *records, const guint64 *ids)
{
  for (guint i = 0; i < CQ_ENTRIES; i++)
    ck_assert (guring_ring_cancel (ring, ids[i]));
  for (guint i = 0; i < CQ_ENTRIES; i++)
    {
      run_until (records[i].n_final > 0);
      assert_ended_with (&records[i], -ECANCELED);
    }
}

START_TEST (cancelled_in_the_backlog_of_a_full_ring_ends)
{
  Record waiting[CQ_ENTRIES] = { 0 };
  guint64 ids[CQ_ENTRIES];
  Record record = { 0 };
  guint64 id;

  fill_ring (waiting, ids);
  id = queue_nop (&record);
  assert_submits (0);
  assert_counts (CQ_ENTRIES, 1);

  ck_assert (guring_ring_cancel (ring, id));
  if (_i == 0)
    run_until (record.n_final > 0);
  else
    ck_assert_int_eq (iterate_ring (TRUE), 1);
  assert_ended_with (&record, -ECANCELED);
  assert_counts (CQ_ENTRIES, 0);

  empty_ring (waiting, ids);
}
END_TEST

START_TEST (thread_cancels_in_the_backlog_of_a_full_ring)
{
  Record waiting[CQ_ENTRIES] = { 0 };
  guint64 ids[CQ_ENTRIES];
  Record record = { 0 };
  Remote remote = { 0 };
  GThread *thread;

  fill_ring (waiting, ids);
  remote.id = queue_nop (&record);
  thread = cancel_from_a_thread (&remote);
  run_until (record.n_final > 0);
  ck_assert (GPOINTER_TO_INT (g_thread_join (thread)));
  assert_ended_with (&record, -ECANCELED);

  empty_ring (waiting, ids);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, cancelled_before_submission_is_never_done);
  tcase_add_test (tcase, cancelled_before_submission_ends_in_a_blocking_iterate);
  tcase_add_loop_test (tcase, cancelled_in_flight_ends_cancelled, 0,
                       G_N_ELEMENTS (prepare_waiting));
  tcase_add_test (tcase, cancelled_twice_ends_once);
  tcase_add_test (tcase, cancelled_too_late_delivers_its_own_result);
  tcase_add_test (tcase, ended_operation_is_not_cancelled);
  tcase_add_test (tcase, stale_and_forged_ids_are_harmless);
  tcase_add_test (tcase, closed_ring_cancels_nothing);
  tcase_add_test (tcase, final_callback_finds_itself_ended);
  tcase_add_test (tcase, multishot_operation_cancelled_in_its_callback_ends);
  tcase_add_test (tcase, cancel_from_a_thread_wakes_the_loop);
  tcase_add_test (tcase, cancel_from_a_thread_wakes_a_blocking_iterate);
  tcase_add_test (tcase, cancelled_by_threads_in_masses_each_ends_once);
  tcase_add_loop_test (tcase, member_behind_a_pending_head_ends_after_it, 0, 2);
  tcase_add_loop_test (tcase, member_cancelled_in_the_backlog_follows_the_rules_of_the_kernel, 0,
                       2);
  tcase_add_loop_test (tcase, cancelled_in_the_backlog_of_a_full_ring_ends, 0, 2);
  tcase_add_test (tcase, thread_cancels_in_the_backlog_of_a_full_ring);
}

int
main (void)
{
  Suite *suite = suite_create ("cancel");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
  add_tests (tcase);
  return run_suite (suite);
}
