/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GOutputStream on a descriptor. */

#include "config.h"

#include <errno.h>
#include <gio/gfiledescriptorbased.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "stream.h"

/**
 * GuringOutputStream:
 *
 * A #GOutputStream that writes to a descriptor, as GUnixOutputStream does: a file, a pipe, a
 * socket, a terminal. A peer that has gone is %G_IO_ERROR_BROKEN_PIPE and no SIGPIPE. Its
 * asynchronous calls run on the default ring of the calling thread's thread-default main context,
 * also for files; without io_uring they wait in the main loop, or in GLib's worker threads.
 * Synchronous calls are plain system calls, and the two may alternate, since all of them go by the
 * file position.
 *
 * It is a #GFileDescriptorBased, a #GPollableOutputStream where the descriptor can be polled, and a
 * #GSeekable where it can be sought in.
 *
 * An asynchronous write that was cancelled too late has happened, and #GOutputStream still says
 * %G_IO_ERROR_CANCELLED, as it does for all streams; guring_write_async() says how much was
 * written.
 *
 * Since: 0.1
 */
struct _GuringOutputStream
{
  GOutputStream parent_instance;

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
  return GURING_OUTPUT_STREAM (stream)->fd;
}

/* GFileDescriptorBased */

static int
guring_output_stream_based_get_fd (GFileDescriptorBased *based)
{
  return get_fd (based);
}

static void
guring_output_stream_file_descriptor_based_iface_init (GFileDescriptorBasedIface *iface)
{
  iface->get_fd = guring_output_stream_based_get_fd;
}

/* GPollableOutputStream */

static gboolean
guring_output_stream_can_poll (GPollableOutputStream *stream)
{
  return guring_descriptor_can_poll (get_fd (stream));
}

static gboolean
guring_output_stream_is_writable (GPollableOutputStream *stream)
{
  return guring_descriptor_is_ready (get_fd (stream), G_IO_OUT);
}

static GSource *
guring_output_stream_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  return guring_descriptor_create_source (get_fd (stream), G_IO_OUT, stream, cancellable);
}

/* The descriptor itself may well block. A socket says what it takes; a pipe that is ready takes
 * PIPE_BUF bytes, see pipe(7). */
static gssize
write_without_blocking (int fd, gconstpointer buffer, gsize count)
{
  gssize n = send (fd, buffer, count, MSG_DONTWAIT);

  if (n >= 0 || errno != ENOTSOCK)
    return n;
  if (guring_descriptor_is_ready (fd, G_IO_OUT))
    return write (fd, buffer, MIN (count, PIPE_BUF));

  errno = EAGAIN;
  return -1;
}

static gssize
guring_output_stream_write_nonblocking (GPollableOutputStream *stream,
                                        const void *buffer,
                                        gsize count,
                                        GError **error)
{
  gssize n;

  do
    n = write_without_blocking (get_fd (stream), buffer, count);
  while (n < 0 && errno == EINTR);

  if (n < 0)
    guring_descriptor_set_error (error, "write");
  return n;
}

static void
guring_output_stream_pollable_iface_init (GPollableOutputStreamInterface *iface)
{
  iface->can_poll = guring_output_stream_can_poll;
  iface->is_writable = guring_output_stream_is_writable;
  iface->write_nonblocking = guring_output_stream_write_nonblocking;
  iface->create_source = guring_output_stream_create_source;
}

/* GSeekable */

static goffset
guring_output_stream_tell (GSeekable *seekable)
{
  return guring_descriptor_tell (get_fd (seekable));
}

static gboolean
guring_output_stream_can_seek (GSeekable *seekable)
{
  return guring_descriptor_can_seek (get_fd (seekable));
}

static gboolean
guring_output_stream_seek (GSeekable *seekable,
                           goffset offset,
                           GSeekType type,
                           GCancellable *cancellable,
                           GError **error)
{
  gboolean done;

  if (!g_output_stream_set_pending (G_OUTPUT_STREAM (seekable), error))
    return FALSE;

  done = guring_descriptor_seek (get_fd (seekable), offset, type, error);
  g_output_stream_clear_pending (G_OUTPUT_STREAM (seekable));
  return done;
}

static gboolean
guring_output_stream_can_truncate (GSeekable *seekable)
{
  struct stat status;

  return fstat (get_fd (seekable), &status) == 0 && S_ISREG (status.st_mode);
}

static gboolean
guring_output_stream_truncate (GSeekable *seekable,
                               goffset offset,
                               GCancellable *cancellable,
                               GError **error)
{
  gboolean done;

  if (!g_output_stream_set_pending (G_OUTPUT_STREAM (seekable), error))
    return FALSE;

  done = guring_descriptor_truncate (get_fd (seekable), offset, error);
  g_output_stream_clear_pending (G_OUTPUT_STREAM (seekable));
  return done;
}

