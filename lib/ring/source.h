/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

GSource *guring_source_new (GuringRing *ring);
void guring_source_detach (GSource *source);
void guring_source_forget (GuringRing *ring);

G_END_DECLS
