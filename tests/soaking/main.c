/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything at once, for long; see tests/soak. */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "fuzz/faults.h"
#include "fuzz/oracle.h"
#include "inputs.h"
#include "operations.h"
#include "ring-private.h"
#include "samples.h"
#include "service.h"

#define N_INPUTS 16   /* in a row */
#define N_CROWDS 4    /* of clients, between which some stall */
#define N_SAMPLES 600 /* but at most one a second */

static gdouble minutes = 10;
static gint seed;
static gchar *leak;
static gchar *output;

static const GOptionEntry options[] = {
  { "minutes", 0, 0, G_OPTION_ARG_DOUBLE, &minutes, "How long", "N" },
  { "seed", 0, 0, G_OPTION_ARG_INT, &seed, "Of all that is random, to repeat a run", "N" },
  { "leak", 0, 0, G_OPTION_ARG_STRING, &leak, "Leak one a sample: memory, descriptor or slot",
    "WHAT" },
  { "output", 0, 0, G_OPTION_ARG_FILENAME, &output, "Where what is found goes", "DIRECTORY" },
  { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
};

static GMainContext *context;
static GuringRing *ring; /* that of the service, all the while */

static void
parse (int argc, char **argv)
{
  g_autoptr (GOptionContext) parser = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (parser, options, NULL);
  if (!g_option_context_parse (parser, &argc, &argv, &error) || argc > 1 || output == NULL ||
      minutes <= 0)
    {
      fprintf (stderr, "soak: %s\n", error != NULL ? error->message : "see --help");
      exit (2);
    }
  while (seed == 0)
    seed = (gint) g_random_int ();
  printf ("seed %d, %g minutes\n", seed, minutes);
  fflush (stdout);
}

static void
begin (void)
{
  inputs_init (output);
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  ring = guring_ring_get_default (NULL);
  clients_init (context);
  service_start (output);
  g_main_context_pop_thread_default (context);
}

/* What is not to be noticed when nothing leaks */
static void
leak_one (void)
{
  if (g_strcmp0 (leak, "memory") == 0)
    memset (g_malloc (16384), 1, 16384);
  else if (g_strcmp0 (leak, "descriptor") == 0)
    dup (STDOUT_FILENO);
  else if (g_strcmp0 (leak, "slot") == 0)
    guring_registry_insert (&ring->registry);
}

static void
look (void)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  oracle_holds ("statistics add up",
                statistics.queued ==
                  statistics.completed + statistics.in_flight + statistics.backlog,
                "%" G_GUINT64_FORMAT " queued", statistics.queued);
  oracle_holds ("ids don't lie", statistics.unknown_completions == 0,
                "%" G_GUINT64_FORMAT " of no operation", statistics.unknown_completions);
  leak_one ();
  samples_take (ring, operations_get_count ());
}

static void
go_round (GRand *random)
{
  for (guint i = 0; i < N_INPUTS; i++)
    inputs_run (random);
  g_main_context_push_thread_default (context);
  for (guint i = 0; i < N_CROWDS; i++)
    clients_come (random);
  clients_hang_up ();
  g_main_context_pop_thread_default (context);
}

static void
run (void)
{
  g_autoptr (GRand) random = g_rand_new_with_seed ((guint32) seed);
  g_autofree gchar *csv = g_build_filename (output, "soak.csv", NULL);
  gint64 duration = (gint64) (minutes * 60 * G_TIME_SPAN_SECOND);
  gint64 interval = MAX (duration / N_SAMPLES, G_TIME_SPAN_SECOND);
  gint64 start = g_get_monotonic_time ();
  gint64 next = start + interval;

  samples_start (csv, duration);
  while (g_get_monotonic_time () < start + duration)
    {
      go_round (random);
      if (g_get_monotonic_time () >= next)
        {
          look ();
          next += interval;
        }
    }
}

/* All of the service's ring has ended with it. */
static void
end (void)
{
  GuringStatistics statistics;

  g_main_context_push_thread_default (context);
  service_stop ();
  g_object_ref (ring);
  oracle_holds ("closing ends all operations", guring_ring_close (ring, -1, NULL), "false");
  guring_ring_get_statistics (ring, &statistics);
  oracle_holds ("exactly once", statistics.queued == statistics.completed,
                "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT, statistics.completed,
                statistics.queued);
  g_object_unref (ring);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
}

static void
print (void)
{
  printf ("%" G_GUINT64_FORMAT " operations, %.0f a second; %" G_GUINT64_FORMAT
          " cancellations, %" G_GUINT64_FORMAT " faults\n",
          operations_get_count (), (gdouble) operations_get_count () / minutes / 60,
          operations_get_cancelled (), faults_get_count ());
  operations_print ();
  puts ("inputs of the fuzzers:");
  inputs_print ();
  puts ("clients:");
  clients_print ();
}

int
main (int argc, char **argv)
{
  parse (argc, argv);
  begin ();
  run ();
  end ();

  print ();
  return samples_are_flat () ? EXIT_SUCCESS : EXIT_FAILURE;
}
