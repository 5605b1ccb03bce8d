/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 11: a callback may run a nested main loop, which goes on with what is behind it in the
 * CQ. */

#include "config.h"

#include <sys/socket.h>

#include "reentrancy-support.h"

static void
nest_until_waiting_ended (Actor *actor)
{
  write_byte (ends[1]);
  run_until (actor->waiting.n_final > 0 && all_behind_ended (actor));
  assert_all_behind_ended (actor);
  assert_ended_with (&actor->waiting, 1);
}

START_TEST (callback_may_nest_a_main_loop)
{
  Actor actor = { .act = nest_until_waiting_ended };

  actor_stage (&actor);
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

  actor_stage (&actor);
  assert_acted (&actor);
  actor_finish_waiting (&actor);
}
END_TEST

START_TEST (nested_main_loop_runs_where_iterate_runs_the_callback)
{
  Actor actor = { .act = nest_until_waiting_ended };

  actor_stage (&actor);
  ck_assert_int_ge (guring_ring_iterate (ring, FALSE, NULL), 1);
  ck_assert (actor.acted);
  assert_acted (&actor);
}
END_TEST

/* With sockets: from a pipe a worker of the kernel reads before Linux 6.4, and what is left to that
 * may be cancelled although the byte is there. */
START_TEST (nested_main_loop_runs_while_closing)
{
  Actor actor = { .act = nest_until_waiting_ended };

  close_pipe (ends);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  actor_stage (&actor);
  ck_assert (guring_ring_close (ring, -1, NULL));
  ck_assert (actor.acted);
  assert_ended_with (&actor.record, 0);
  assert_all_behind_ended (&actor);
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

static void
close_alone (Actor *actor)
{
  ck_assert (guring_ring_close (ring, -1, NULL));
}

/* Runs a loop until a callback in it has done something. */
static void
nest_and_act (void (*do_it) (Actor *))
{
  Actor inner = { .act = do_it };

  actor_queue (&inner);
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

  actor_stage (&actor);
  run_until (actor.acted);
  assert_ended_with (&actor.record, 0);
}
END_TEST

START_TEST (nested_main_loop_may_drop_the_last_reference)
{
  Actor actor = { .act = nest_and_drop_last_reference };

  actor_stage (&actor);
  run_until (actor.acted);
  ck_assert_ptr_null (ring);
  assert_ended_with (&actor.record, 0);
  assert_all_behind_ended (&actor);
  assert_ended_with (&actor.waiting, -ECANCELED);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, callback_may_nest_a_main_loop);
  tcase_add_test (tcase, nested_main_loop_submits);
  tcase_add_test (tcase, nested_main_loop_runs_where_iterate_runs_the_callback);
  tcase_add_test (tcase, nested_main_loop_runs_while_closing);
  tcase_add_test (tcase, main_loops_nest_deeply);
  tcase_add_test (tcase, nested_main_loop_may_close);
  tcase_add_test (tcase, nested_main_loop_may_drop_the_last_reference);
}

int
main (void)
{
  Suite *suite = suite_create ("nested-loops");

  add_tests (add_actor_case (suite));
  return run_suite (suite);
}
