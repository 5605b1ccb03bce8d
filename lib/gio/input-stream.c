/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GInputStream on a descriptor. */

#include "config.h"

#include <gio/gfiledescriptorbased.h>

#include "descriptor.h"
#include "stream.h"

/**
 * GuringInputStream:
 *
 * A #GInputStream that reads from a descriptor, as GUnixInputStream does: a file, a pipe, a socket,
 * a terminal. Its asynchronous calls run on the default ring of the calling thread's thread-default
 * main context, also for files; without io_uring they wait in the main loop, or in GLib's worker
 * threads. Synchronous calls are plain system calls, and the two may alternate, since all of them
 * go by the file position.
 *
 * It is a #GFileDescriptorBased, a #GPollableInputStream where the descriptor can be polled, and a
 * #GSeekable where it can be sought in.
 *
 * Since: 0.1
 */
struct _GuringInputStream
{
  GInputStream parent_instance;

  int fd;
  gboolean close_fd;
};

enum
{
  PROP_FD = 1,
  PROP_CLOSE_FD,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

static int
get_fd (gpointer stream)
{
  return GURING_INPUT_STREAM (stream)->fd;
}

/* GFileDescriptorBased */

static int
guring_input_stream_based_get_fd (GFileDescriptorBased *based)
{
  return get_fd (based);
}

static void
guring_input_stream_file_descriptor_based_iface_init (GFileDescriptorBasedIface *iface)
{
  iface->get_fd = guring_input_stream_based_get_fd;
}

/* GPollableInputStream */

static gboolean
guring_input_stream_can_poll (GPollableInputStream *stream)
{
  return guring_descriptor_can_poll (get_fd (stream));
}

static gboolean
guring_input_stream_is_readable (GPollableInputStream *stream)
{
  return guring_descriptor_is_ready (get_fd (stream), G_IO_IN);
}

static GSource *
guring_input_stream_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  return guring_descriptor_create_source (get_fd (stream), G_IO_IN, stream, cancellable);
}

static void
guring_input_stream_pollable_iface_init (GPollableInputStreamInterface *iface)
{
  iface->can_poll = guring_input_stream_can_poll;
  iface->is_readable = guring_input_stream_is_readable;
  iface->create_source = guring_input_stream_create_source;
}

/* GSeekable */

static goffset
guring_input_stream_tell (GSeekable *seekable)
{
  return guring_descriptor_tell (get_fd (seekable));
}

static gboolean
guring_input_stream_can_seek (GSeekable *seekable)
{
  return guring_descriptor_can_seek (get_fd (seekable));
}

static gboolean
guring_input_stream_seek (GSeekable *seekable,
                          goffset offset,
                          GSeekType type,
                          GCancellable *cancellable,
                          GError **error)
{
  gboolean done;

  if (!g_input_stream_set_pending (G_INPUT_STREAM (seekable), error))
    return FALSE;

  done = guring_descriptor_seek (get_fd (seekable), offset, type, error);
  g_input_stream_clear_pending (G_INPUT_STREAM (seekable));
  return done;
}

static gboolean
guring_input_stream_can_truncate (GSeekable *seekable)
{
  return FALSE;
}

static gboolean
guring_input_stream_truncate (GSeekable *seekable,
                              goffset offset,
                              GCancellable *cancellable,
                              GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       "Could not truncate: an input stream");
  return FALSE;
}

static void
guring_input_stream_seekable_iface_init (GSeekableIface *iface)
{
  iface->tell = guring_input_stream_tell;
  iface->can_seek = guring_input_stream_can_seek;
  iface->seek = guring_input_stream_seek;
  iface->can_truncate = guring_input_stream_can_truncate;
  iface->truncate_fn = guring_input_stream_truncate;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (
  GuringInputStream,
  guring_input_stream,
  G_TYPE_INPUT_STREAM,
  G_IMPLEMENT_INTERFACE (G_TYPE_FILE_DESCRIPTOR_BASED,
                         guring_input_stream_file_descriptor_based_iface_init)
    G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, guring_input_stream_pollable_iface_init)
      G_IMPLEMENT_INTERFACE (G_TYPE_SEEKABLE, guring_input_stream_seekable_iface_init))

/* Closing */

static gboolean
guring_input_stream_close (GInputStream *stream, GCancellable *cancellable, GError **error)
{
  GuringInputStream *self = GURING_INPUT_STREAM (stream);

  return !self->close_fd || guring_descriptor_close (self->fd, error);
}

