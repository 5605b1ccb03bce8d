/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 11: a callback may queue, cancel, close, drop the last reference or run a nested main
 * loop, and what is waiting behind it in the CQ still ends exactly once. */

#include "config.h"

#include <poll.h>
#include <unistd.h>

#include "support.h"

#define N_BEHIND 4

static gchar byte;

/* Operations that have all completed in the kernel: the first one's callback runs an action, the
 * others are behind it in the CQ. */
typedef struct _Actor Actor;
struct _Actor
{
  Record record;
  void (*act) (Actor *actor);
  Record behind[N_BEHIND];
  Record waiting; /* a read that waits for a byte */
  guint64 waiting_id;
  Record later; /* of what the action queues */
  gboolean acted;
};

static void
setup (void)
{
  setup_ring ();
  make_pipe (ends);
}

/* No completion was looked at twice. */
static void
teardown (void)
{
  GuringStatistics statistics = { 0 };

  if (ring != NULL)
    guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.unknown_completions, 0);
  close_pipe (ends);
  teardown_ring ();
}

static gboolean
all_behind_ended (const Actor *actor)
{
  for (guint i = 0; i < N_BEHIND; i++)
    if (actor->behind[i].n_final == 0)
      return FALSE;
  return TRUE;
}

static void
assert_all_behind_ended (Actor *actor)
{
  for (guint i = 0; i < N_BEHIND; i++)
    assert_ended_with (&actor->behind[i], 0);
}

static void
act (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Actor *actor = data;

  record_completion (completed_ring, completion, &actor->record);
  actor->act (actor);
  actor->acted = TRUE;
  ck_assert_uint_eq (actor->record.n_notified, 0);
}

static void
actor_notify (gpointer data)
{
  Actor *actor = data;

  record_notify (&actor->record);
}

/* Returns when they have all completed in the kernel and nobody has looked at the CQ. */
static void
stage (Actor *actor)
{
  struct io_uring_sqe sqe = { 0 };

  actor->waiting_id = queue_read_byte (ends[0], &byte, &actor->waiting);
  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, act, actor, actor_notify, NULL), 0);
  for (guint i = 0; i < N_BEHIND; i++)
    queue_nop (&actor->behind[i]);
  assert_submits (N_BEHIND + 2);
  ck_assert_uint_eq (io_uring_cq_ready (guring_ring_get_uring (ring)), N_BEHIND + 1);
}

static void
finish_waiting (Actor *actor)
{
  write_byte (ends[1]);
  run_until (actor->waiting.n_final > 0);
  assert_ended_with (&actor->waiting, 1);
}

static void
assert_acted (Actor *actor)
{
  run_until (actor->acted && all_behind_ended (actor));
  assert_ended_with (&actor->record, 0);
  assert_all_behind_ended (actor);
}

/* Queue, cancel, iterate */

static void
queue_later (Actor *actor)
{
  queue_nop (&actor->later);
  assert_untouched (&actor->later);
}

START_TEST (callback_may_queue)
{
  Actor actor = { .act = queue_later };

  stage (&actor);
  assert_acted (&actor);
  run_until (actor.later.n_final > 0);
  assert_ended_with (&actor.later, 0);
  finish_waiting (&actor);
}
END_TEST

static void
cancel_waiting (Actor *actor)
{
  ck_assert (guring_ring_cancel (ring, actor->waiting_id));
  assert_untouched (&actor->waiting);
}

START_TEST (callback_may_cancel_another)
{
  Actor actor = { .act = cancel_waiting };

  stage (&actor);
  assert_acted (&actor);
  run_until (actor.waiting.n_final > 0);
  assert_ended_with (&actor.waiting, -ECANCELED);
}
END_TEST

static void
cancel_itself (Actor *actor)
{
  ck_assert (!guring_ring_cancel (ring, actor->record.id));
}

START_TEST (callback_may_cancel_itself)
{
  Actor actor = { .act = cancel_itself };

  stage (&actor);
  assert_acted (&actor);
  finish_waiting (&actor);
}
END_TEST

static void
iterate (Actor *actor)
{
  g_autoptr (GError) error = NULL;

  ck_assert_int_eq (guring_ring_iterate (ring, FALSE, &error), N_BEHIND);
  ck_assert_ptr_null (error);
  assert_all_behind_ended (actor);
  ck_assert_int_eq (guring_ring_iterate (ring, FALSE, NULL), 0);
}

