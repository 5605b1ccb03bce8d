/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GInputStream on a descriptor. */

#include "config.h"

#include <errno.h>
#include <gio/gfiledescriptorbased.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "task.h"

#define MAX_STEP (1u << 30) /* an SQE has 32 bits for it */

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

/* Synchronous calls */

static gssize
guring_input_stream_read (GInputStream *stream,
                          void *buffer,
                          gsize count,
                          GCancellable *cancellable,
                          GError **error)
{
  gssize n;

  do
    {
      if (!guring_descriptor_wait (get_fd (stream), G_IO_IN, cancellable, error))
        return -1;
      n = read (get_fd (stream), buffer, count);
    }
  while (n < 0 && (errno == EINTR || errno == EAGAIN));

  if (n < 0)
    guring_descriptor_set_error (error, "read");
  return n;
}

/* Returns: how far it went; 0 where no end is to be seen before the position: in a pipe, in what
 * /proc calls empty, and at the end itself */
static gsize
seek_ahead (int fd, gsize count)
{
  off_t position = lseek (fd, 0, SEEK_CUR);
  struct stat status;
  gsize n;

  if (position < 0 || fstat (fd, &status) != 0 || status.st_size <= position)
    return 0;

  n = MIN (count, (gsize) (status.st_size - position));
  return lseek (fd, (off_t) n, SEEK_CUR) < 0 ? 0 : n;
}

/* As for a read, what was skipped before an error is told in place of it. */
static gssize
skip_by_reading (GInputStream *stream, gsize count, GCancellable *cancellable, GError **error)
{
  gchar buffer[8192];
  gsize done = 0;
  gssize n;

  do
    {
      n = guring_input_stream_read (stream, buffer, MIN (sizeof buffer, count - done), cancellable,
                                    done == 0 ? error : NULL);
      done += (gsize) MAX (n, 0);
    }
  while (n > 0 && done < count);

  return n < 0 && done == 0 ? -1 : (gssize) done;
}

static gssize
guring_input_stream_skip (GInputStream *stream,
                          gsize count,
                          GCancellable *cancellable,
                          GError **error)
{
  gsize n;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;

  n = seek_ahead (get_fd (stream), count);
  return n > 0 ? (gssize) n : skip_by_reading (stream, count, cancellable, error);
}

static gboolean
guring_input_stream_close (GInputStream *stream, GCancellable *cancellable, GError **error)
{
  GuringInputStream *self = GURING_INPUT_STREAM (stream);

  return !self->close_fd || guring_descriptor_close (self->fd, error);
}

/* Asynchronous calls */

static void
guring_input_stream_read_async (GInputStream *stream,
                                void *buffer,
                                gsize count,
                                int io_priority,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, get_fd (stream), buffer, (guint) MIN (count, MAX_STEP), (guint64) -1);
  guring_task_run (guring_task_new (stream, guring_input_stream_read_async, "read", io_priority,
                                    cancellable, callback, user_data),
                   &sqe, guring_task_return_res);
}

static gssize
guring_input_stream_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_input_stream_read_async, error);
}

/* What is not to be sought in, GInputStream skips by asynchronous reads. */
static void
guring_input_stream_skip_async (GInputStream *stream,
                                gsize count,
                                int io_priority,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data)
{
  gsize n = 0;

  if (!g_cancellable_is_cancelled (cancellable))
    n = seek_ahead (get_fd (stream), count);
  if (n > 0)
    guring_task_return (guring_task_new (stream, guring_input_stream_skip_async, "skip",
                                         io_priority, NULL, callback, user_data),
                        (gssize) n);
  else
    G_INPUT_STREAM_CLASS (guring_input_stream_parent_class)
      ->skip_async (stream, count, io_priority, cancellable, callback, user_data);
}

static gssize
guring_input_stream_skip_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  if (g_async_result_is_tagged (result, guring_input_stream_skip_async))
    return guring_task_finish (result, guring_input_stream_skip_async, error);

  return G_INPUT_STREAM_CLASS (guring_input_stream_parent_class)
    ->skip_finish (stream, result, error);
}

/* To close cannot be taken back, so it is not cancelled. */
static void
guring_input_stream_close_async (GInputStream *stream,
                                 int io_priority,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  GuringInputStream *self = GURING_INPUT_STREAM (stream);
  GuringTask *task = guring_task_new (stream, guring_input_stream_close_async, "close", io_priority,
                                      NULL, callback, user_data);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_close (&sqe, self->fd);
  if (self->close_fd)
    guring_task_run (task, &sqe, guring_task_return_res);
  else
    guring_task_return (task, 0);
}

static gboolean
guring_input_stream_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_input_stream_close_async, error) >= 0;
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

  stream_class->read_fn = guring_input_stream_read;
  stream_class->skip = guring_input_stream_skip;
  stream_class->close_fn = guring_input_stream_close;
  stream_class->read_async = guring_input_stream_read_async;
  stream_class->read_finish = guring_input_stream_read_finish;
  stream_class->skip_async = guring_input_stream_skip_async;
  stream_class->skip_finish = guring_input_stream_skip_finish;
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
