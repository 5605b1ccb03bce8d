/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the calls on a GFile share. Where it is GIO's own call that answers, its GAsyncResult goes
 * to the caller as it is, and the _finish() that gets one that is no GuringTask hands it back. */

#pragma once

#include "task.h"

G_BEGIN_DECLS

/* NULL: the file is GIO's */
const gchar *guring_file_get_local_path (GFile *file);

gchar *guring_file_make_etag (gint64 seconds, guint32 nanoseconds);

/* For the errno of what makes a file */
void guring_file_return_name_errno (GuringTask *task, int error_number);

GFileInfo *guring_file_query_descriptor (int fd,
                                         const gchar *attributes,
                                         GCancellable *cancellable,
                                         GError **error);
void guring_file_query_descriptor_async (gpointer stream,
                                         int fd,
                                         const gchar *attributes,
                                         gint io_priority,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data);
GFileInfo *guring_file_query_descriptor_finish (GAsyncResult *result, GError **error);

G_END_DECLS