START_TEST (callback_may_iterate)
{
  Actor actor = { .act = iterate };

  stage (&actor);
  assert_acted (&actor);
  finish_waiting (&actor);
}
END_TEST

static void
iterate_until_waiting_ended (Actor *actor)
{
  write_byte (ends[1]);
  while (actor->waiting.n_final == 0)
    ck_assert_int_gt (guring_ring_iterate (ring, TRUE, NULL), 0);
  assert_ended_with (&actor->waiting, 1);
}

START_TEST (callback_may_block_in_iterate)
{
  Actor actor = { .act = iterate_until_waiting_ended };

  stage (&actor);
  assert_acted (&actor);
}
END_TEST

/* A nested main loop */

static void
nest_until_all_ended (Actor *actor)
{
  write_byte (ends[1]);
  run_until (actor->waiting.n_final > 0 && all_behind_ended (actor));
  assert_all_behind_ended (actor);
}

static void
nest_until_waiting_ended (Actor *actor)
{
  nest_until_all_ended (actor);
  assert_ended_with (&actor->waiting, 1);
}

START_TEST (callback_may_nest_a_main_loop)
{
  Actor actor = { .act = nest_until_waiting_ended };

  stage (&actor);
  assert_acted (&actor);
}
END_TEST

static void
nest_until_later_ended (Actor *actor)
{
  queue_nop (&actor->later);
  run_until (actor->later.n_final > 0);
  assert_ended_with (&actor->later, 0);
}

START_TEST (nested_main_loop_submits)
{
  Actor actor = { .act = nest_until_later_ended };

  stage (&actor);
  assert_acted (&actor);
  finish_waiting (&actor);
}
END_TEST

START_TEST (nested_main_loop_runs_where_iterate_runs_the_callback)
{
  Actor actor = { .act = nest_until_waiting_ended };

  stage (&actor);
  ck_assert_int_ge (guring_ring_iterate (ring, FALSE, NULL), 1);
  ck_assert (actor.acted);
  assert_acted (&actor);
}
END_TEST

START_TEST (nested_main_loop_runs_while_closing)
{
  Actor actor = { .act = nest_until_all_ended };

  stage (&actor);
  ck_assert (guring_ring_close (ring, -1, NULL));
  ck_assert (actor.acted);
  assert_ended_with (&actor.record, 0);
  assert_all_behind_ended (&actor);
  assert_ended (&actor.waiting); /* Linux 6.1 cancels it although there is a byte by now */
  ck_assert (actor.waiting.res == 1 || actor.waiting.res == -ECANCELED);
}
END_TEST

typedef struct
{
  Record records[8];
  guint n_started;
  guint depth;
} Nest;

static void
nest_deeper (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Nest *nest = data;
  guint i = nest->n_started++;

  nest->depth = MAX (nest->depth, i + 1);
  record_completion (completed_ring, completion, &nest->records[i]);
  run_until (nest->n_started == G_N_ELEMENTS (nest->records));
}

START_TEST (main_loops_nest_deeply)
{
  Nest nest = { .n_started = 0 };

  for (guint i = 0; i < G_N_ELEMENTS (nest.records); i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_nop (&sqe);
      ck_assert_uint_ne (guring_ring_queue (ring, &sqe, nest_deeper, &nest, NULL, NULL), 0);
    }
  g_main_context_iteration (context, TRUE);

  ck_assert_uint_eq (nest.depth, G_N_ELEMENTS (nest.records));
  for (guint i = 0; i < G_N_ELEMENTS (nest.records); i++)
    ck_assert_uint_eq (nest.records[i].n_final, 1);
  assert_counts (0, 0);
}
END_TEST

/* Close and unref */

static void
close_ring (Actor *actor)
{
  ck_assert (guring_ring_close (ring, -1, NULL));
  assert_all_behind_ended (actor);
  assert_ended_with (&actor->waiting, -ECANCELED);
}

START_TEST (callback_may_close)
{
  Actor actor = { .act = close_ring };

  stage (&actor);
  if (_i == 0)
    run_until (actor.acted);
  else
    ck_assert_int_ge (guring_ring_iterate (ring, TRUE, NULL), 1);
  assert_ended_with (&actor.record, 0);
  ck_assert (g_source_is_destroyed (guring_ring_get_source (ring)));
}
END_TEST

