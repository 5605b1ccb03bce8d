/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

#include "ring-private.h"

G_BEGIN_DECLS

/* What may be dispatched before the other sources of the context have their turn. */
typedef struct
{
  guint budget; /* completions; 0 too when the time is up */
  gint64 end;   /* monotonic time in µs, 0 until somebody has looked at the clock */
} GuringTurn;

void guring_completion_fail (GuringRing *ring, GuringOperation *operation, int error_number);
guint guring_completion_reap (GuringRing *ring, GuringTurn *turn);

static inline gboolean
guring_completion_ends_operation (const GuringCompletion *completion)
{
  return (completion->flags & IORING_CQE_F_MORE) == 0;
}

/* Work that only io_uring_enter() can turn into CQEs. */
static inline guint
guring_completion_needs_enter (GuringRing *ring)
{
  return IO_URING_READ_ONCE (*ring->uring.sq.kflags) & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN);
}

/* CQ overflow leaves cq_ready() at 0 with the ring fd readable: whoever looks only at one of them
 * stalls or spins. So does who stays awake for an IORING_SQ_TASKRUN that stands for another
 * thread's work: that thread does it when it can, and if it has exited the flag stays, until some
 * is this thread's (measured on Linux 6.18), for which poll() is woken. */
static inline gboolean
guring_completion_is_ready (GuringRing *ring)
{
  guint ignored = ring->foreign ? IORING_SQ_TASKRUN : 0;

  return ring->failed != NULL || io_uring_cq_ready (&ring->uring) > 0 ||
         ((guring_completion_needs_enter (ring) & ~ignored) != 0 && !ring->broken);
}

/* On a ring that broke: a descriptor that somebody closed, or an overflow that can't be flushed any
 * more, would be ready for ever. */
static inline gboolean
guring_completion_is_false_alarm (GuringRing *ring, gushort revents)
{
  return ring->broken && revents != 0 && io_uring_cq_ready (&ring->uring) == 0;
}

G_END_DECLS
