/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "reentrancy-support.h"

/* No completion was looked at twice. */
static void
teardown (void)
{
  GuringStatistics statistics = { 0 };

  if (ring != NULL)
    guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.unknown_completions, 0);
  teardown_ring_and_pipe ();
}

TCase *
add_actor_case (Suite *suite)
{
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown);
  return tcase;
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

void
actor_queue (Actor *actor)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, act, actor, actor_notify, NULL), 0);
}

void
actor_stage (Actor *actor)
{
  static gchar byte;

  actor->waiting_id = queue_read_byte (ends[0], &byte, &actor->waiting);
  actor_queue (actor);
  for (guint i = 0; i < N_BEHIND; i++)
    queue_nop (&actor->behind[i]);
  assert_submits (N_BEHIND + 2);
  ck_assert_uint_eq (io_uring_cq_ready (guring_ring_get_uring (ring)), N_BEHIND + 1);
}

void
actor_finish_waiting (Actor *actor)
{
  write_byte (ends[1]);
  run_until (actor->waiting.n_final > 0);
  assert_ended_with (&actor->waiting, 1);
}

gboolean
all_behind_ended (const Actor *actor)
{
  for (guint i = 0; i < N_BEHIND; i++)
    if (actor->behind[i].n_final == 0)
      return FALSE;
  return TRUE;
}

void
assert_all_behind_ended (Actor *actor)
{
  for (guint i = 0; i < N_BEHIND; i++)
    assert_ended_with (&actor->behind[i], 0);
}

void
assert_acted (Actor *actor)
{
  run_until (actor->acted && all_behind_ended (actor));
  assert_ended_with (&actor->record, 0);
  assert_all_behind_ended (actor);
}

void
drop_last_reference (Actor *actor)
{
  GuringRing *last = ring;

  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &ring);
  g_object_unref (last);
}
