/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <libdex.h>

#include "blocks.h"

static void start (guint slot);

static DexFuture *
on_transferred (DexFuture *future, gpointer slot)
{
  GError *error = NULL;
  const GValue *value = dex_future_get_value (future, &error);

  if (value == NULL)
    g_error ("%s", error->message);
  bench_blocks_end (g_value_get_int64 (value));
  start (GPOINTER_TO_UINT (slot));
  return NULL;
}

static void
start (guint slot)
{
  gint64 offset = bench_blocks_next ();
  gpointer memory = bench_blocks_get_memory (slot);
  DexFuture *future;

  if (offset < 0)
    return;
  if (bench_blocks.writes)
    future = dex_aio_write (NULL, bench_blocks.fd, memory, BENCH_BLOCK, offset);
  else
    future = dex_aio_read (NULL, bench_blocks.fd, memory, BENCH_BLOCK, offset);
  dex_future_disown (dex_future_finally (future, on_transferred, GUINT_TO_POINTER (slot), NULL));
}

void
bench_blocks_libdex (const BenchCase *test)
{
  dex_init ();
  bench_blocks_open (test);
  bench_blocks_run (start);
}
