/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring-private.h"
#include "samples.h"

typedef struct
{
  const gchar *name;
  guint64 (*look) (GuringRing *ring);
  guint64 allowed; /* more than before */
  guint64 highest; /* of the second quarter */
  guint64 lowest;  /* of the last */
} Measure;

static FILE *csv;
static gint64 start;
static gint64 duration;

/* Pages, in KiB */
static guint64
look_at_resident (GuringRing *ring)
{
  g_autofree gchar *statm = NULL;

  if (!g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL))
    g_error ("No /proc");
  return g_ascii_strtoull (strchr (statm, ' '), NULL, 10) * (guint64) sysconf (_SC_PAGESIZE) / 1024;
}

static guint64
look_at_heap (GuringRing *ring)
{
  return mallinfo2 ().uordblks / 1024;
}

static guint
count_entries (const gchar *path, const gchar *comm)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *file = g_build_filename (path, name, "comm", NULL);
      g_autofree gchar *content = NULL;

      n += comm == NULL ||
           (g_file_get_contents (file, &content, NULL, NULL) && g_str_has_prefix (content, comm));
    }
  g_dir_close (dir);
  return n;
}

static guint64
look_at_descriptors (GuringRing *ring)
{
  return count_entries ("/proc/self/fd", NULL);
}

static guint64
look_at_threads (GuringRing *ring)
{
  return count_entries ("/proc/self/task", NULL);
}

/* Those of io-wq, see io_uring(7) */
static guint64
look_at_workers (GuringRing *ring)
{
  return count_entries ("/proc/self/task", "iou-wrk");
}

/* Those that are not free */
static guint64
look_at_slots (GuringRing *ring)
{
  guint64 n = ring->registry.n_slots;

  for (const GuringOperation *slot = ring->registry.free; slot != NULL; slot = slot->next)
    n--;
  return n;
}

/* GIO's pool of threads comes and goes, and each has memory of its own. */
static Measure measures[] = {
  { "resident_kib", look_at_resident, 1024, 0, G_MAXUINT64 },
  { "heap_kib", look_at_heap, 128, 0, G_MAXUINT64 },
  { "descriptors", look_at_descriptors, 0, 0, G_MAXUINT64 },
  { "slots", look_at_slots, 0, 0, G_MAXUINT64 },
  { "iou_wrk", look_at_workers, 0, 0, G_MAXUINT64 },
  { "threads", look_at_threads, 4, 0, G_MAXUINT64 },
};

void
samples_start (const gchar *path, gint64 duration_us)
{
  csv = fopen (path, "we");
  if (csv == NULL)
    g_error ("Could not write %s", path);
  start = g_get_monotonic_time ();
  duration = duration_us;

  fputs ("seconds,operations", csv);
  for (gsize i = 0; i < G_N_ELEMENTS (measures); i++)
    fprintf (csv, ",%s", measures[i].name);
  fputc ('\n', csv);
}

void
samples_take (GuringRing *ring, guint64 n_operations)
{
  gint64 passed = g_get_monotonic_time () - start;
  gint64 quarter = passed * 4 / duration;

  fprintf (csv, "%.1f,%" G_GUINT64_FORMAT, (gdouble) passed / G_TIME_SPAN_SECOND, n_operations);
  for (gsize i = 0; i < G_N_ELEMENTS (measures); i++)
    {
      Measure *measure = &measures[i];
      guint64 value = measure->look (ring);

      fprintf (csv, ",%" G_GUINT64_FORMAT, value);
      if (quarter == 1)
        measure->highest = MAX (measure->highest, value);
      if (quarter >= 3)
        measure->lowest = MIN (measure->lowest, value);
    }
  fputc ('\n', csv);
  fflush (csv); /* it stays if this crashes */
}

gboolean
samples_are_flat (void)
{
  gboolean all_are_flat = TRUE;

  fclose (csv);
  printf ("%-14s %19s %19s %9s\n", "", "2nd quarter, at most", "last, at least", "allowed");
  for (gsize i = 0; i < G_N_ELEMENTS (measures); i++)
    {
      const Measure *measure = &measures[i];
      gboolean is_flat = measure->lowest <= measure->highest + measure->allowed;

      printf ("%-14s %20" G_GUINT64_FORMAT " %19" G_GUINT64_FORMAT " %9" G_GUINT64_FORMAT "  %s\n",
              measure->name, measure->highest, measure->lowest, measure->allowed,
              is_flat ? "flat" : "GROWS");
      all_are_flat = all_are_flat && is_flat;
    }
  return all_are_flat;
}
