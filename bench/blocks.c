/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blocks.h"
#include "config.h"
#include "sqes.h"

#define STEP 40503    /* odd: visits each block of a power of two once before it comes again */
#define EXIT_AGAIN 75 /* EX_TEMPFAIL: the conditions did not hold */

BenchBlocks bench_blocks;

static gint64 n_blocks;

static gboolean
is_cached (gpointer mapping, gsize size)
{
  g_autofree guint8 *resident = g_malloc (size / BENCH_BLOCK);

  if (mincore (mapping, size, resident) < 0)
    bench_fail ("mincore", errno);
  for (gsize i = 0; i < size / BENCH_BLOCK; i++)
    if (!(resident[i] & 1))
      return FALSE;
  return TRUE;
}

static void
expect_cached (void)
{
  gsize size = (gsize) n_blocks * BENCH_BLOCK;
  gpointer mapping = mmap (NULL, size, PROT_READ, MAP_SHARED, bench_blocks.fd, 0);
  gboolean cached = is_cached (mapping, size);

  munmap (mapping, size);
  if (!cached)
    {
      fprintf (stderr, "bench: the file is not cached any more\n");
      exit (EXIT_AGAIN);
    }
}

/* Some machines take the pages of idle files within minutes. */
static void
warm (void)
{
  gint64 size = n_blocks * BENCH_BLOCK;
  gsize step = 1 << 20;
  g_autofree guint8 *buffer = g_malloc (step);

  for (gint64 offset = 0; offset < size; offset += (gint64) step)
    bench_expect ("pread", pread (bench_blocks.fd, buffer, step, offset), (gint64) step);
  expect_cached ();
}

static void
make_cold (void)
{
  if (fsync (bench_blocks.fd) < 0)
    bench_fail ("fsync", errno);
  posix_fadvise (bench_blocks.fd, 0, 0, POSIX_FADV_DONTNEED);
  posix_fadvise (bench_blocks.fd, 0, 0, POSIX_FADV_RANDOM);
}

static gboolean
is_to_be_cached (void)
{
  return bench_case_is (bench_blocks.test, "cached");
}

void
bench_blocks_open (const BenchCase *test)
{
  BenchBlocks *blocks = &bench_blocks;
  int flags = bench_case_is (test, "direct") ? O_DIRECT : 0;
  gsize size = (gsize) test->depth * BENCH_BLOCK;
  struct stat status;

  blocks->test = test;
  blocks->writes = bench_case_is (test, "written");
  blocks->path = g_build_filename (test->dir, blocks->writes ? "written" : "read", NULL);
  blocks->fd = open (blocks->path, (blocks->writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | flags);
  if (blocks->fd < 0 || fstat (blocks->fd, &status) < 0)
    bench_fail (blocks->path, errno);
  n_blocks = status.st_size / BENCH_BLOCK;
  blocks->memory = g_aligned_alloc0 (1, size, BENCH_BLOCK);

  if (is_to_be_cached () || blocks->writes)
    warm ();
  else
    make_cold ();
}

gint64
bench_blocks_next (void)
{
  BenchBlocks *blocks = &bench_blocks;

  if (blocks->n_started == blocks->test->n_ops)
    return -1;
  return (gint64) (blocks->n_started++ * STEP) % n_blocks * BENCH_BLOCK;
}

void
bench_blocks_end (gint64 result)
{
  bench_expect ("the transfer", result, BENCH_BLOCK);
  if (++bench_blocks.n_ended == bench_blocks.test->n_ops && bench_blocks.loop != NULL)
    g_main_loop_quit (bench_blocks.loop);
}

void
bench_blocks_run (void (*start) (guint slot))
{
  bench_blocks.loop = g_main_loop_new (NULL, FALSE);
  bench_begin ();
  for (guint slot = 0; slot < bench_blocks.test->depth; slot++)
    start (slot);
  g_main_loop_run (bench_blocks.loop);
  bench_blocks_finish ();
}

/* Everybody's writes end with the same fsync(). */
void
bench_blocks_finish (void)
{
  if (bench_blocks.writes && fsync (bench_blocks.fd) < 0)
    bench_fail ("fsync", errno);
  bench_end (bench_blocks.n_ended);
  if (is_to_be_cached ())
    expect_cached ();
}

/* As SQEs: those who run these open and measure by themselves. */

static void
prepare (struct io_uring_sqe *sqe, guint slot)
{
  guint64 offset = (guint64) bench_blocks_next ();

  if (bench_blocks.writes)
    io_uring_prep_write (sqe, bench_blocks.fd, bench_blocks_get_memory (slot), BENCH_BLOCK, offset);
  else
    io_uring_prep_read (sqe, bench_blocks.fd, bench_blocks_get_memory (slot), BENCH_BLOCK, offset);
}

static void
run_sqes (const BenchCase *test, void (*run) (const BenchSqes *))
{
  BenchSqes sqes = { prepare, BENCH_BLOCK, test->depth, test->n_ops };

  bench_blocks_open (test);
  run (&sqes);
  bench_blocks.n_ended = test->n_ops;
  bench_blocks_finish ();
}

static void
run_raw (const BenchCase *test)
{
  run_sqes (test, bench_sqes_raw);
}

static void
run_guring (const BenchCase *test)
{
  run_sqes (test, bench_sqes_guring);
}

static void
run_textbook (const BenchCase *test)
{
  run_sqes (test, bench_sqes_textbook);
}

#define FOR_BOTH(impl, run)                                                                        \
  { "read", impl, run },                                                                           \
  {                                                                                                \
    "write", impl, run                                                                             \
  }

const BenchEntry bench_block[] = {
  FOR_BOTH ("raw", run_raw),
  FOR_BOTH ("guring", run_guring),
  FOR_BOTH ("guring-gio", bench_blocks_guring_gio),
  FOR_BOTH ("textbook", run_textbook),
  FOR_BOTH ("gio", bench_blocks_gio),
#ifdef HAVE_LIBUV
  FOR_BOTH ("libuv", bench_blocks_libuv),
#endif
#ifdef HAVE_LIBDEX
  FOR_BOTH ("libdex", bench_blocks_libdex),
#endif
  { 0 },
};
