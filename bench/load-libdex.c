/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <libdex.h>

#include "load.h"

static void start (guint slot);

static DexFuture *
on_loaded (DexFuture *future, gpointer slot)
{
  GError *error = NULL;
  const GValue *value = dex_future_get_value (future, &error);

  if (value == NULL)
    g_error ("%s", error->message);
  bench_loads_end ((gint64) g_bytes_get_size (g_value_get_boxed (value)));
  start (GPOINTER_TO_UINT (slot));
  return NULL;
}

static void
start (guint slot)
{
  gint i = bench_loads_next ();
  DexFuture *future;

  if (i < 0)
    return;
  future = dex_file_load_contents_bytes (bench_loads.files[i]);
  dex_future_disown (dex_future_finally (future, on_loaded, GUINT_TO_POINTER (slot), NULL));
}

void
bench_loads_libdex (const BenchCase *test)
{
  dex_init ();
  bench_loads_run (test, start);
}
