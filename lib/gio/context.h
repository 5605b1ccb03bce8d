/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean guring_context_enter (GMainContext *context);
void guring_context_leave (GMainContext *context, gboolean entered);

G_END_DECLS
