/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

/* Marks the CQE of a cancellation; the rest of its user_data is the id of what it cancels. */
#define GURING_CANCELLATION_BIT (G_GUINT64_CONSTANT (1) << 63)

void guring_cancellation_init (GuringRing *ring);
void guring_cancellation_clear (GuringRing *ring);
void guring_cancellation_start_requested (GuringRing *ring);
void guring_cancellation_start_all (GuringRing *ring);
guint guring_cancellation_prepare_sqes (GuringRing *ring, guint room);
void guring_cancellation_submitted (GuringRing *ring, guint n_taken);
gboolean guring_cancellation_answered (GuringRing *ring, guint64 user_data, gint32 res);
gint64 guring_cancellation_get_retry_time (GuringRing *ring);

G_END_DECLS
