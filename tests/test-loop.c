/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promises 6 and 7: the ring shares its main context with other sources, and whatever is queued or
 * completes needs no unrelated event. Before that, what the ring says of itself. */

#include "config.h"

#include <poll.h>
#include <unistd.h>

#include "support.h"

#define MANUAL_FDS 8

static gchar byte;

/* Properties */

START_TEST (sizes_are_rounded_up)
{
  guint entries, cq_entries, flags;
  GMainContext *its_context;

  g_object_unref (ring);
  ring = make_ring (5);
  g_object_get (ring, "entries", &entries, "cq-entries", &cq_entries, "setup-flags", &flags,
                "context", &its_context, NULL);
  ck_assert_uint_eq (entries, 8);
  ck_assert_uint_eq (cq_entries, 16);
  ck_assert_uint_eq (flags, guring_ring_get_uring (ring)->flags);
  ck_assert_ptr_eq (its_context, context);
  g_main_context_unref (its_context);
}
END_TEST

START_TEST (default_sizes_have_room)
{
  guint entries, cq_entries;

  g_object_unref (ring);
  ring = make_ring (0);
  g_object_get (ring, "entries", &entries, "cq-entries", &cq_entries, NULL);
  ck_assert_uint_gt (entries, 8);
  ck_assert_uint_eq (cq_entries, 4096);
}
END_TEST

START_TEST (initable_takes_the_size_of_the_cq)
{
  g_autoptr (GError) error = NULL;
  guint entries, cq_entries;

  g_object_unref (ring);
  ring = g_initable_new (GURING_TYPE_RING, NULL, &error, "entries", 4, "cq-entries", 100, NULL);
  ck_assert_ptr_nonnull (ring);
  ck_assert_ptr_null (error);
  g_object_get (ring, "entries", &entries, "cq-entries", &cq_entries, NULL);
  ck_assert_uint_eq (entries, 4);
  ck_assert_uint_eq (cq_entries, 128);
}
END_TEST

START_TEST (impossible_sizes_are_refused)
{
  static const guint sizes[][2] = { { 32769, 0 }, { G_MAXUINT, 0 }, { 8, 65537 }, { 8, 4 } };
  g_autoptr (GError) error = NULL;
  guint before = count_descriptors ();

  ck_assert_ptr_null (g_initable_new (GURING_TYPE_RING, NULL, &error, "entries", sizes[_i][0],
                                      "cq-entries", sizes[_i][1], NULL));
  assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);
  ck_assert_uint_eq (count_descriptors (), before);
}
END_TEST

START_TEST (supports_what_the_kernel_has)
{
  ck_assert (guring_ring_supports (ring, IORING_OP_NOP));
  ck_assert (guring_ring_supports (ring, IORING_OP_READ));
  ck_assert (!guring_ring_supports (ring, 255));
}
END_TEST

/* Without a loop */

START_TEST (iterate_returns_at_once_with_nothing_to_wait_for)
{
  ck_assert_int_eq (iterate_ring (FALSE), 0);
  ck_assert_int_eq (iterate_ring (TRUE), 0);
}
END_TEST

START_TEST (iterate_counts_completions_that_are_not_final)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  guint64 id;

  io_uring_prep_poll_multishot (&sqe, ends[0], POLLIN);
  id = queue (&sqe, &record);
  assert_submits (1);

  for (guint i = 1; i <= 3; i++)
    {
      write_byte (ends[1]);
      ck_assert_int_eq (iterate_ring (TRUE), 1);
      ck_assert_uint_eq (record.n_more, i);
    }

  ck_assert (guring_ring_cancel (ring, id));
  ck_assert_int_eq (iterate_ring (TRUE), 1);
  assert_ended_with (&record, -ECANCELED);
}
END_TEST

START_TEST (iterate_keeps_to_the_budget)
{
  Record records[8] = { 0 };
  guint budget;

  g_object_set (ring, "dispatch-budget", 3, NULL);
  g_object_get (ring, "dispatch-budget", &budget, NULL);
  ck_assert_uint_eq (budget, 3);

  for (guint i = 0; i < 8; i++)
    queue_nop (&records[i]);
  assert_submits (8);
  ck_assert_int_eq (iterate_ring (FALSE), 3);
  ck_assert_int_eq (iterate_ring (TRUE), 3);
  ck_assert_int_eq (iterate_ring (FALSE), 2);
  for (guint i = 0; i < 8; i++)
    assert_ended_with (&records[i], 0);
}
END_TEST

