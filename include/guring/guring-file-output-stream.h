/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

#define GURING_TYPE_FILE_OUTPUT_STREAM (guring_file_output_stream_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringFileOutputStream, guring_file_output_stream, GURING, FILE_OUTPUT_STREAM,
                      GFileOutputStream)

G_END_DECLS
