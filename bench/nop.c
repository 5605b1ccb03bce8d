/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations that do nothing: what is left is the overhead. */

#include "sqes.h"

static void
prepare (struct io_uring_sqe *sqe, guint slot)
{
  io_uring_prep_nop (sqe);
}

static void
run (const BenchCase *test, void (*run_sqes) (const BenchSqes *))
{
  BenchSqes sqes = { prepare, 0, test->depth, test->n_ops };

  run_sqes (&sqes);
  bench_end (test->n_ops);
}

static void
run_raw (const BenchCase *test)
{
  run (test, bench_sqes_raw);
}

static void
run_guring (const BenchCase *test)
{
  run (test, bench_sqes_guring);
}

static void
run_textbook (const BenchCase *test)
{
  run (test, bench_sqes_textbook);
}

const BenchEntry bench_nop[] = {
  { "nop", "raw", run_raw },
  { "nop", "guring", run_guring },
  { "nop", "textbook", run_textbook },
  { 0 },
};
