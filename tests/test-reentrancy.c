/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 11: a callback may queue, cancel, close or drop the last reference, and what is waiting
 * behind it in the CQ still ends exactly once. */

#include "config.h"

#include <poll.h>

#include "reentrancy-support.h"

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

  actor_stage (&actor);
  assert_acted (&actor);
  run_until (actor.later.n_final > 0);
  assert_ended_with (&actor.later, 0);
  actor_finish_waiting (&actor);
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

  actor_stage (&actor);
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

  actor_stage (&actor);
  assert_acted (&actor);
  actor_finish_waiting (&actor);
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

  actor_stage (&actor);
  assert_acted (&actor);
  actor_finish_waiting (&actor);
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

  actor_stage (&actor);
  assert_acted (&actor);
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

static void
stage_and_act (Actor *actor, gboolean in_loop)
{
  actor_stage (actor);
  if (in_loop)
    run_until (actor->acted);
  else
    ck_assert_int_ge (iterate_ring (TRUE), 1);
  assert_ended_with (&actor->record, 0);
}

START_TEST (callback_may_close)
{
  Actor actor = { .act = close_ring };

  stage_and_act (&actor, _i == 0);
  ck_assert (g_source_is_destroyed (guring_ring_get_source (ring)));
}
END_TEST

START_TEST (callback_may_drop_the_last_reference)
{
  Actor actor = { .act = drop_last_reference };

  stage_and_act (&actor, _i == 0);
  ck_assert_ptr_null (ring);
  assert_all_behind_ended (&actor);
  assert_ended_with (&actor.waiting, -ECANCELED);
}
END_TEST

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

  stage_and_act (&actor, _i / 2 == 0);
  assert_all_behind_ended (&actor);
  assert_ended_with (&actor.waiting, -ECANCELED);
  if (ring != NULL)
    ck_assert_ptr_null (guring_ring_get_uring (ring));
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

  actor_stage (&actor);
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
  gchar byte;

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
  drop_last_reference (NULL);
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
  tcase_add_loop_test (tcase, callback_may_close, 0, 2);
  tcase_add_loop_test (tcase, callback_may_drop_the_last_reference, 0, 2);
  tcase_add_loop_test (tcase, callback_may_destroy_the_source, 0, 4);
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

  add_tests (add_actor_case (suite));
  return run_suite (suite);
}
