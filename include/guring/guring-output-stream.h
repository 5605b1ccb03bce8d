/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

#define GURING_TYPE_OUTPUT_STREAM (guring_output_stream_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringOutputStream, guring_output_stream, GURING, OUTPUT_STREAM,
                      GOutputStream)

GURING_AVAILABLE_IN_ALL
GOutputStream *guring_output_stream_new (gint fd, gboolean close_fd);

GURING_AVAILABLE_IN_ALL
gint guring_output_stream_get_fd (GuringOutputStream *stream);

GURING_AVAILABLE_IN_ALL
void guring_output_stream_set_close_fd (GuringOutputStream *stream, gboolean close_fd);
GURING_AVAILABLE_IN_ALL
gboolean guring_output_stream_get_close_fd (GuringOutputStream *stream);

G_END_DECLS
