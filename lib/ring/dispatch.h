/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

#include "completion.h"
#include "ownership.h"

G_BEGIN_DECLS

guint guring_dispatch_drain (GuringRing *ring, GuringTurn *turn);
gboolean guring_dispatch_wait (GuringRing *ring, gint64 deadline);

/* In a callback: what it queued does not complete in this iteration of the main loop. */
static inline void
guring_dispatch_end_turn (GuringRing *ring)
{
  if (guring_ownership_is_in_callback (ring))
    ring->turn_ended = TRUE;
}

G_END_DECLS
