/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "sqes.h"
#include "textbook.h"

static const BenchSqes *work;
static Textbook *textbook;
static GMainLoop *loop;
static guint64 n_left, n_ended;

static void start (guint slot);

static void
on_completed (int res, gpointer slot)
{
  bench_expect ("the operation", res, work->result);
  if (n_left > 0)
    {
      n_left--;
      start (GPOINTER_TO_UINT (slot));
    }
  if (++n_ended == work->n_ops)
    g_main_loop_quit (loop);
}

static void
start (guint slot)
{
  struct io_uring_sqe *sqe = textbook_get_sqe (textbook);

  work->prepare (sqe, slot);
  textbook_submit (textbook, sqe, on_completed, GUINT_TO_POINTER (slot));
}

void
bench_sqes_textbook (const BenchSqes *sqes)
{
  work = sqes;
  textbook = textbook_new (sqes->depth);
  loop = g_main_loop_new (NULL, FALSE);
  n_left = sqes->n_ops - sqes->depth;
  bench_begin ();
  for (guint slot = 0; slot < sqes->depth; slot++)
    start (slot);
  g_main_loop_run (loop);
}