START_TEST (iterate_makes_no_system_call_when_nothing_is_ready)
{
  GuringStatistics before, after;
  Record record = { 0 };

  queue_read_byte (ends[0], &byte, &record);
  assert_submits (1);
  ck_assert_int_eq (iterate_ring (FALSE), 0);
  guring_ring_get_statistics (ring, &before);
  for (guint i = 0; i < 100; i++)
    ck_assert_int_eq (iterate_ring (FALSE), 0);
  guring_ring_get_statistics (ring, &after);
  ck_assert_uint_eq (after.enter_calls, before.enter_calls);

  write_byte (ends[1]);
  ck_assert_int_eq (iterate_ring (TRUE), 1);
  assert_ended_with (&record, 1);
}
END_TEST

/* Fairness */

typedef struct
{
  guint n_completions; /* since the other source ran */
  guint limit;
  guint n_runs;
  gboolean stop;
} Race;

static void requeue (GuringRing *ring, const GuringCompletion *completion, gpointer race);

static void
queue_for_ever (Race *race)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, requeue, race, NULL, NULL), 0);
}

static void
requeue (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Race *race = data;

  race->n_completions++;
  if (race->stop)
    return;

  ck_assert_uint_le (race->n_completions, race->limit);
  queue_for_ever (race);
}

static gboolean
run_beside_ring (gpointer data)
{
  Race *race = data;

  race->n_runs++;
  race->n_completions = 0;
  return G_SOURCE_CONTINUE;
}

static GSource *
make_competitor (guint kind, Race *race)
{
  GSource *source = kind == 2 ? g_timeout_source_new (1) : g_idle_source_new ();

  if (kind == 1)
    g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, run_beside_ring, race, NULL);
  g_source_attach (source, context);
  return source;
}

/* With the ring never out of work: an idle source, one of the ring's own priority, a timeout. By
 * the budget, or, where it has no end, by the time. */
static void
assert_shares_with (guint kind, guint budget)
{
  Race race = { 0 };
  GSource *source = make_competitor (kind, &race);

  /* It may miss one iteration, no more; but a timeout's turn is a matter of time. */
  race.limit = kind == 2 || budget == G_MAXUINT ? G_MAXUINT : 2 * budget;
  g_object_set (ring, "dispatch-budget", budget, NULL);
  for (guint i = 0; i < 4; i++)
    queue_for_ever (&race);

  run_until (race.n_runs == 20);
  race.stop = TRUE;
  g_source_destroy (source);
  g_source_unref (source);
  while (iterate_ring (TRUE) > 0)
    ;
}

START_TEST (other_sources_run_beside_a_ring_that_never_rests)
{
  static const guint budgets[] = { 1, 8, 512, G_MAXUINT };

  assert_shares_with ((guint) _i % 3, budgets[_i / 3]);
}
END_TEST

static gboolean
append_idle (gpointer order)
{
  g_string_append_c (order, 'i');
  return G_SOURCE_REMOVE;
}

static void
append_ring (GuringRing *completed_ring, const GuringCompletion *completion, gpointer order)
{
  g_string_append_c (order, 'r');
}

START_TEST (priority_of_the_source_counts)
{
  static const gint priorities[] = { G_PRIORITY_DEFAULT, G_PRIORITY_LOW };
  static const gchar *const orders[] = { "ri", "ir" };
  GString *order = g_string_new (NULL);
  GSource *idle = g_idle_source_new ();
  struct io_uring_sqe sqe = { 0 };

  g_source_set_priority (guring_ring_get_source (ring), priorities[_i]);
  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, append_ring, order, NULL, NULL), 0);
  g_source_set_callback (idle, append_idle, order, NULL);
  g_source_attach (idle, context);

  run_until (order->len == 2);
  ck_assert_str_eq (order->str, orders[_i]);
  g_source_unref (idle);
  g_string_free (order, TRUE);
}
END_TEST

/* Wake-ups: what is queued. Each of these sleeps for ever if it is not submitted. */

static gboolean
queue_nop_once (gpointer record)
{
  queue_nop (record);
  return G_SOURCE_REMOVE;
}

START_TEST (queued_in_another_sources_dispatch_completes)
{
  static const gint priorities[] = { G_PRIORITY_HIGH, G_PRIORITY_DEFAULT, G_PRIORITY_DEFAULT_IDLE };
  GSource *source = g_idle_source_new ();
  Record record = { 0 };

  g_source_set_priority (source, priorities[_i]);
  g_source_set_callback (source, queue_nop_once, &record, NULL);
  g_source_attach (source, context);
  g_source_unref (source);
  run_until (record.n_final > 0);
  assert_ended_with (&record, 0);
}
END_TEST

