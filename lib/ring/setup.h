/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

gboolean
guring_setup (struct io_uring *uring, guint entries, guint cq_entries, guint flags, GError **error);

G_END_DECLS
