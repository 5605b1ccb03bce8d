/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A stream of GIO can do one thing at a time, at its position: there is one for each slot. */

#include "blocks.h"

static GObject **streams;

static void start (guint slot);

static void
on_transferred (GObject *stream, GAsyncResult *result, gpointer slot)
{
  GError *error = NULL;
  gssize n = bench_blocks.writes
               ? g_output_stream_write_finish (G_OUTPUT_STREAM (stream), result, &error)
               : g_input_stream_read_finish (G_INPUT_STREAM (stream), result, &error);

  if (error != NULL)
    g_error ("%s", error->message);
  bench_blocks_end (n);
  start (GPOINTER_TO_UINT (slot));
}

static void
start (guint slot)
{
  gint64 offset = bench_blocks_next ();
  gpointer memory = bench_blocks_get_memory (slot);

  if (offset < 0)
    return;
  g_seekable_seek (G_SEEKABLE (streams[slot]), offset, G_SEEK_SET, NULL, NULL);
  if (bench_blocks.writes)
    g_output_stream_write_async (G_OUTPUT_STREAM (streams[slot]), memory, BENCH_BLOCK,
                                 G_PRIORITY_DEFAULT, NULL, on_transferred, GUINT_TO_POINTER (slot));
  else
    g_input_stream_read_async (G_INPUT_STREAM (streams[slot]), memory, BENCH_BLOCK,
                               G_PRIORITY_DEFAULT, NULL, on_transferred, GUINT_TO_POINTER (slot));
}

static GObject *
open_stream (void)
{
  g_autoptr (GFile) file = g_file_new_for_path (bench_blocks.path);
  GError *error = NULL;
  GObject *stream;

  if (bench_blocks.writes)
    {
      GFileIOStream *both = g_file_open_readwrite (file, NULL, &error); /* stays open */

      stream = both != NULL ? G_OBJECT (g_io_stream_get_output_stream (G_IO_STREAM (both))) : NULL;
    }
  else
    stream = (GObject *) g_file_read (file, NULL, &error);
  if (stream == NULL)
    g_error ("%s", error->message);
  return stream;
}

void
bench_blocks_gio (const BenchCase *test)
{
  bench_blocks_open (test);
  streams = g_new (GObject *, test->depth);
  for (guint slot = 0; slot < test->depth; slot++)
    streams[slot] = open_stream ();
  bench_blocks_run (start);
}
