/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What streams on descriptors share. Each is a GFileDescriptorBased. */

#pragma once

#include "task.h"

G_BEGIN_DECLS

/* All but closing */
void guring_stream_init_input (GInputStreamClass *class);
void guring_stream_init_output (GOutputStreamClass *class);

/* @fd: -1 if it is not to be closed */
void guring_stream_close_async (gpointer stream,
                                int fd,
                                int io_priority,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
gboolean guring_stream_close_finish (GAsyncResult *result, GError **error);

G_END_DECLS