static void
guring_output_stream_seekable_iface_init (GSeekableIface *iface)
{
  iface->tell = guring_output_stream_tell;
  iface->can_seek = guring_output_stream_can_seek;
  iface->seek = guring_output_stream_seek;
  iface->can_truncate = guring_output_stream_can_truncate;
  iface->truncate_fn = guring_output_stream_truncate;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (
  GuringOutputStream,
  guring_output_stream,
  G_TYPE_OUTPUT_STREAM,
  G_IMPLEMENT_INTERFACE (G_TYPE_FILE_DESCRIPTOR_BASED,
                         guring_output_stream_file_descriptor_based_iface_init)
    G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, guring_output_stream_pollable_iface_init)
      G_IMPLEMENT_INTERFACE (G_TYPE_SEEKABLE, guring_output_stream_seekable_iface_init))

/* Closing */

static gboolean
guring_output_stream_close (GOutputStream *stream, GCancellable *cancellable, GError **error)
{
  GuringOutputStream *self = GURING_OUTPUT_STREAM (stream);

  return !self->close_fd || guring_descriptor_close (self->fd, error);
}

static void
guring_output_stream_close_async (GOutputStream *stream,
                                  int io_priority,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  GuringOutputStream *self = GURING_OUTPUT_STREAM (stream);

  guring_stream_close_async (stream, self->close_fd ? self->fd : -1, io_priority, callback,
                             user_data);
}

static gboolean
guring_output_stream_close_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_stream_close_finish (result, error);
}

/* The object */

static void
guring_output_stream_set_property (GObject *object,
                                   guint property_id,
                                   const GValue *value,
                                   GParamSpec *pspec)
{
  GuringOutputStream *self = GURING_OUTPUT_STREAM (object);

  switch (property_id)
    {
    case PROP_FD:
      self->fd = g_value_get_int (value);
      break;
    case PROP_CLOSE_FD:
      guring_output_stream_set_close_fd (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
guring_output_stream_get_property (GObject *object,
                                   guint property_id,
                                   GValue *value,
                                   GParamSpec *pspec)
{
  GuringOutputStream *self = GURING_OUTPUT_STREAM (object);

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
guring_output_stream_init (GuringOutputStream *self)
{
  self->close_fd = TRUE;
}

static void
install_properties (GObjectClass *object_class)
{
  /**
   * GuringOutputStream:fd:
   *
   * The descriptor.
   *
   * Since: 0.1
   */
  properties[PROP_FD] =
    g_param_spec_int ("fd", NULL, NULL, G_MININT, G_MAXINT, -1,
                      G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * GuringOutputStream:close-fd:
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
guring_output_stream_class_init (GuringOutputStreamClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (class);

  object_class->set_property = guring_output_stream_set_property;
  object_class->get_property = guring_output_stream_get_property;
  install_properties (object_class);

  guring_stream_init_output (stream_class);
  stream_class->close_fn = guring_output_stream_close;
  stream_class->close_async = guring_output_stream_close_async;
  stream_class->close_finish = guring_output_stream_close_finish;
}

/**
 * guring_output_stream_new:
 * @fd: the descriptor
 * @close_fd: whether closing the stream closes @fd
 *
 * Makes a stream that writes to a descriptor. Any thread.
 *
 * Returns: (transfer full) (type GuringOutputStream): the stream
 *
 * Since: 0.1
 */
GOutputStream *
guring_output_stream_new (gint fd, gboolean close_fd)
{
  g_return_val_if_fail (fd != -1, NULL);

  return g_object_new (GURING_TYPE_OUTPUT_STREAM, "fd", fd, "close-fd", close_fd, NULL);
}

/**
 * guring_output_stream_get_fd:
 * @stream: a stream
 *
 * Returns: the descriptor
 *
 * Since: 0.1
 */
gint
guring_output_stream_get_fd (GuringOutputStream *stream)
{
  g_return_val_if_fail (GURING_IS_OUTPUT_STREAM (stream), -1);

  return stream->fd;
}

/**
 * guring_output_stream_set_close_fd:
 * @stream: a stream
 * @close_fd: whether closing @stream closes the descriptor
 *
 * Sets #GuringOutputStream:close-fd.
 *
 * Since: 0.1
 */
void
guring_output_stream_set_close_fd (GuringOutputStream *stream, gboolean close_fd)
{
  g_return_if_fail (GURING_IS_OUTPUT_STREAM (stream));

  close_fd = close_fd != FALSE;
  if (stream->close_fd == close_fd)
    return;

  stream->close_fd = close_fd;
  g_object_notify_by_pspec (G_OBJECT (stream), properties[PROP_CLOSE_FD]);
}

/**
 * guring_output_stream_get_close_fd:
 * @stream: a stream
 *
 * Tells what becomes of the descriptor. The thread that uses @stream.
 *
 * Returns: whether closing @stream closes the descriptor
 *
 * Since: 0.1
 */
gboolean
guring_output_stream_get_close_fd (GuringOutputStream *stream)
{
  g_return_val_if_fail (GURING_IS_OUTPUT_STREAM (stream), FALSE);

  return stream->close_fd;
}
