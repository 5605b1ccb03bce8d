/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

gboolean guring_environment_is_disabled (GError **error);
void guring_environment_set_error (GError **error, int error_number, guint entries);
gboolean guring_environment_has_descriptor (GError **error);
gchar *guring_environment_explain_eperm (const gchar *io_uring_disabled, gboolean in_group);

G_END_DECLS