/* A source that does something in its prepare function, when the ring's has run, once. */
typedef struct
{
  GSource source;
  void (*act) (Record *record);
  Record *record;
} LateSource;

static gboolean
late_prepare (GSource *source, gint *timeout)
{
  LateSource *late = (LateSource *) source;
  void (*act_now) (Record *) = late->act;

  *timeout = -1;
  late->act = NULL;
  if (act_now != NULL)
    act_now (late->record);
  return FALSE;
}

static gboolean
late_check (GSource *source)
{
  return FALSE;
}

static GSourceFuncs late_funcs = { .prepare = late_prepare, .check = late_check };

/* Nothing is left that would wake the loop, such as the news that the ring's source came. */
static void
run_late (void (*act) (Record *), Record *record)
{
  GSource *source = g_source_new (&late_funcs, sizeof (LateSource));

  while (g_main_context_iteration (context, FALSE))
    ;
  ((LateSource *) source)->act = act;
  ((LateSource *) source)->record = record;
  g_source_set_priority (source, G_PRIORITY_LOW);
  g_source_attach (source, context);
  run_until (record->n_final > 0);
  g_source_destroy (source);
  g_source_unref (source);
}

static void
queue_nop_late (Record *record)
{
  queue_nop (record);
}

static void
queue_chain_late (Record *record)
{
  struct io_uring_sqe sqe = { 0 };
  GuringRequest nop;

  io_uring_prep_nop (&sqe);
  nop = request (&sqe, record);
  ck_assert (guring_ring_queue_chain (ring, &nop, 1, NULL, NULL));
}

START_TEST (queued_after_the_rings_prepare_completes)
{
  Record record = { 0 };

  run_late (_i == 0 ? queue_nop_late : queue_chain_late, &record);
  assert_ended_with (&record, 0);
}
END_TEST

static void
cancel_late (Record *record)
{
  ck_assert (guring_ring_cancel (ring, record->id));
}

START_TEST (cancelled_after_the_rings_prepare_ends)
{
  Record record = { 0 };

  record.id = queue_read_byte (ends[0], &byte, &record);
  run_late (cancel_late, &record);
  assert_ended_with (&record, -ECANCELED);
}
END_TEST

static gpointer
queue_nop_in_thread (gpointer record)
{
  queue_nop (record);
  return NULL;
}

static gpointer
run_loop_in_thread (gpointer data)
{
  Record *record = data;

  run_until (record->n_final > 0);
  return NULL;
}

START_TEST (queued_in_one_thread_completes_in_the_loop_of_another)
{
  Record record = { 0 };

  context = g_main_context_new ();
  ring = guring_ring_new (context, 8, NULL);
  ck_assert_ptr_nonnull (ring);

  g_thread_join (g_thread_new ("queue", queue_nop_in_thread, &record));
  assert_untouched (&record);
  g_thread_join (g_thread_new ("loop", run_loop_in_thread, &record));
  assert_ended_with (&record, 0);

  g_object_unref (ring);
  g_main_context_unref (context);
}
END_TEST

/* Wake-ups: what completes */

START_TEST (completion_wakes_a_loop_that_has_nothing_else)
{
  for (guint i = 0; i < 20; i++)
    {
      Record record = { 0 };
      GThread *thread;

      queue_read_byte (ends[0], &byte, &record);
      thread = write_byte_while_asleep (ends[1]);
      run_until (record.n_final > 0);
      assert_ended_with (&record, 1);
      g_thread_join (thread);
    }
}
END_TEST

START_TEST (completion_wakes_a_blocking_iterate)
{
  for (guint i = 0; i < 20; i++)
    {
      Record record = { 0 };
      GThread *thread;

      queue_read_byte (ends[0], &byte, &record);
      thread = write_byte_while_asleep (ends[1]);
      ck_assert_int_eq (iterate_ring (TRUE), 1);
      assert_ended_with (&record, 1);
      g_thread_join (thread);
    }
}
END_TEST

START_TEST (timeout_wakes_a_loop_that_has_nothing_else)
{
  struct __kernel_timespec soon = { .tv_nsec = 1000000 };
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  io_uring_prep_timeout (&sqe, &soon, 0, 0);
  queue (&sqe, &record);
  run_until (record.n_final > 0);
  assert_ended_with (&record, -ETIME);
}
END_TEST

static gboolean
nest_loop (gpointer data)
{
  Record *record = data;

  queue_nop (record);
  run_until (record->n_final > 0);
  return G_SOURCE_REMOVE;
}

