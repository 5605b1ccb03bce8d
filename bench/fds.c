/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Iterations of a main loop that watches many descriptors, of which one is ready. */

#include <errno.h>
#include <sys/eventfd.h>

#include "harness.h"

#define N_WARM 10

static guint64 n_called;

static int
make_descriptor (void)
{
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  if (fd < 0)
    bench_fail ("eventfd", errno);
  return fd;
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  eventfd_t value;

  bench_expect ("reading", eventfd_read (fd, &value), 0);
  n_called++;
  return G_SOURCE_CONTINUE;
}

static void
iterate (guint64 n, int busy)
{
  guint64 end = n_called + n;

  for (guint64 i = n_called + 1; i <= end; i++)
    {
      bench_expect ("writing", eventfd_write (busy, 1), 0);
      while (n_called < i)
        g_main_context_iteration (NULL, TRUE);
    }
}

/* The first iteration tells the ring of all of them. */
static void
measure (const BenchCase *test, int busy)
{
  iterate (MIN (test->n_ops, N_WARM), busy);
  bench_begin ();
  iterate (test->n_ops, busy);
  bench_end (test->n_ops);
}

/* In the middle: poll() spares itself some work behind the first that is ready. */
static gboolean
is_busy (const BenchCase *test, guint i)
{
  return i == test->depth / 2;
}

static void
run_watches (const BenchCase *test)
{
  GuringRing *ring = bench_ring_new (test->depth * 2);
  GError *error = NULL;
  int fd, busy = -1;

  bench_allow_descriptors (test->depth);
  for (guint i = 0; i < test->depth; i++)
    {
      fd = make_descriptor ();
      busy = is_busy (test, i) ? fd : busy;
      if (guring_fd_watch_new (ring, fd, G_IO_IN, on_readable, NULL, NULL, &error) == NULL)
        g_error ("%s", error->message);
    }
  measure (test, busy);
}

static void
watch_by_sources (const BenchCase *test, gboolean can_recurse)
{
  int fd, busy = -1;

  bench_allow_descriptors (test->depth);
  for (guint i = 0; i < test->depth; i++)
    {
      GSource *source;

      fd = make_descriptor ();
      busy = is_busy (test, i) ? fd : busy;
      source = g_unix_fd_source_new (fd, G_IO_IN);
      g_source_set_callback (source, G_SOURCE_FUNC (on_readable), NULL, NULL);
      g_source_set_can_recurse (source, can_recurse);
      g_source_attach (source, NULL);
    }
  measure (test, busy);
}

static void
run_sources (const BenchCase *test)
{
  watch_by_sources (test, FALSE);
}

static void
run_sources_recurse (const BenchCase *test)
{
  watch_by_sources (test, TRUE);
}

const BenchEntry bench_fds[] = {
  { "fds", "guring-gio", run_watches },
  { "fds", "fd-source", run_sources },
  { "fds", "fd-source-recurse", run_sources_recurse },
  { 0 },
};
