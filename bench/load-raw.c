/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each file is one chain on a direct descriptor, which no table of the process has. */

#define _GNU_SOURCE

#include <fcntl.h>

#include "load.h"
#include "raw.h"

#define BUFFER_SIZE (2 * BENCH_FILE_SIZE) /* who gets less has the whole file */

enum
{
  OPEN,
  READ,
  CLOSE,
  N_STEPS
};

static struct io_uring ring;
static char *buffers;

static void
start (guint slot)
{
  gint i = bench_loads_next ();
  struct io_uring_sqe *sqe;

  if (i < 0)
    return;
  sqe = io_uring_get_sqe (&ring);
  io_uring_prep_openat_direct (sqe, AT_FDCWD, bench_loads.names[i], O_RDONLY, 0, slot);
  io_uring_sqe_set_flags (sqe, IOSQE_IO_LINK);
  io_uring_sqe_set_data64 (sqe, slot * N_STEPS + OPEN);

  sqe = io_uring_get_sqe (&ring);
  io_uring_prep_read (sqe, (int) slot, buffers + slot * BUFFER_SIZE, BUFFER_SIZE, 0);
  io_uring_sqe_set_flags (sqe, IOSQE_FIXED_FILE | IOSQE_IO_HARDLINK);
  io_uring_sqe_set_data64 (sqe, slot * N_STEPS + READ);

  sqe = io_uring_get_sqe (&ring);
  io_uring_prep_close_direct (sqe, slot);
  io_uring_sqe_set_data64 (sqe, slot * N_STEPS + CLOSE);
}

static void
on_completed (guint slot, guint step, int res)
{
  if (step == READ)
    {
      bench_loads_end (res);
      return;
    }
  bench_expect (step == OPEN ? "opening" : "closing", res, 0);
  if (step == CLOSE)
    start (slot);
}

static void
reap (void)
{
  struct io_uring_cqe *cqe;
  unsigned head, n = 0;

  io_uring_for_each_cqe (&ring, head, cqe)
  {
    on_completed ((guint) cqe->user_data / N_STEPS, (guint) cqe->user_data % N_STEPS, cqe->res);
    n++;
  }
  io_uring_cq_advance (&ring, n);
}

void
bench_loads_raw (const BenchCase *test)
{
  buffers = g_malloc (test->depth * BUFFER_SIZE);
  bench_raw_init (&ring, test->depth * N_STEPS, test->depth * N_STEPS * 2);
  bench_expect ("registering files", io_uring_register_files_sparse (&ring, test->depth), 0);
  bench_loads_set_up (test);
  bench_begin ();
  for (guint slot = 0; slot < test->depth; slot++)
    start (slot);
  while (bench_loads.n_ended < test->n_ops)
    {
      int result = io_uring_submit_and_wait (&ring, 1);

      if (result < 0)
        bench_fail ("io_uring_submit_and_wait", -result);
      reap ();
    }
  bench_end (test->n_ops);
}
