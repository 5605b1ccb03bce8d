/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

/* What guring_ownership_acquire() took, for guring_ownership_release(). */
typedef struct
{
  GMainContext *context; /* NULL if the thread owned it before */
  gboolean is_visit;     /* others wait for the end of it */
} GuringOwnership;

gboolean guring_ownership_acquire (GuringRing *ring, GuringOwnership *ownership, GError **error);
void guring_ownership_settle (GuringRing *ring, GuringOwnership *ownership);
void guring_ownership_release (GuringRing *ring, GuringOwnership *ownership);
gsize guring_ownership_enter_callbacks (GuringRing *ring);
void guring_ownership_leave_callbacks (GuringRing *ring, gsize previous);

G_END_DECLS
