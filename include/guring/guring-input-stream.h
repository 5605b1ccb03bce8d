/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

#define GURING_TYPE_INPUT_STREAM (guring_input_stream_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringInputStream, guring_input_stream, GURING, INPUT_STREAM, GInputStream)

GURING_AVAILABLE_IN_ALL
GInputStream *guring_input_stream_new (gint fd, gboolean close_fd);

GURING_AVAILABLE_IN_ALL
gint guring_input_stream_get_fd (GuringInputStream *stream);

GURING_AVAILABLE_IN_ALL
void guring_input_stream_set_close_fd (GuringInputStream *stream, gboolean close_fd);
GURING_AVAILABLE_IN_ALL
gboolean guring_input_stream_get_close_fd (GuringInputStream *stream);

G_END_DECLS
