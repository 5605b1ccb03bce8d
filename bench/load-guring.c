/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The callback API: opens, then reads and closes in one chain. */

#define _GNU_SOURCE

#include <fcntl.h>

#include "load.h"

#define BUFFER_SIZE (2 * BENCH_FILE_SIZE) /* who gets less has the whole file */

static GuringRing *ring;
static char *buffers;

static void start (guint slot);

static void
on_read (GuringRing *unused, const GuringCompletion *completion, gpointer slot)
{
  bench_loads_end (completion->res);
}

static void
on_closed (GuringRing *unused, const GuringCompletion *completion, gpointer slot)
{
  bench_expect ("closing", completion->res, 0);
  start (GPOINTER_TO_UINT (slot));
}

static void
on_opened (GuringRing *unused, const GuringCompletion *completion, gpointer slot)
{
  GuringRequest requests[2] = { { .func = on_read, .user_data = slot },
                                { .func = on_closed, .user_data = slot } };
  char *buffer = buffers + GPOINTER_TO_UINT (slot) * BUFFER_SIZE;
  GError *error = NULL;

  if (completion->res < 0)
    bench_fail ("opening", -completion->res);
  io_uring_prep_read (&requests[0].sqe, completion->res, buffer, BUFFER_SIZE, 0);
  requests[0].sqe.flags |= IOSQE_IO_HARDLINK; /* a short read breaks the other kind */
  io_uring_prep_close (&requests[1].sqe, completion->res);
  if (!guring_ring_queue_chain (ring, requests, G_N_ELEMENTS (requests), NULL, &error))
    g_error ("%s", error->message);
}

static void
start (guint slot)
{
  gint i = bench_loads_next ();
  struct io_uring_sqe sqe = { 0 };
  GError *error = NULL;

  if (i < 0)
    return;
  io_uring_prep_openat (&sqe, AT_FDCWD, bench_loads.names[i], O_RDONLY | O_CLOEXEC, 0);
  if (guring_ring_queue (ring, &sqe, on_opened, GUINT_TO_POINTER (slot), NULL, &error) == 0)
    g_error ("%s", error->message);
}

void
bench_loads_guring (const BenchCase *test)
{
  ring = bench_ring_new (0);
  buffers = g_malloc (test->depth * BUFFER_SIZE);
  bench_loads_run (test, start);
}
