/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arena.h"
#include "oracle.h"

#define N_PLOTS 64 /* so many operations later one is used again */
#define FENCE 0xfe
#define POISON 0xa5

typedef struct
{
  ArenaPlot plots[N_PLOTS];
  ArenaCommon common;
} Arena;

static Arena *arena;
static gboolean taken[N_PLOTS];
static guint next_plot;
static guint8 fence[ARENA_FENCE_SIZE];
static guint8 poison[sizeof (ArenaPlot)];

/* Between two guard pages */
void
arena_init (void)
{
  gsize page_size = (gsize) sysconf (_SC_PAGESIZE);
  gsize size = (sizeof (Arena) + page_size - 1) & ~(page_size - 1);
  guint8 *pages = mmap (NULL, size + 2 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (pages == MAP_FAILED || mprotect (pages + page_size, size, PROT_READ | PROT_WRITE) != 0)
    g_error ("No memory for the arena");

  arena = (gpointer) (pages + page_size);
  memset (fence, FENCE, sizeof fence);
  memset (poison, POISON, sizeof poison);
  memset (arena->plots, POISON, sizeof arena->plots);
}

ArenaCommon *
arena_get_common (void)
{
  return &arena->common;
}

void
arena_get_bounds (struct iovec *bounds)
{
  *bounds = (struct iovec){ arena, sizeof *arena };
}

gpointer
arena_get_guard (void)
{
  return (guint8 *) arena - sysconf (_SC_PAGESIZE);
}

static void
check_plot (guint i)
{
  const ArenaPlot *plot = &arena->plots[i];

  if (taken[i])
    oracle_holds ("the kernel writes only where it was asked to",
                  memcmp (plot->front, fence, sizeof fence) == 0 &&
                    memcmp (plot->back, fence, sizeof fence) == 0,
                  "around plot %u", i);
  else
    oracle_holds ("buffers outlive the kernel", memcmp (plot, poison, sizeof poison) == 0,
                  "plot %u was written to after its operation had ended", i);
}

ArenaPlot *
arena_take (void)
{
  ArenaPlot *plot = &arena->plots[next_plot];

  check_plot (next_plot);
  g_assert (!taken[next_plot]);
  taken[next_plot] = TRUE;
  next_plot = (next_plot + 1) % N_PLOTS;

  memset (plot, 0, sizeof *plot);
  memset (plot->front, FENCE, sizeof plot->front);
  memset (plot->back, FENCE, sizeof plot->back);
  return plot;
}

void
arena_release (ArenaPlot *plot)
{
  guint i = (guint) (plot - arena->plots);

  check_plot (i);
  taken[i] = FALSE;
  memset (plot, POISON, sizeof *plot);
}

void
arena_check (void)
{
  for (guint i = 0; i < N_PLOTS; i++)
    check_plot (i);
}
