/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GFileOutputStream on a descriptor. */

#include "config.h"

#include <gio/gfiledescriptorbased.h>

#include "descriptor.h"
#include "file-streams.h"
#include "file.h"
#include "stream.h"

/**
 * GuringFileOutputStream:
 *
 * The #GFileOutputStream of guring_file_create_async(), guring_file_append_to_async() and
 * guring_file_replace_async(). Its asynchronous calls run on the default ring of the calling
 * thread's thread-default main context; without io_uring, on GLib's worker threads. Synchronous
 * calls are plain system calls, and the two may alternate.
 *
 * It is a #GFileDescriptorBased, and as all of its kind a #GSeekable.
 *
 * An asynchronous close that was cancelled too late has happened, and #GOutputStream may still say
 * %G_IO_ERROR_CANCELLED, as it does for all streams.
 *
 * Since: 0.1
 */
struct _GuringFileOutputStream
{
  GFileOutputStream parent_instance;

  GuringReplacement *replacement;
};

static int
get_fd (gpointer stream)
{
  return GURING_FILE_OUTPUT_STREAM (stream)->replacement->fd;
}

static int
guring_file_output_stream_get_fd (GFileDescriptorBased *based)
{
  return get_fd (based);
}

static void
guring_file_output_stream_file_descriptor_based_iface_init (GFileDescriptorBasedIface *iface)
{
  iface->get_fd = guring_file_output_stream_get_fd;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (
  GuringFileOutputStream,
  guring_file_output_stream,
  G_TYPE_FILE_OUTPUT_STREAM,
  G_IMPLEMENT_INTERFACE (G_TYPE_FILE_DESCRIPTOR_BASED,
                         guring_file_output_stream_file_descriptor_based_iface_init))

/* Position and size */

static goffset
guring_file_output_stream_tell (GFileOutputStream *stream)
{
  return guring_descriptor_tell (get_fd (stream));
}

static gboolean
guring_file_output_stream_can_seek (GFileOutputStream *stream)
{
  return guring_descriptor_can_seek (get_fd (stream));
}

static gboolean
guring_file_output_stream_seek (GFileOutputStream *stream,
                                goffset offset,
                                GSeekType type,
                                GCancellable *cancellable,
                                GError **error)
{
  return guring_descriptor_seek (get_fd (stream), offset, type, error);
}

static gboolean
guring_file_output_stream_truncate (GFileOutputStream *stream,
                                    goffset size,
                                    GCancellable *cancellable,
                                    GError **error)
{
  return guring_descriptor_truncate (get_fd (stream), size, error);
}

/* What is known of the file */

static GFileInfo *
guring_file_output_stream_query_info (GFileOutputStream *stream,
                                      const char *attributes,
                                      GCancellable *cancellable,
                                      GError **error)
{
  return guring_file_query_descriptor (get_fd (stream), attributes, cancellable, error);
}

static void
guring_file_output_stream_query_info_async (GFileOutputStream *stream,
                                            const char *attributes,
                                            int io_priority,
                                            GCancellable *cancellable,
                                            GAsyncReadyCallback callback,
                                            gpointer user_data)
{
  guring_file_query_descriptor_async (stream, get_fd (stream), attributes, io_priority, cancellable,
                                      callback, user_data);
}

static GFileInfo *
guring_file_output_stream_query_info_finish (GFileOutputStream *stream,
                                             GAsyncResult *result,
                                             GError **error)
{
  return guring_file_query_descriptor_finish (result, error);
}

static char *
guring_file_output_stream_get_etag (GFileOutputStream *stream)
{
  return g_strdup (GURING_FILE_OUTPUT_STREAM (stream)->replacement->etag);
}

/* Closing */

static GuringTask *
make_closing (GOutputStream *stream,
              int io_priority,
              GCancellable *cancellable,
              GAsyncReadyCallback callback,
              gpointer user_data)
{
  GuringReplacement *replacement = GURING_FILE_OUTPUT_STREAM (stream)->replacement;
  GuringTask *task =
    guring_task_new (stream, make_closing, "close", io_priority, cancellable, callback, user_data);

  guring_task_set_path (task, replacement->path);
  guring_task_set_data (task, replacement, NULL);
  return task;
}

/* One that was cancelled before its first step has discarded nothing. */
static gboolean
finish_closing (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  if (guring_task_finish (result, make_closing, error) >= 0)
    return TRUE;

  guring_replacement_discard (GURING_FILE_OUTPUT_STREAM (stream)->replacement);
  return FALSE;
}

static gboolean
guring_file_output_stream_close (GOutputStream *stream, GCancellable *cancellable, GError **error)
{
  g_autoptr (GuringTask) task = make_closing (stream, G_PRIORITY_DEFAULT, cancellable, NULL, NULL);

  guring_task_make_synchronous (task);
  guring_replacement_commit (g_object_ref (task), guring_task_return_res);
  return finish_closing (stream, G_ASYNC_RESULT (task), error);
}

static void
guring_file_output_stream_close_async (GOutputStream *stream,
                                       int io_priority,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data)
{
  guring_replacement_commit (make_closing (stream, io_priority, cancellable, callback, user_data),
                             guring_task_return_res);
}

static gboolean
guring_file_output_stream_close_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return finish_closing (stream, result, error);
}

/* The object */

static void
guring_file_output_stream_finalize (GObject *object)
{
  guring_replacement_free (GURING_FILE_OUTPUT_STREAM (object)->replacement);

  G_OBJECT_CLASS (guring_file_output_stream_parent_class)->finalize (object);
}

static void
guring_file_output_stream_init (GuringFileOutputStream *self)
{
}

static void
guring_file_output_stream_class_init (GuringFileOutputStreamClass *class)
{
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (class);
  GFileOutputStreamClass *file_class = G_FILE_OUTPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = guring_file_output_stream_finalize;

  guring_stream_init_output (stream_class);
  stream_class->close_fn = guring_file_output_stream_close;
  stream_class->close_async = guring_file_output_stream_close_async;
  stream_class->close_finish = guring_file_output_stream_close_finish;

  file_class->tell = guring_file_output_stream_tell;
  file_class->can_seek = guring_file_output_stream_can_seek;
  file_class->seek = guring_file_output_stream_seek;
  file_class->can_truncate = guring_file_output_stream_can_seek;
  file_class->truncate_fn = guring_file_output_stream_truncate;
  file_class->query_info = guring_file_output_stream_query_info;
  file_class->query_info_async = guring_file_output_stream_query_info_async;
  file_class->query_info_finish = guring_file_output_stream_query_info_finish;
  file_class->get_etag = guring_file_output_stream_get_etag;
}

GFileOutputStream *
guring_file_output_stream_new (GuringReplacement *replacement)
{
  GuringFileOutputStream *self = g_object_new (GURING_TYPE_FILE_OUTPUT_STREAM, NULL);

  self->replacement = replacement;
  replacement->is_created = FALSE; /* what a stream has made stays, as in GIO */
  return G_FILE_OUTPUT_STREAM (self);
}
