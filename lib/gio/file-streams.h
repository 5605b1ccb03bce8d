/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "replacement.h"

G_BEGIN_DECLS

/* Each takes what it is made of. */
GFileInputStream *guring_file_input_stream_new (int fd);
GFileOutputStream *guring_file_output_stream_new (GuringReplacement *replacement);

G_END_DECLS
