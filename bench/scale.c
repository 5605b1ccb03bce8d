/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Many operations: waiting in the backlog, in flight, and on rings of several threads. */

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "sqes.h"

#define MAX_IN_FLIGHT 65536 /* what the kernel has */
#define THREAD_DEPTH 32

static void
prepare_nop (struct io_uring_sqe *sqe, guint slot)
{
  io_uring_prep_nop (sqe);
}

static void
queue (GuringRing *ring, const struct io_uring_sqe *sqe, GuringCompletionFunc func, gpointer data)
{
  GError *error = NULL;

  if (guring_ring_queue (ring, sqe, func, data, NULL, &error) == 0)
    g_error ("%s", error->message);
}

/* As many NOPs as the depth says are queued at any time: what the CQ has no room for waits. */
static void
run_waiting (const BenchCase *test)
{
  BenchSqes sqes = { prepare_nop, 0, test->depth, test->n_ops };

  bench_sqes_guring (&sqes);
  bench_end (test->n_ops);
}

/* NOPs one after the other, on a ring of which a number are done */

typedef struct
{
  GMainLoop *loop;
  guint64 n_left;
} Work;

static void
on_nop (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  Work *work = user_data;

  if (work->n_left == 0)
    {
      g_main_loop_quit (work->loop);
      return;
    }
  work->n_left--;
  io_uring_prep_nop (&sqe);
  queue (ring, &sqe, on_nop, work);
}

static void
run_nops (GuringRing *ring, GMainContext *context, guint at_once, guint64 n_ops)
{
  const GuringCompletion completion = { 0 };
  Work work = { g_main_loop_new (context, FALSE), n_ops };

  for (guint i = 0; i < at_once; i++)
    on_nop (ring, &completion, &work);
  g_main_loop_run (work.loop);
  g_main_loop_unref (work.loop);
}

/* What is in flight waits for a descriptor that never becomes ready. */
static void
run_in_flight (const BenchCase *test)
{
  GuringRing *ring = bench_ring_new (MAX_IN_FLIGHT);
  int fd = eventfd (0, EFD_CLOEXEC);
  GError *error = NULL;

  for (guint i = 0; i < test->depth; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_poll_add (&sqe, fd, POLLIN);
      queue (ring, &sqe, NULL, NULL);
      if (guring_ring_submit (ring, &error) < 0) /* so that the backlog stays small */
        g_error ("%s", error->message);
    }
  bench_begin ();
  run_nops (ring, NULL, 1, test->n_ops);
  bench_end (test->n_ops);
}

static gpointer
run_thread (gpointer n_ops)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GuringRing) ring = NULL;
  GError *error = NULL;

  g_main_context_push_thread_default (context);
  ring = guring_ring_new (context, 0, &error);
  g_assert_no_error (error);
  run_nops (ring, context, THREAD_DEPTH, *(guint64 *) n_ops);
  g_main_context_pop_thread_default (context);
  return NULL;
}

/* Each thread does its share. */
static void
run_threads (const BenchCase *test)
{
  g_autofree GThread **threads = g_new (GThread *, test->depth);
  guint64 n_ops = test->n_ops / test->depth;

  bench_begin ();
  for (guint i = 0; i < test->depth; i++)
    threads[i] = g_thread_new ("ring", run_thread, &n_ops);
  for (guint i = 0; i < test->depth; i++)
    g_thread_join (threads[i]);
  bench_end (n_ops * test->depth);
}

static void
run (const BenchCase *test)
{
  if (bench_case_is (test, "waiting"))
    run_waiting (test);
  else if (bench_case_is (test, "in-flight"))
    run_in_flight (test);
  else
    run_threads (test);
}

const BenchEntry bench_scale[] = { { "scale", "guring", run }, { 0 } };
