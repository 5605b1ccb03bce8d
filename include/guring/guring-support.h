/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

/* Whether io_uring can be used here, and if not, why. */
GURING_AVAILABLE_IN_ALL
gboolean guring_is_supported (GError **error);

G_END_DECLS
