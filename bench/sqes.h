/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A number of operations, so many at once, each of which is an SQE; and who can run them. */

#pragma once

#include "harness.h"

G_BEGIN_DECLS

typedef struct
{
  void (*prepare) (struct io_uring_sqe *sqe, guint slot); /* the next operation */
  gint32 result;                                          /* of each */
  guint depth;
  guint64 n_ops;
} BenchSqes;

/* Each begins the measurement when it is set up, and leaves the end to the caller. */
void bench_sqes_raw (const BenchSqes *sqes);
void bench_sqes_guring (const BenchSqes *sqes);
void bench_sqes_textbook (const BenchSqes *sqes);

G_END_DECLS
