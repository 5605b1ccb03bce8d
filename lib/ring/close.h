/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

void guring_close_without_deadline (GuringRing *ring);
void guring_close_last_reference (GuringRing *ring);
void guring_close_source_destroyed (GuringRing *ring);

G_END_DECLS
