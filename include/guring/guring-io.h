/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

struct statx;

/* GIO's idioms on plain descriptors and paths. Each call runs on the default ring of the calling
 * thread's thread-default main context and calls back there; without io_uring, on GLib's worker
 * threads. */

/* Opening and closing */

GURING_AVAILABLE_IN_ALL
void guring_open_async (const gchar *path,
                        gint flags,
                        guint mode,
                        gint io_priority,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data);
GURING_AVAILABLE_IN_ALL
gint guring_open_finish (GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_close_async (gint fd,
                         gint io_priority,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_close_finish (GAsyncResult *result, GError **error);

/* Reading and writing; an offset of -1 is the file position */

GURING_AVAILABLE_IN_ALL
void guring_read_async (gint fd,
                        gsize count,
                        gint64 offset,
                        gint io_priority,
                        GCancellable *cancellable,
                        GAsyncReadyCallback callback,
                        gpointer user_data);
GURING_AVAILABLE_IN_ALL
GBytes *guring_read_finish (GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_read_into_async (gint fd,
                             gpointer buffer,
                             gsize count,
                             gint64 offset,
                             gint io_priority,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
GURING_AVAILABLE_IN_ALL
gssize guring_read_into_finish (GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_write_async (gint fd,
                         GBytes *bytes,
                         gint64 offset,
                         gint io_priority,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_write_finish (GAsyncResult *result, gsize *bytes_written, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_splice_async (gint fd_in,
                          gint64 offset_in,
                          gint fd_out,
                          gint64 offset_out,
                          gsize count,
                          guint flags,
                          gint io_priority,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data);
GURING_AVAILABLE_IN_ALL
gssize guring_splice_finish (GAsyncResult *result, GError **error);

/* The state of a file */

GURING_AVAILABLE_IN_ALL
void guring_fsync_async (gint fd,
                         gboolean data_only,
                         gint io_priority,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_fsync_finish (GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_fallocate_async (gint fd,
                             gint mode,
                             gint64 offset,
                             gint64 length,
                             gint io_priority,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_fallocate_finish (GAsyncResult *result, GError **error);

/* Names */

GURING_AVAILABLE_IN_ALL
void guring_statx_async (gint dir_fd,
                         const gchar *path,
                         gint flags,
                         guint mask,
                         gint io_priority,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_statx_finish (GAsyncResult *result, struct statx *status, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_rename_async (const gchar *old_path,
                          const gchar *new_path,
                          guint flags,
                          gint io_priority,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_rename_finish (GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_unlink_async (const gchar *path,
                          gint flags,
                          gint io_priority,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_unlink_finish (GAsyncResult *result, GError **error);

GURING_AVAILABLE_IN_ALL
void guring_mkdir_async (const gchar *path,
                         guint mode,
                         gint io_priority,
                         GCancellable *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_mkdir_finish (GAsyncResult *result, GError **error);

G_END_DECLS
