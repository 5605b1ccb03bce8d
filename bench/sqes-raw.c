/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limit: liburing and nothing else. All that is ready is reaped and submitted again at once. */

#include "raw.h"
#include "sqes.h"

static struct io_uring ring;

static void
start (const BenchSqes *sqes, guint slot)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe (&ring);

  sqes->prepare (sqe, slot);
  io_uring_sqe_set_data64 (sqe, slot);
}

static unsigned
reap (const BenchSqes *sqes, guint64 *n_left)
{
  struct io_uring_cqe *cqe;
  unsigned head, n = 0;

  io_uring_for_each_cqe (&ring, head, cqe)
  {
    bench_expect ("the operation", cqe->res, sqes->result);
    if (*n_left > 0)
      {
        start (sqes, (guint) cqe->user_data);
        --*n_left;
      }
    n++;
  }
  io_uring_cq_advance (&ring, n);
  return n;
}

void
bench_sqes_raw (const BenchSqes *sqes)
{
  guint64 n_left = sqes->n_ops - sqes->depth, n_ended = 0;

  bench_raw_init (&ring, sqes->depth, sqes->depth * 2);
  bench_begin ();
  for (guint slot = 0; slot < sqes->depth; slot++)
    start (sqes, slot);
  while (n_ended < sqes->n_ops)
    {
      int result = io_uring_submit_and_wait (&ring, 1);

      if (result < 0)
        bench_fail ("io_uring_submit_and_wait", -result);
      n_ended += reap (sqes, &n_left);
    }
}
