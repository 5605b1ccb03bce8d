/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <stdio.h>

#include <guring/guring.h>

#include "fuzz/opcodes.h"
#include "operations.h"

#define N_OPCODES 256

/* Any thread may queue. */
static guint64 counts[N_OPCODES];
static guint64 n_cancelled;

guint64 __real_guring_ring_queue (GuringRing *,
                                  const struct io_uring_sqe *,
                                  GuringCompletionFunc,
                                  gpointer,
                                  GDestroyNotify,
                                  GError **);
guint64 __wrap_guring_ring_queue (GuringRing *,
                                  const struct io_uring_sqe *,
                                  GuringCompletionFunc,
                                  gpointer,
                                  GDestroyNotify,
                                  GError **);
gboolean
__real_guring_ring_queue_chain (GuringRing *, const GuringRequest *, gsize, guint64 *, GError **);
gboolean
__wrap_guring_ring_queue_chain (GuringRing *, const GuringRequest *, gsize, guint64 *, GError **);
gboolean __real_guring_ring_cancel (GuringRing *, guint64);
gboolean __wrap_guring_ring_cancel (GuringRing *, guint64);

static void
count (guint64 *counter)
{
  __atomic_fetch_add (counter, 1, __ATOMIC_RELAXED);
}

guint64
__wrap_guring_ring_queue (GuringRing *ring,
                          const struct io_uring_sqe *sqe,
                          GuringCompletionFunc func,
                          gpointer user_data,
                          GDestroyNotify notify,
                          GError **error)
{
  guint64 id = __real_guring_ring_queue (ring, sqe, func, user_data, notify, error);

  if (id != 0)
    count (&counts[sqe->opcode]);
  return id;
}

gboolean
__wrap_guring_ring_queue_chain (GuringRing *ring,
                                const GuringRequest *requests,
                                gsize n_requests,
                                guint64 *ids,
                                GError **error)
{
  gboolean accepted = __real_guring_ring_queue_chain (ring, requests, n_requests, ids, error);

  for (gsize i = 0; i < n_requests && accepted; i++)
    count (&counts[requests[i].sqe.opcode]);
  return accepted;
}

gboolean
__wrap_guring_ring_cancel (GuringRing *ring, guint64 id)
{
  gboolean accepted = __real_guring_ring_cancel (ring, id);

  if (accepted)
    count (&n_cancelled);
  return accepted;
}

guint64
operations_get_count (void)
{
  guint64 sum = 0;

  for (guint i = 0; i < N_OPCODES; i++)
    sum += counts[i];
  return sum;
}

guint64
operations_get_cancelled (void)
{
  return n_cancelled;
}

void
operations_print (void)
{
  for (guint i = 0; i < N_OPCODES; i++)
    if (counts[i] > 0)
      printf ("  %-20s %12" G_GUINT64_FORMAT "\n", opcodes_get_name ((guint8) i), counts[i]);
}
