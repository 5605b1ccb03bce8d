/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The callback API */

#include "sqes.h"

static const BenchSqes *work;
static GMainLoop *loop;
static guint64 n_left, n_ended;

static void start (GuringRing *ring, guint slot);

static void
on_completed (GuringRing *ring, const GuringCompletion *completion, gpointer slot)
{
  bench_expect ("the operation", completion->res, work->result);
  if (n_left > 0)
    {
      n_left--;
      start (ring, GPOINTER_TO_UINT (slot));
    }
  if (++n_ended == work->n_ops)
    g_main_loop_quit (loop);
}

static void
start (GuringRing *ring, guint slot)
{
  struct io_uring_sqe sqe = { 0 };
  GError *error = NULL;

  work->prepare (&sqe, slot);
  if (guring_ring_queue (ring, &sqe, on_completed, GUINT_TO_POINTER (slot), NULL, &error) == 0)
    g_error ("%s", error->message);
}

void
bench_sqes_guring (const BenchSqes *sqes)
{
  GuringRing *ring = bench_ring_new (0);

  work = sqes;
  loop = g_main_loop_new (NULL, FALSE);
  n_left = sqes->n_ops - sqes->depth;
  bench_begin ();
  for (guint slot = 0; slot < sqes->depth; slot++)
    start (ring, slot);
  g_main_loop_run (loop);
}
