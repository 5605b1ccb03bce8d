/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

gboolean guring_ownership_acquire (GuringRing *ring, GMainContext **acquired, GError **error);
void guring_ownership_release (GMainContext *acquired);
gsize guring_ownership_enter_callbacks (GuringRing *ring);
void guring_ownership_leave_callbacks (GuringRing *ring, gsize previous);

G_END_DECLS
