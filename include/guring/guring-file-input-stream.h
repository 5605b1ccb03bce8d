/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

#define GURING_TYPE_FILE_INPUT_STREAM (guring_file_input_stream_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringFileInputStream, guring_file_input_stream, GURING, FILE_INPUT_STREAM,
                      GFileInputStream)

G_END_DECLS
