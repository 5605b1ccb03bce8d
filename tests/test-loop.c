/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 7: whatever is queued or completes needs no unrelated event. */

#include "config.h"

#include "support.h"

#define MANUAL_FDS 8

static gchar byte;

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

START_TEST (queued_in_one_thread_completes_in_the_loop_of_another)
{
  Record record = { 0 };

  context = g_main_context_new ();
  ring = guring_ring_new (context, 8, NULL);
  ck_assert_ptr_nonnull (ring);

  g_thread_join (g_thread_new ("queue", queue_nop_in_thread, &record));
  assert_untouched (&record);
  g_thread_join (g_thread_new ("loop", run_until_ended, &record));
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
add_tests (TCase *tcase)
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
  Suite *suite = suite_create ("loop");
  TCase *tcase = add_case (suite, "ring");
  TCase *threads = add_case (suite, "threads");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
  add_tests (tcase);
  tcase_add_test (threads, queued_in_one_thread_completes_in_the_loop_of_another);
  return run_suite (suite);
}
