/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

void guring_default_ring_forget (GuringRing *ring);

G_END_DECLS
