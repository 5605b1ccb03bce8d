/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads and writes of 4 KiB all over a file, so many at once. A slot is one of those under way. */

#pragma once

#include "harness.h"

G_BEGIN_DECLS

typedef struct
{
  const BenchCase *test;
  gboolean writes;
  char *path;
  int fd;
  guint8 *memory; /* a block for each slot */
  guint64 n_started;
  guint64 n_ended;
  GMainLoop *loop;
} BenchBlocks;

extern BenchBlocks bench_blocks;

void bench_blocks_open (const BenchCase *test);
gint64 bench_blocks_next (void);       /* the offset of the next, -1 if there is none left */
void bench_blocks_end (gint64 result); /* of one; of the last: quits the loop */
void bench_blocks_run (void (*start) (guint slot)); /* in a loop, measured */
void bench_blocks_finish (void);

static inline gpointer
bench_blocks_get_memory (guint slot)
{
  return bench_blocks.memory + (gsize) slot * BENCH_BLOCK;
}

/* The implementations */

void bench_blocks_guring_gio (const BenchCase *test);
void bench_blocks_gio (const BenchCase *test);
void bench_blocks_libuv (const BenchCase *test);
void bench_blocks_libdex (const BenchCase *test);

G_END_DECLS
