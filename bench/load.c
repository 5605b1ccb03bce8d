/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files are read once before, so that they are cached. Here are also the two that differ in one
 * call, as they promise. */

#include "config.h"

#include "load.h"

BenchLoads bench_loads;

gint
bench_loads_next (void)
{
  if (bench_loads.n_started == bench_loads.test->n_ops)
    return -1;
  return (gint) (bench_loads.n_started++ % BENCH_N_FILES);
}

void
bench_loads_end (gint64 size)
{
  if (size < 0)
    bench_fail ("reading", (int) -size);
  bench_expect ("the size of a file", size, BENCH_FILE_SIZE);
  if (++bench_loads.n_ended == bench_loads.test->n_ops && bench_loads.loop != NULL)
    g_main_loop_quit (bench_loads.loop);
}

void
bench_loads_set_up (const BenchCase *test)
{
  GError *error = NULL;

  bench_loads.test = test;
  for (guint i = 0; i < BENCH_N_FILES; i++)
    {
      g_autofree char *contents = NULL;

      bench_loads.names[i] = g_strdup_printf ("%s/load/%u", test->dir, i);
      bench_loads.files[i] = g_file_new_for_path (bench_loads.names[i]);
      if (!g_file_get_contents (bench_loads.names[i], &contents, NULL, &error))
        g_error ("%s", error->message);
    }
}

void
bench_loads_run (const BenchCase *test, void (*start) (guint slot))
{
  bench_loads_set_up (test);
  bench_loads.loop = g_main_loop_new (NULL, FALSE);
  bench_begin ();
  for (guint slot = 0; slot < test->depth; slot++)
    start (slot);
  g_main_loop_run (bench_loads.loop);
  bench_end (test->n_ops);
}

typedef struct
{
  void (*load) (GFile *, GCancellable *, GAsyncReadyCallback, gpointer);
  gboolean (*finish) (GFile *, GAsyncResult *, char **, gsize *, char **, GError **);
} Calls;

static Calls calls;

static void start (guint slot);

static void
on_loaded (GObject *file, GAsyncResult *result, gpointer slot)
{
  g_autofree char *contents = NULL;
  gsize size;
  GError *error = NULL;

  if (!calls.finish (G_FILE (file), result, &contents, &size, NULL, &error))
    g_error ("%s", error->message);
  bench_loads_end ((gint64) size);
  start (GPOINTER_TO_UINT (slot));
}

static void
start (guint slot)
{
  gint i = bench_loads_next ();

  if (i >= 0)
    calls.load (bench_loads.files[i], NULL, on_loaded, GUINT_TO_POINTER (slot));
}

static void
run_guring_gio (const BenchCase *test)
{
  calls = (Calls){ guring_file_load_contents_async, guring_file_load_contents_finish };
  bench_loads_run (test, start);
}

static void
run_gio (const BenchCase *test)
{
  calls = (Calls){ g_file_load_contents_async, g_file_load_contents_finish };
  bench_loads_run (test, start);
}

const BenchEntry bench_load[] = {
  { "load", "raw", bench_loads_raw },
  { "load", "guring", bench_loads_guring },
  { "load", "guring-gio", run_guring_gio },
  { "load", "textbook", bench_loads_textbook },
  { "load", "gio", run_gio },
#ifdef HAVE_LIBUV
  { "load", "libuv", bench_loads_libuv },
#endif
#ifdef HAVE_LIBDEX
  { "load", "libdex", bench_loads_libdex },
#endif
  { 0 },
};