static void
guring_input_stream_close_async (GInputStream *stream,
                                 int io_priority,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  GuringInputStream *self = GURING_INPUT_STREAM (stream);

  guring_stream_close_async (stream, self->close_fd ? self->fd : -1, io_priority, callback,
                             user_data);
}

static gboolean
guring_input_stream_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_stream_close_finish (result, error);
}

/* The object */

static void
guring_input_stream_set_property (GObject *object,
                                  guint property_id,
                                  const GValue *value,
                                  GParamSpec *pspec)
{
  GuringInputStream *self = GURING_INPUT_STREAM (object);

  switch (property_id)
    {
    case PROP_FD:
      self->fd = g_value_get_int (value);
      break;
    case PROP_CLOSE_FD:
      guring_input_stream_set_close_fd (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
guring_input_stream_get_property (GObject *object,
                                  guint property_id,
                                  GValue *value,
                                  GParamSpec *pspec)
{
  GuringInputStream *self = GURING_INPUT_STREAM (object);

  switch (property_id)
    {
    case PROP_FD:
      g_value_set_int (value, self->fd);
      break;
    case PROP_CLOSE_FD:
      g_value_set_boolean (value, self->close_fd);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
guring_input_stream_init (GuringInputStream *self)
{
  self->close_fd = TRUE;
}

static void
install_properties (GObjectClass *object_class)
{
  /**
   * GuringInputStream:fd:
   *
   * The descriptor.
   *
   * Since: 0.1
   */
  properties[PROP_FD] =
    g_param_spec_int ("fd", NULL, NULL, G_MININT, G_MAXINT, -1,
                      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * GuringInputStream:close-fd:
   *
   * Whether closing the stream closes the descriptor.
   *
   * Since: 0.1
   */
  properties[PROP_CLOSE_FD] =
    g_param_spec_boolean ("close-fd", NULL, NULL, TRUE,
                          G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
guring_input_stream_class_init (GuringInputStreamClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  object_class->set_property = guring_input_stream_set_property;
  object_class->get_property = guring_input_stream_get_property;
  install_properties (object_class);

  guring_stream_init_input (stream_class);
  stream_class->close_fn = guring_input_stream_close;
  stream_class->close_async = guring_input_stream_close_async;
  stream_class->close_finish = guring_input_stream_close_finish;
}

/**
 * guring_input_stream_new:
 * @fd: the descriptor
 * @close_fd: whether closing the stream closes @fd
 *
 * Makes a stream that reads from a descriptor. Any thread.
 *
 * Returns: (transfer full) (type GuringInputStream): the stream
 *
 * Since: 0.1
 */
GInputStream *
guring_input_stream_new (gint fd, gboolean close_fd)
{
  g_return_val_if_fail (fd != -1, NULL);

  return g_object_new (GURING_TYPE_INPUT_STREAM, "fd", fd, "close-fd", close_fd, NULL);
}

/**
 * guring_input_stream_get_fd:
 * @stream: a stream
 *
 * Returns: the descriptor
 *
 * Since: 0.1
 */
gint
guring_input_stream_get_fd (GuringInputStream *stream)
{
  g_return_val_if_fail (GURING_IS_INPUT_STREAM (stream), -1);

  return stream->fd;
}

/**
 * guring_input_stream_set_close_fd:
 * @stream: a stream
 * @close_fd: whether closing @stream closes the descriptor
 *
 * Sets #GuringInputStream:close-fd.
 *
 * Since: 0.1
 */
void
guring_input_stream_set_close_fd (GuringInputStream *stream, gboolean close_fd)
{
  g_return_if_fail (GURING_IS_INPUT_STREAM (stream));

  close_fd = close_fd != FALSE;
  if (stream->close_fd == close_fd)
    return;

  stream->close_fd = close_fd;
  g_object_notify_by_pspec (G_OBJECT (stream), properties[PROP_CLOSE_FD]);
}

/**
 * guring_input_stream_get_close_fd:
 * @stream: a stream
 *
 * Tells what becomes of the descriptor. The thread that uses @stream.
 *
 * Returns: whether closing @stream closes the descriptor
 *
 * Since: 0.1
 */
gboolean
guring_input_stream_get_close_fd (GuringInputStream *stream)
{
  g_return_val_if_fail (GURING_IS_INPUT_STREAM (stream), FALSE);

  return stream->close_fd;
}
