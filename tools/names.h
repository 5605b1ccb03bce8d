/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The kernel's numbers and bits by the names that <liburing/io_uring.h> gives them. Returns:
 * (transfer full): what has no name here is a number. */
GStrv names_of_flags (guint flags);
GStrv names_of_features (guint features);
GStrv names_of_opcodes (const guint8 *opcodes, guint n_opcodes);

G_END_DECLS
