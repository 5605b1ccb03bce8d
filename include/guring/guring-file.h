/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

/* The asynchronous calls of GFile, each with the arguments and the results of its g_file_ twin. A
 * file that is not local is passed to that. */

/* Streams; see GuringFileInputStream and GuringFileOutputStream */

GURING_AVAILABLE_IN_ALL
void guring_file_read_async (GFile *file,
                             gint io_priority,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
GURING_AVAILABLE_IN_ALL
GFileInputStream *guring_file_read_finish (GFile *file, GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_file_create_async (GFile *file,
                               GFileCreateFlags flags,
                               gint io_priority,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
GURING_AVAILABLE_IN_ALL
GFileOutputStream *guring_file_create_finish (GFile *file, GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_file_append_to_async (GFile *file,
                                  GFileCreateFlags flags,
                                  gint io_priority,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
GURING_AVAILABLE_IN_ALL
GFileOutputStream *guring_file_append_to_finish (GFile *file, GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_file_replace_async (GFile *file,
                                const gchar *etag,
                                gboolean make_backup,
                                GFileCreateFlags flags,
                                gint io_priority,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);
GURING_AVAILABLE_IN_ALL
GFileOutputStream *guring_file_replace_finish (GFile *file, GAsyncResult *result, GError **error);

/* The whole contents */

GURING_AVAILABLE_IN_ALL
void guring_file_load_contents_async (GFile *file,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_file_load_contents_finish (GFile *file,
                                           GAsyncResult *result,
                                           gchar **contents,
                                           gsize *length,
                                           gchar **etag_out,
                                           GError **error);

GURING_AVAILABLE_IN_ALL
void guring_file_load_bytes_async (GFile *file,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
GURING_AVAILABLE_IN_ALL
GBytes *
guring_file_load_bytes_finish (GFile *file, GAsyncResult *result, gchar **etag_out, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_file_replace_contents_bytes_async (GFile *file,
                                               GBytes *contents,
                                               const gchar *etag,
                                               gboolean make_backup,
                                               GFileCreateFlags flags,
                                               GCancellable *cancellable,
                                               GAsyncReadyCallback callback,
                                               gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_file_replace_contents_bytes_finish (GFile *file,
                                                    GAsyncResult *result,
                                                    gchar **new_etag,
                                                    GError **error);

/* Copying */

GURING_AVAILABLE_IN_ALL
void guring_file_copy_async (GFile *source,
                             GFile *destination,
                             GFileCopyFlags flags,
                             gint io_priority,
                             GCancellable *cancellable,
                             GFileProgressCallback progress_callback,
                             gpointer progress_callback_data,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_file_copy_finish (GFile *source, GAsyncResult *result, GError **error);

/* What is known of a file */

GURING_AVAILABLE_IN_ALL
void guring_file_query_info_async (GFile *file,
                                   const gchar *attributes,
                                   GFileQueryInfoFlags flags,
                                   gint io_priority,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);
GURING_AVAILABLE_IN_ALL
GFileInfo *guring_file_query_info_finish (GFile *file, GAsyncResult *result, GError **error);

/* Names */

GURING_AVAILABLE_IN_ALL
void guring_file_delete_async (GFile *file,
                               gint io_priority,
                               GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_file_delete_finish (GFile *file, GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_file_make_directory_async (GFile *file,
                                       gint io_priority,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_file_make_directory_finish (GFile *file, GAsyncResult *result, GError **error);

G_END_DECLS
