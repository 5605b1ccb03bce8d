/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 6: a ring that never rests shares its main context with other sources. */

#include "config.h"

#include "support.h"

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

static void
add_tests (TCase *tcase)
{
  tcase_add_loop_test (tcase, other_sources_run_beside_a_ring_that_never_rests, 0, 12);
  tcase_add_loop_test (tcase, priority_of_the_source_counts, 0, 2);
}

int
main (void)
{
  Suite *suite = suite_create ("fairness");

  add_tests (add_ring_case (suite, "ring"));
  return run_suite (suite);
}