START_TEST (loop_nested_in_another_source_runs_the_ring)
{
  GSource *source = g_idle_source_new ();
  Record record = { 0 };

  g_source_set_callback (source, nest_loop, &record, NULL);
  g_source_attach (source, context);
  g_source_unref (source);
  g_main_context_iteration (context, TRUE);
  assert_ended_with (&record, 0);
}
END_TEST

static void
iterate_by_hand (void)
{
  GPollFD fds[MANUAL_FDS];
  gint priority, timeout, n;

  g_main_context_prepare (context, &priority);
  n = g_main_context_query (context, priority, &timeout, fds, MANUAL_FDS);
  ck_assert_int_le (n, MANUAL_FDS);
  g_poll (fds, (guint) n, timeout);
  if (g_main_context_check (context, priority, fds, n))
    g_main_context_dispatch (context);
}

START_TEST (loop_made_by_hand_works)
{
  Record nop = { 0 }, reading = { 0 };
  GThread *thread;

  queue_nop (&nop);
  queue_read_byte (ends[0], &byte, &reading);
  while (nop.n_final == 0)
    iterate_by_hand ();
  assert_ended_with (&nop, 0);
  assert_untouched (&reading);

  thread = write_byte_while_asleep (ends[1]);
  while (reading.n_final == 0)
    iterate_by_hand ();
  assert_ended_with (&reading, 1);
  g_thread_join (thread);
}
END_TEST

START_TEST (ring_at_rest_lets_the_loop_sleep)
{
  Record nop = { 0 }, reading = { 0 };
  GPollFD fds[MANUAL_FDS];
  gint priority, timeout;

  queue_nop (&nop);
  queue_read_byte (ends[0], &byte, &reading);
  run_until (nop.n_final > 0);
  while (g_main_context_iteration (context, FALSE))
    ;

  ck_assert (!g_main_context_prepare (context, &priority));
  g_main_context_query (context, priority, &timeout, fds, MANUAL_FDS);
  ck_assert_int_eq (timeout, -1);
  ck_assert (!g_main_context_check (context, priority, fds, 0));

  write_byte (ends[1]);
  run_until (reading.n_final > 0);
}
END_TEST

static void
add_properties (TCase *tcase)
{
  tcase_add_test (tcase, sizes_are_rounded_up);
  tcase_add_test (tcase, default_sizes_have_room);
  tcase_add_test (tcase, initable_takes_the_size_of_the_cq);
  tcase_add_loop_test (tcase, impossible_sizes_are_refused, 0, 4);
  tcase_add_test (tcase, supports_what_the_kernel_has);
}

static void
add_iterate (TCase *tcase)
{
  tcase_add_test (tcase, iterate_returns_at_once_with_nothing_to_wait_for);
  tcase_add_test (tcase, iterate_counts_completions_that_are_not_final);
  tcase_add_test (tcase, iterate_keeps_to_the_budget);
  tcase_add_test (tcase, iterate_makes_no_system_call_when_nothing_is_ready);
  tcase_add_test (tcase, completion_wakes_a_blocking_iterate);
}

static void
add_sharing (TCase *tcase)
{
  tcase_add_loop_test (tcase, other_sources_run_beside_a_ring_that_never_rests, 0, 12);
  tcase_add_loop_test (tcase, priority_of_the_source_counts, 0, 2);
}

static void
add_wake_ups (TCase *tcase)
{
  tcase_add_loop_test (tcase, queued_in_another_sources_dispatch_completes, 0, 3);
  tcase_add_loop_test (tcase, queued_after_the_rings_prepare_completes, 0, 2);
  tcase_add_test (tcase, cancelled_after_the_rings_prepare_ends);
  tcase_add_test (tcase, completion_wakes_a_loop_that_has_nothing_else);
  tcase_add_test (tcase, timeout_wakes_a_loop_that_has_nothing_else);
  tcase_add_test (tcase, loop_nested_in_another_source_runs_the_ring);
  tcase_add_test (tcase, loop_made_by_hand_works);
  tcase_add_test (tcase, ring_at_rest_lets_the_loop_sleep);
}

int
main (void)
{
  static void (*const add[]) (TCase * tcase) = { add_properties, add_iterate, add_sharing,
                                                 add_wake_ups };
  static const gchar *const names[] = { "properties", "iterate", "sharing", "wake-ups" };
  Suite *suite = suite_create ("loop");
  TCase *threads = add_case (suite, "threads");

  for (guint i = 0; i < G_N_ELEMENTS (add); i++)
    {
      TCase *tcase = add_case (suite, names[i]);

      tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
      add[i](tcase);
    }
  tcase_add_test (threads, queued_in_one_thread_completes_in_the_loop_of_another);
  return run_suite (suite);
}