static void
drop_last_reference (Actor *actor)
{
  GuringRing *last = ring;

  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &ring);
  g_object_unref (last);
}

START_TEST (callback_may_drop_the_last_reference)
{
  Actor actor = { .act = drop_last_reference };

  stage (&actor);
  if (_i == 0)
    run_until (actor.acted);
  else
    ck_assert_int_ge (guring_ring_iterate (ring, TRUE, NULL), 1);
  ck_assert_ptr_null (ring);
  assert_ended_with (&actor.record, 0);
  assert_all_behind_ended (&actor);
  assert_ended_with (&actor.waiting, -ECANCELED);
}
END_TEST

static void
close_alone (Actor *actor)
{
  ck_assert (guring_ring_close (ring, -1, NULL));
}

static void
destroy_source (Actor *actor)
{
  g_source_destroy (guring_ring_get_source (ring));
}

static void
destroy_source_and_drop_last_reference (Actor *actor)
{
  destroy_source (actor);
  drop_last_reference (actor);
}

static void (*const destroy[]) (Actor *actor) = {
  destroy_source,
  destroy_source_and_drop_last_reference,
};

START_TEST (callback_may_destroy_the_source)
{
  Actor actor = { .act = destroy[_i % 2] };

  stage (&actor);
  if (_i / 2 == 0)
    run_until (actor.acted);
  else
    ck_assert_int_ge (guring_ring_iterate (ring, TRUE, NULL), 1);
  assert_ended_with (&actor.record, 0);
  assert_all_behind_ended (&actor);
  assert_ended_with (&actor.waiting, -ECANCELED);
  if (ring != NULL)
    ck_assert_ptr_null (guring_ring_get_uring (ring));
}
END_TEST

/* Runs a loop until a callback in it has done something. */
static void
nest_and_act (void (*do_it) (Actor *))
{
  Actor inner = { .act = do_it };
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, act, &inner, actor_notify, NULL), 0);
  run_until (inner.record.n_notified > 0);
  assert_ended_with (&inner.record, 0);
}

static void
nest_and_close (Actor *actor)
{
  nest_and_act (close_alone);
  assert_all_behind_ended (actor);
  assert_ended_with (&actor->waiting, -ECANCELED);
}

static void
nest_and_drop_last_reference (Actor *actor)
{
  nest_and_act (drop_last_reference);
}

START_TEST (nested_main_loop_may_close)
{
  Actor actor = { .act = nest_and_close };

  stage (&actor);
  run_until (actor.acted);
  assert_ended_with (&actor.record, 0);
}
END_TEST

START_TEST (nested_main_loop_may_drop_the_last_reference)
{
  Actor actor = { .act = nest_and_drop_last_reference };

  stage (&actor);
  run_until (actor.acted);
  ck_assert_ptr_null (ring);
  assert_ended_with (&actor.record, 0);
  assert_all_behind_ended (&actor);
  assert_ended_with (&actor.waiting, -ECANCELED);
}
END_TEST

static void
assert_cannot_queue (Actor *actor)
{
  struct io_uring_sqe sqe = { 0 };
  g_autoptr (GError) error = NULL;

  io_uring_prep_nop (&sqe);
  ck_assert_uint_eq (guring_ring_queue (ring, &sqe, record_completion, &actor->later, record_notify,
                                        &error),
                     0);
  assert_error (error, G_IO_ERROR_CLOSED);
}

START_TEST (callback_of_close_may_not_queue)
{
  Actor actor = { .act = assert_cannot_queue };

  stage (&actor);
  ck_assert (guring_ring_close (ring, -1, NULL));
  ck_assert (actor.acted);
  assert_untouched (&actor.later);
}
END_TEST

/* The destroy notify */

static void
queue_in_notify (gpointer data)
{
  Actor *actor = data;

  record_notify (&actor->record);
  queue_nop (&actor->later);
}

START_TEST (notify_may_queue)
{
  Actor actor = { 0 };
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, record_completion, &actor.record,
                                        queue_in_notify, NULL),
                     0);
  run_until (actor.later.n_final > 0);
  assert_ended_with (&actor.record, 0);
  assert_ended_with (&actor.later, 0);
}
END_TEST

static void
close_in_notify (gpointer data)
{
  Actor *actor = data;

  record_notify (&actor->record);
  ck_assert (guring_ring_close (ring, -1, NULL));
}

