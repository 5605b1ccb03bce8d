/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

#include "completion.h"

G_BEGIN_DECLS

guint guring_dispatch_drain (GuringRing *ring, GuringTurn *turn);
gboolean guring_dispatch_wait (GuringRing *ring, gint64 deadline);

G_END_DECLS
