/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GOutputStream on a descriptor. */

#include "config.h"

#include <errno.h>
#include <gio/gfiledescriptorbased.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "descriptor.h"
#include "task.h"

#define MAX_STEP (1u << 30) /* an SQE has 32 bits for it */

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

G_STATIC_ASSERT (sizeof (GOutputVector) == sizeof (struct iovec));
G_STATIC_ASSERT (offsetof (GOutputVector, buffer) == offsetof (struct iovec, iov_base));
G_STATIC_ASSERT (offsetof (GOutputVector, size) == offsetof (struct iovec, iov_len));

static const struct iovec *
get_iovecs (const GOutputVector *vectors)
{
  return (const struct iovec *) vectors;
}

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
  int result;

  if (!g_output_stream_set_pending (G_OUTPUT_STREAM (seekable), error))
    return FALSE;

  do
    result = ftruncate (get_fd (seekable), offset);
  while (result < 0 && errno == EINTR);

  if (result < 0)
    guring_descriptor_set_error (error, "truncate");
  g_output_stream_clear_pending (G_OUTPUT_STREAM (seekable));
  return result == 0;
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

/* Synchronous calls */

static gssize
guring_output_stream_write (GOutputStream *stream,
                            const void *buffer,
                            gsize count,
                            GCancellable *cancellable,
                            GError **error)
{
  gssize n;

  do
    {
      if (!guring_descriptor_wait (get_fd (stream), G_IO_OUT, cancellable, error))
        return -1;
      n = write (get_fd (stream), buffer, count);
    }
  while (n < 0 && (errno == EINTR || errno == EAGAIN));

  if (n < 0)
    guring_descriptor_set_error (error, "write");
  return n;
}

static gboolean
guring_output_stream_writev (GOutputStream *stream,
                             const GOutputVector *vectors,
                             gsize n_vectors,
                             gsize *bytes_written,
                             GCancellable *cancellable,
                             GError **error)
{
  gssize n;

  do
    {
      if (!guring_descriptor_wait (get_fd (stream), G_IO_OUT, cancellable, error))
        return FALSE;
      n = writev (get_fd (stream), get_iovecs (vectors), (int) MIN (n_vectors, IOV_MAX));
    }
  while (n < 0 && (errno == EINTR || errno == EAGAIN));

  if (n < 0)
    {
      guring_descriptor_set_error (error, "write");
      return FALSE;
    }

  *bytes_written = (gsize) n;
  return TRUE;
}

static gboolean
guring_output_stream_close (GOutputStream *stream, GCancellable *cancellable, GError **error)
{
  GuringOutputStream *self = GURING_OUTPUT_STREAM (stream);

  return !self->close_fd || guring_descriptor_close (self->fd, error);
}

/* Asynchronous calls */

static void
guring_output_stream_write_async (GOutputStream *stream,
                                  const void *buffer,
                                  gsize count,
                                  int io_priority,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_write (&sqe, get_fd (stream), buffer, (guint) MIN (count, MAX_STEP), (guint64) -1);
  sqe.flags |= guring_descriptor_get_write_flags (sqe.fd);
  guring_task_run (guring_task_new (stream, guring_output_stream_write_async, "write", io_priority,
                                    cancellable, callback, user_data),
                   &sqe, guring_task_return_res);
}

static gssize
guring_output_stream_write_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_output_stream_write_async, error);
}

static void
guring_output_stream_writev_async (GOutputStream *stream,
                                   const GOutputVector *vectors,
                                   gsize n_vectors,
                                   int io_priority,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_writev (&sqe, get_fd (stream), get_iovecs (vectors),
                        (guint) MIN (n_vectors, IOV_MAX), (guint64) -1);
  sqe.flags |= guring_descriptor_get_write_flags (sqe.fd);
  guring_task_run (guring_task_new (stream, guring_output_stream_writev_async, "write", io_priority,
                                    cancellable, callback, user_data),
                   &sqe, guring_task_return_res);
}

static gboolean
guring_output_stream_writev_finish (GOutputStream *stream,
                                    GAsyncResult *result,
                                    gsize *bytes_written,
                                    GError **error)
{
  gssize n = guring_task_finish (result, guring_output_stream_writev_async, error);

  *bytes_written = (gsize) MAX (n, 0);
  return n >= 0;
}

/* To close cannot be taken back, so it is not cancelled. */
static void
guring_output_stream_close_async (GOutputStream *stream,
                                  int io_priority,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  GuringOutputStream *self = GURING_OUTPUT_STREAM (stream);
  GuringTask *task = guring_task_new (stream, guring_output_stream_close_async, "close",
                                      io_priority, NULL, callback, user_data);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_close (&sqe, self->fd);
  if (self->close_fd)
    guring_task_run (task, &sqe, guring_task_return_res);
  else
    guring_task_return (task, 0);
}

static gboolean
guring_output_stream_close_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_output_stream_close_async, error) >= 0;
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

  stream_class->write_fn = guring_output_stream_write;
  stream_class->writev_fn = guring_output_stream_writev;
  stream_class->close_fn = guring_output_stream_close;
  stream_class->write_async = guring_output_stream_write_async;
  stream_class->write_finish = guring_output_stream_write_finish;
  stream_class->writev_async = guring_output_stream_writev_async;
  stream_class->writev_finish = guring_output_stream_writev_finish;
  stream_class->close_async = guring_output_stream_close_async;
  stream_class->close_finish = guring_output_stream_close_finish;

  /* GSocket has SIGPIPE ignored, which a synchronous write needs as well. */
  g_type_class_unref (g_type_class_ref (G_TYPE_SOCKET));
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