START_TEST (notify_may_close)
{
  Actor actor = { 0 };
  Record waiting = { 0 };
  struct io_uring_sqe sqe = { 0 };

  queue_read_byte (ends[0], &byte, &waiting);
  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, record_completion, &actor.record,
                                        close_in_notify, NULL),
                     0);
  run_until (actor.record.n_notified > 0);
  assert_ended_with (&actor.record, 0);
  assert_ended_with (&waiting, -ECANCELED);
}
END_TEST

/* A multishot operation's user data lives until its outermost callback has returned. */

typedef struct
{
  Record *record; /* outlives this */
  void (*end) (guint64 id, Record *record);
  guint callbacks;
} Multishot;

static void
on_multishot (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Multishot *multishot = data;

  multishot->callbacks++;
  record_completion (completed_ring, completion, multishot->record);
  if (!guring_completion_is_final (completion))
    multishot->end (completion->id, multishot->record);
  ck_assert_uint_eq (multishot->record->n_notified, 0);
  multishot->callbacks--;
}

static void
free_multishot (gpointer data)
{
  Multishot *multishot = data;

  ck_assert_uint_eq (multishot->callbacks, 0);
  record_notify (multishot->record);
  g_free (multishot);
}

static void
nest_until_final (guint64 id, Record *record)
{
  Record other = { 0 };

  ck_assert (guring_ring_cancel (ring, id));
  run_until (record->n_final > 0);
  ck_assert (!guring_ring_cancel (ring, id));

  /* Its slot is not given to another while its callback runs. */
  queue_nop (&other);
  run_until (other.n_final > 0);
  assert_ended_with (&other, 0);
}

static void
close_until_final (guint64 id, Record *record)
{
  ck_assert (guring_ring_close (ring, -1, NULL));
  ck_assert_uint_eq (record->n_final, 1);
}

static void
unref_in_multishot (guint64 id, Record *record)
{
  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &ring);
  g_object_unref (ring);
}

static void (*const end_multishot[]) (guint64 id, Record *record) = {
  nest_until_final,
  close_until_final,
  unref_in_multishot,
};

START_TEST (user_data_outlives_the_outermost_callback)
{
  Multishot *multishot = g_new0 (Multishot, 1);
  Record record = { 0 };
  struct io_uring_sqe sqe = { 0 };

  multishot->record = &record;
  multishot->end = end_multishot[_i];
  io_uring_prep_poll_multishot (&sqe, ends[0], POLLIN);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, on_multishot, multishot, free_multishot, NULL),
                     0);
  assert_submits (1);
  write_byte (ends[1]);

  run_until (record.n_notified > 0);
  ck_assert_uint_eq (record.n_more, 1);
  assert_ended_with (&record, -ECANCELED);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, callback_may_queue);
  tcase_add_test (tcase, callback_may_cancel_another);
  tcase_add_test (tcase, callback_may_cancel_itself);
  tcase_add_test (tcase, callback_may_iterate);
  tcase_add_test (tcase, callback_may_block_in_iterate);
  tcase_add_test (tcase, callback_may_nest_a_main_loop);
  tcase_add_test (tcase, nested_main_loop_submits);
  tcase_add_test (tcase, nested_main_loop_runs_where_iterate_runs_the_callback);
  tcase_add_test (tcase, nested_main_loop_runs_while_closing);
  tcase_add_test (tcase, main_loops_nest_deeply);
  tcase_add_loop_test (tcase, callback_may_close, 0, 2);
  tcase_add_loop_test (tcase, callback_may_drop_the_last_reference, 0, 2);
  tcase_add_loop_test (tcase, callback_may_destroy_the_source, 0, 4);
  tcase_add_test (tcase, nested_main_loop_may_close);
  tcase_add_test (tcase, nested_main_loop_may_drop_the_last_reference);
  tcase_add_test (tcase, callback_of_close_may_not_queue);
  tcase_add_test (tcase, notify_may_queue);
  tcase_add_test (tcase, notify_may_close);
  tcase_add_loop_test (tcase, user_data_outlives_the_outermost_callback, 0,
                       G_N_ELEMENTS (end_multishot));
}

int
main (void)
{
  Suite *suite = suite_create ("reentrancy");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup, teardown);
  add_tests (tcase);
  return run_suite (suite);
}
