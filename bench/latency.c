/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How late other sources of the context are, while the ring always has something to do: a timer of
 * 1 ms, from the time that it was set to; an idle source, from its turn before. */

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "textbook.h"

#define INTERVAL_MS 1

static GMainLoop *loop;
static GArray *delays; /* of gint64, µs */
static guint64 n_samples, n_operations;
static gint64 previous;

/* What saturates the ring: NOPs, each of which starts the next */

static void
on_nop (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  GError *error = NULL;

  n_operations++;
  io_uring_prep_nop (&sqe);
  if (guring_ring_queue (ring, &sqe, on_nop, NULL, NULL, &error) == 0)
    g_error ("%s", error->message);
}

static void
on_textbook_nop (int res, gpointer textbook)
{
  struct io_uring_sqe *sqe = textbook_get_sqe (textbook);

  n_operations++;
  io_uring_prep_nop (sqe);
  textbook_submit (textbook, sqe, on_textbook_nop, textbook);
}

/* Who is delayed */

static gboolean
add_delay (gint64 delay)
{
  g_array_append_val (delays, delay);
  if (delays->len < n_samples)
    return G_SOURCE_CONTINUE;

  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

static gboolean
on_timeout (gpointer user_data)
{
  return add_delay (g_get_monotonic_time () - g_source_get_ready_time (g_main_current_source ()));
}

static gboolean
on_idle (gpointer user_data)
{
  gint64 now = g_get_monotonic_time (), delay = now - previous;

  previous = now;
  return add_delay (delay);
}

static int
compare (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

static void
print_percentile (const char *name, guint per_mille)
{
  guint index = delays->len * per_mille / 1000;

  printf ("%s_ns %" G_GINT64_FORMAT "\n", name, g_array_index (delays, gint64, index) * 1000);
}

/* Other processes shall not count, where that can be had. */
static void
run_before_others (void)
{
  const struct sched_param parameters = { .sched_priority = 1 };

  sched_setscheduler (0, SCHED_RR, &parameters);
}

static void
measure (const BenchCase *test)
{
  run_before_others ();
  n_samples = test->n_ops;
  delays = g_array_new (FALSE, FALSE, sizeof (gint64));
  loop = g_main_loop_new (NULL, FALSE);
  previous = g_get_monotonic_time ();
  if (bench_case_is (test, "timer"))
    g_timeout_add (INTERVAL_MS, on_timeout, NULL);
  else
    g_idle_add (on_idle, NULL);

  bench_begin ();
  g_main_loop_run (loop);
  bench_end (MAX (n_operations, n_samples));
  g_array_sort (delays, compare);
  print_percentile ("p50", 500);
  print_percentile ("p99", 990);
  print_percentile ("p999", 999);
}

static void
run_guring (const BenchCase *test)
{
  GuringRing *ring = bench_ring_new (0);
  const GuringCompletion completion = { 0 };

  for (guint i = 0; i < test->depth; i++)
    on_nop (ring, &completion, NULL);
  measure (test);
}

static void
run_textbook (const BenchCase *test)
{
  Textbook *textbook = textbook_new (test->depth);

  for (guint i = 0; i < test->depth; i++)
    on_textbook_nop (0, textbook);
  measure (test);
}

/* Nothing else to do: what GLib and the kernel's scheduler cost */
static void
run_gio (const BenchCase *test)
{
  measure (test);
}

const BenchEntry bench_latency[] = {
  { "latency", "guring", run_guring },
  { "latency", "textbook", run_textbook },
  { "latency", "gio", run_gio },
  { 0 },
};
