/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Chains of a read and a write, some at once */

#include <errno.h>
#include <fcntl.h>

#include "copy.h"
#include "raw.h"

#define CHUNK (256u << 10) /* what the cache of a core can hold */
#define N_SLOTS 4

static struct io_uring ring;
static char *buffers;
static guint64 n_started;
static int in, out;

static void
start (guint slot)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe (&ring);

  io_uring_prep_read (sqe, in, buffers + slot * CHUNK, CHUNK, n_started * CHUNK);
  sqe->flags |= IOSQE_IO_LINK;
  io_uring_sqe_set_data64 (sqe, N_SLOTS);
  sqe = io_uring_get_sqe (&ring);
  io_uring_prep_write (sqe, out, buffers + slot * CHUNK, CHUNK, n_started * CHUNK);
  io_uring_sqe_set_data64 (sqe, slot);
  n_started++;
}

static void
on_completed (const struct io_uring_cqe *cqe, guint64 n_chunks, guint64 *n_ended)
{
  bench_expect ("copying", cqe->res, CHUNK);
  if (cqe->user_data == N_SLOTS)
    return;
  ++*n_ended;
  if (n_started < n_chunks)
    start ((guint) cqe->user_data);
}

void
bench_copy_raw (guint64 size)
{
  guint64 n_chunks = size / CHUNK, n_ended = 0;
  struct io_uring_cqe *cqe;
  unsigned head, n;

  bench_raw_init (&ring, N_SLOTS * 2, N_SLOTS * 4);
  buffers = g_aligned_alloc (N_SLOTS, CHUNK, BENCH_BLOCK);
  bench_begin ();
  in = open (bench_copied.source, O_RDONLY | O_CLOEXEC);
  out = open (bench_copied.destination, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (in < 0 || out < 0)
    bench_fail ("opening", errno);
  for (guint slot = 0; slot < N_SLOTS; slot++)
    start (slot);
  while (n_ended < n_chunks)
    {
      int result = io_uring_submit_and_wait (&ring, 1);

      if (result < 0)
        bench_fail ("io_uring_submit_and_wait", -result);
      n = 0;
      io_uring_for_each_cqe (&ring, head, cqe)
      {
        on_completed (cqe, n_chunks, &n_ended);
        n++;
      }
      io_uring_cq_advance (&ring, n);
    }
}
