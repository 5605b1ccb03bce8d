/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "blocks.h"

static void start (guint slot);

static void
end (gssize result, guint slot)
{
  bench_blocks_end (result);
  start (slot);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer slot)
{
  end (guring_read_into_finish (result, NULL), GPOINTER_TO_UINT (slot));
}

static void
on_written (GObject *source, GAsyncResult *result, gpointer slot)
{
  gsize n_written = 0;

  guring_write_finish (result, &n_written, NULL);
  end ((gssize) n_written, GPOINTER_TO_UINT (slot));
}

static void
start (guint slot)
{
  gpointer memory = bench_blocks_get_memory (slot);
  gint64 offset = bench_blocks_next ();
  g_autoptr (GBytes) bytes = NULL;

  if (offset < 0)
    return;
  if (!bench_blocks.writes)
    {
      guring_read_into_async (bench_blocks.fd, memory, BENCH_BLOCK, offset, G_PRIORITY_DEFAULT,
                              NULL, on_read, GUINT_TO_POINTER (slot));
      return;
    }
  bytes = g_bytes_new_static (memory, BENCH_BLOCK);
  guring_write_async (bench_blocks.fd, bytes, offset, G_PRIORITY_DEFAULT, NULL, on_written,
                      GUINT_TO_POINTER (slot));
}

void
bench_blocks_guring_gio (const BenchCase *test)
{
  bench_blocks_open (test);
  bench_blocks_run (start);
}
