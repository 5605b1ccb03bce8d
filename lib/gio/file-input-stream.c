/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GFileInputStream on a descriptor. */

#include "config.h"

#include <gio/gfiledescriptorbased.h>

#include "descriptor.h"
#include "file-streams.h"
#include "file.h"
#include "stream.h"

/**
 * GuringFileInputStream:
 *
 * The #GFileInputStream of guring_file_read_async(). Its asynchronous calls run on the default ring
 * of the calling thread's thread-default main context; without io_uring, on GLib's worker threads.
 * Synchronous calls are plain system calls, and the two may alternate.
 *
 * It is a #GFileDescriptorBased, and as all of its kind a #GSeekable.
 *
 * Since: 0.1
 */
struct _GuringFileInputStream
{
  GFileInputStream parent_instance;

  int fd;
};

static int
guring_file_input_stream_get_fd (GFileDescriptorBased *based)
{
  return GURING_FILE_INPUT_STREAM (based)->fd;
}

static void
guring_file_input_stream_file_descriptor_based_iface_init (GFileDescriptorBasedIface *iface)
{
  iface->get_fd = guring_file_input_stream_get_fd;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (
  GuringFileInputStream,
  guring_file_input_stream,
  G_TYPE_FILE_INPUT_STREAM,
  G_IMPLEMENT_INTERFACE (G_TYPE_FILE_DESCRIPTOR_BASED,
                         guring_file_input_stream_file_descriptor_based_iface_init))

/* Position */

static goffset
guring_file_input_stream_tell (GFileInputStream *stream)
{
  return guring_descriptor_tell (GURING_FILE_INPUT_STREAM (stream)->fd);
}

static gboolean
guring_file_input_stream_can_seek (GFileInputStream *stream)
{
  return guring_descriptor_can_seek (GURING_FILE_INPUT_STREAM (stream)->fd);
}

static gboolean
guring_file_input_stream_seek (GFileInputStream *stream,
                               goffset offset,
                               GSeekType type,
                               GCancellable *cancellable,
                               GError **error)
{
  return guring_descriptor_seek (GURING_FILE_INPUT_STREAM (stream)->fd, offset, type, error);
}

/* What is known of the file */

static GFileInfo *
guring_file_input_stream_query_info (GFileInputStream *stream,
                                     const char *attributes,
                                     GCancellable *cancellable,
                                     GError **error)
{
  return guring_file_query_descriptor (GURING_FILE_INPUT_STREAM (stream)->fd, attributes,
                                       cancellable, error);
}

static void
guring_file_input_stream_query_info_async (GFileInputStream *stream,
                                           const char *attributes,
                                           int io_priority,
                                           GCancellable *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer user_data)
{
  guring_file_query_descriptor_async (stream, GURING_FILE_INPUT_STREAM (stream)->fd, attributes,
                                      io_priority, cancellable, callback, user_data);
}

static GFileInfo *
guring_file_input_stream_query_info_finish (GFileInputStream *stream,
                                            GAsyncResult *result,
                                            GError **error)
{
  return guring_file_query_descriptor_finish (result, error);
}

/* Closing */

static int
steal_fd (gpointer stream)
{
  GuringFileInputStream *self = stream;
  int fd = self->fd;

  self->fd = -1;
  return fd;
}

static gboolean
guring_file_input_stream_close (GInputStream *stream, GCancellable *cancellable, GError **error)
{
  return guring_descriptor_close (steal_fd (stream), error);
}

static void
guring_file_input_stream_close_async (GInputStream *stream,
                                      int io_priority,
                                      GCancellable *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer user_data)
{
  guring_stream_close_async (stream, steal_fd (stream), io_priority, callback, user_data);
}

static gboolean
guring_file_input_stream_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_stream_close_finish (result, error);
}

/* The object */

static void
guring_file_input_stream_init (GuringFileInputStream *self)
{
  self->fd = -1;
}

static void
guring_file_input_stream_class_init (GuringFileInputStreamClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);
  GFileInputStreamClass *file_class = G_FILE_INPUT_STREAM_CLASS (class);

  guring_stream_init_input (stream_class);
  stream_class->close_fn = guring_file_input_stream_close;
  stream_class->close_async = guring_file_input_stream_close_async;
  stream_class->close_finish = guring_file_input_stream_close_finish;

  file_class->tell = guring_file_input_stream_tell;
  file_class->can_seek = guring_file_input_stream_can_seek;
  file_class->seek = guring_file_input_stream_seek;
  file_class->query_info = guring_file_input_stream_query_info;
  file_class->query_info_async = guring_file_input_stream_query_info_async;
  file_class->query_info_finish = guring_file_input_stream_query_info_finish;
}

GFileInputStream *
guring_file_input_stream_new (int fd)
{
  GuringFileInputStream *self = g_object_new (GURING_TYPE_FILE_INPUT_STREAM, NULL);

  self->fd = fd;
  return G_FILE_INPUT_STREAM (self);
}
