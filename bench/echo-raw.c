/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The limit: multishot recv into a ring of buffers, and the flags that suit it best. */

#include <sys/socket.h>

#include "echo.h"
#include "raw.h"

#define GROUP 0
#define SEND (G_GUINT64_CONSTANT (1) << 63) /* in user_data, with the buffer */

static struct io_uring ring;
static struct io_uring_buf_ring *buffers;
static char *memory;

static struct io_uring_sqe *
get_sqe (void)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe (&ring);

  if (sqe == NULL)
    {
      io_uring_submit (&ring);
      sqe = io_uring_get_sqe (&ring);
    }
  return sqe;
}

static void
give_back (unsigned buffer)
{
  io_uring_buf_ring_add (buffers, memory + (size_t) buffer * BENCH_BUFFER, BENCH_BUFFER,
                         (unsigned short) buffer,
                         io_uring_buf_ring_mask (bench_connections.n_buffers), 0);
  io_uring_buf_ring_advance (buffers, 1);
}

static void
receive (guint connection)
{
  struct io_uring_sqe *sqe = get_sqe ();

  io_uring_prep_recv_multishot (sqe, bench_connections.fds[connection], NULL, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = GROUP;
  io_uring_sqe_set_data64 (sqe, connection);
}

static void
on_received (const struct io_uring_cqe *cqe)
{
  unsigned buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
  struct io_uring_sqe *sqe = get_sqe ();

  bench_expect ("recv", cqe->res, BENCH_MESSAGE);
  io_uring_prep_send (sqe, bench_connections.fds[cqe->user_data],
                      memory + (size_t) buffer * BENCH_BUFFER, (size_t) cqe->res, MSG_NOSIGNAL);
  io_uring_sqe_set_data64 (sqe, SEND | buffer);
  if (!(cqe->flags & IORING_CQE_F_MORE))
    receive ((guint) cqe->user_data);
}

static void
on_sent (const struct io_uring_cqe *cqe)
{
  bench_expect ("send", cqe->res, BENCH_MESSAGE);
  give_back ((unsigned) cqe->user_data);
  bench_echo_count ();
}

static void
reap (void)
{
  struct io_uring_cqe *cqe;
  unsigned head, n = 0;

  io_uring_for_each_cqe (&ring, head, cqe)
  {
    if (cqe->user_data & SEND)
      on_sent (cqe);
    else
      on_received (cqe);
    n++;
  }
  io_uring_cq_advance (&ring, n);
}

static void
set_up (void)
{
  unsigned n = bench_connections.n_buffers;
  struct io_uring_buf_reg registration = { .ring_entries = n, .bgid = GROUP };

  bench_raw_init (&ring, 1024, MAX (4096, bench_connections.n * 2));
  buffers = g_aligned_alloc0 (n, sizeof (struct io_uring_buf), 4096);
  memory = g_malloc (n * BENCH_BUFFER);
  registration.ring_addr = (guintptr) buffers;
  bench_expect ("registering buffers", io_uring_register_buf_ring (&ring, &registration, 0), 0);
  io_uring_buf_ring_init (buffers);
  for (unsigned i = 0; i < n; i++)
    give_back (i);
}

void
bench_echo_raw (void)
{
  set_up ();
  for (guint i = 0; i < bench_connections.n; i++)
    receive (i);
  for (;;)
    {
      int result = io_uring_submit_and_wait (&ring, 1);

      if (result < 0)
        bench_fail ("io_uring_submit_and_wait", -result);
      reap ();
    }
}
