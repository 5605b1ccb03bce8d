/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

/* What waits for a peer would keep what is queued now waiting with it: as many operations are in
 * flight as the CQ has entries. Such things are better polled, so that a server with more idle
 * connections than that hears the others. */
static inline gboolean
guring_room_is_full (GuringRing *ring)
{
  struct io_uring *uring = guring_ring_get_uring (ring);
  GuringStatistics statistics;

  if (uring == NULL)
    return FALSE;

  guring_ring_get_statistics (ring, &statistics);
  return statistics.in_flight + statistics.backlog + 2 > uring->cq.ring_entries; /* with a timer */
}

G_END_DECLS
