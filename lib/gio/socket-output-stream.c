/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a connection sends, as a GOutputStream. */

#include "config.h"

#include <gio/gfiledescriptorbased.h>
#include <limits.h>
#include <sys/socket.h>

#include "socket-streams.h"
#include "stream-task.h"
#include "vectors.h"
#include "writev.h"

struct _GuringSocketOutputStream
{
  GOutputStream parent_instance;

  GSocket *socket;
  GuringStreamTask sending;
  struct msghdr message;
};

static GSocket *
get_socket (gpointer stream)
{
  return GURING_SOCKET_OUTPUT_STREAM (stream)->socket;
}

static int
guring_socket_output_stream_get_fd (GFileDescriptorBased *based)
{
  return g_socket_get_fd (get_socket (based));
}

static void
guring_socket_output_stream_file_descriptor_based_iface_init (GFileDescriptorBasedIface *iface)
{
  iface->get_fd = guring_socket_output_stream_get_fd;
}

/* GPollableOutputStream */

static gboolean
guring_socket_output_stream_is_writable (GPollableOutputStream *stream)
{
  return g_socket_condition_check (get_socket (stream), G_IO_OUT) != 0;
}

static GSource *
guring_socket_output_stream_create_source (GPollableOutputStream *stream, GCancellable *cancellable)
{
  g_autoptr (GSource) source = g_socket_create_source (get_socket (stream), G_IO_OUT, cancellable);

  return g_pollable_source_new_full (stream, source, NULL);
}

static gssize
guring_socket_output_stream_write_nonblocking (GPollableOutputStream *stream,
                                               const void *buffer,
                                               gsize count,
                                               GError **error)
{
  return g_socket_send_with_blocking (get_socket (stream), buffer, count, FALSE, NULL, error);
}

static GPollableReturn
guring_socket_output_stream_writev_nonblocking (GPollableOutputStream *stream,
                                                const GOutputVector *vectors,
                                                gsize n_vectors,
                                                gsize *bytes_written,
                                                GError **error)
{
  return g_socket_send_message_with_timeout (get_socket (stream), NULL, vectors,
                                             (gint) MIN (n_vectors, IOV_MAX), NULL, 0,
                                             G_SOCKET_MSG_NONE, 0, bytes_written, NULL, error);
}

static void
guring_socket_output_stream_pollable_iface_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = guring_socket_output_stream_is_writable;
  iface->create_source = guring_socket_output_stream_create_source;
  iface->write_nonblocking = guring_socket_output_stream_write_nonblocking;
  iface->writev_nonblocking = guring_socket_output_stream_writev_nonblocking;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (
  GuringSocketOutputStream,
  guring_socket_output_stream,
  G_TYPE_OUTPUT_STREAM,
  G_IMPLEMENT_INTERFACE (G_TYPE_FILE_DESCRIPTOR_BASED,
                         guring_socket_output_stream_file_descriptor_based_iface_init)
    G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                           guring_socket_output_stream_pollable_iface_init))

/* Synchronous calls */

static gssize
guring_socket_output_stream_write (GOutputStream *stream,
                                   const void *buffer,
                                   gsize count,
                                   GCancellable *cancellable,
                                   GError **error)
{
  return g_socket_send_with_blocking (get_socket (stream), buffer, count, TRUE, cancellable, error);
}

static gboolean
guring_socket_output_stream_writev (GOutputStream *stream,
                                    const GOutputVector *vectors,
                                    gsize n_vectors,
                                    gsize *bytes_written,
                                    GCancellable *cancellable,
                                    GError **error)
{
  return g_socket_send_message_with_timeout (get_socket (stream), NULL, vectors,
                                             (gint) MIN (n_vectors, IOV_MAX), NULL, 0,
                                             G_SOCKET_MSG_NONE, -1, bytes_written, cancellable,
                                             error) == G_POLLABLE_RETURN_OK;
}

/* Asynchronous calls */

static void
on_sent (GuringTask *task, gint32 res)
{
  GuringSocketOutputStream *self = guring_task_get_data (task);

  guring_stream_task_return (&self->sending, task, self->socket, res);
}

static void
on_vectors_sent (GuringTask *task, gint32 res)
{
  g_output_stream_clear_pending (guring_task_get_data (task));
  on_sent (task, res);
}

/* Takes the task.
 *
 * Returns: whether @func will be called */
static gboolean
start_sending (GuringSocketOutputStream *self,
               GuringTask *task,
               const struct io_uring_sqe *sqe,
               GuringStepFunc func)
{
  guring_task_set_data (task, self, NULL);
  return guring_stream_task_run (&self->sending, task, self->socket, sqe, func);
}

static void
guring_socket_output_stream_write_async (GOutputStream *stream,
                                         const void *buffer,
                                         gsize count,
                                         int io_priority,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data)
{
  GuringSocketOutputStream *self = GURING_SOCKET_OUTPUT_STREAM (stream);
  GuringTask *task = guring_task_new (stream, guring_socket_output_stream_write_async, "send",
                                      io_priority, cancellable, callback, user_data);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_send (&sqe, g_socket_get_fd (self->socket), buffer,
                      MIN (count, GURING_MAX_TRANSFER), MSG_NOSIGNAL);
  if (start_sending (self, task, &sqe, on_sent))
    guring_task_end_in_next_iteration (task);
}

static gssize
guring_socket_output_stream_write_finish (GOutputStream *stream,
                                          GAsyncResult *result,
                                          GError **error)
{
  return guring_task_finish (result, guring_socket_output_stream_write_async, error);
}

static void
guring_socket_output_stream_writev_async (GOutputStream *stream,
                                          const GOutputVector *vectors,
                                          gsize n_vectors,
                                          int io_priority,
                                          GCancellable *cancellable,
                                          GAsyncReadyCallback callback,
                                          gpointer user_data)
{
  GuringSocketOutputStream *self = GURING_SOCKET_OUTPUT_STREAM (stream);
  GuringTask *task = guring_task_new (stream, guring_socket_output_stream_writev_async, "send",
                                      io_priority, cancellable, callback, user_data);
  struct io_uring_sqe sqe = { 0 };

  if (!guring_writev_begin (stream, task, n_vectors))
    return;

  self->message.msg_iov = guring_vectors_get_iovecs (vectors);
  self->message.msg_iovlen = MIN (n_vectors, IOV_MAX);
  io_uring_prep_sendmsg (&sqe, g_socket_get_fd (self->socket), &self->message, MSG_NOSIGNAL);
  if (!start_sending (self, task, &sqe, on_vectors_sent))
    g_output_stream_clear_pending (stream);
}

static gboolean
guring_socket_output_stream_writev_finish (GOutputStream *stream,
                                           GAsyncResult *result,
                                           gsize *bytes_written,
                                           GError **error)
{
  gssize n = guring_task_finish (result, guring_socket_output_stream_writev_async, error);

  *bytes_written = (gsize) MAX (n, 0);
  return n >= 0;
}

/* The connection closes the socket. */
static void
guring_socket_output_stream_close_async (GOutputStream *stream,
                                         int io_priority,
                                         GCancellable *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer user_data)
{
  guring_task_return (guring_task_new (stream, guring_socket_output_stream_close_async, "close",
                                       io_priority, NULL, callback, user_data),
                      0);
}

static gboolean
guring_socket_output_stream_close_finish (GOutputStream *stream,
                                          GAsyncResult *result,
                                          GError **error)
{
  return guring_task_finish (result, guring_socket_output_stream_close_async, error) >= 0;
}

/* The object */

static void
guring_socket_output_stream_finalize (GObject *object)
{
  GuringSocketOutputStream *self = GURING_SOCKET_OUTPUT_STREAM (object);

  g_object_unref (self->socket);
  g_mutex_clear (&self->sending.lock);

  G_OBJECT_CLASS (guring_socket_output_stream_parent_class)->finalize (object);
}

static void
guring_socket_output_stream_init (GuringSocketOutputStream *self)
{
  g_mutex_init (&self->sending.lock);
}

static void
guring_socket_output_stream_class_init (GuringSocketOutputStreamClass *class)
{
  GOutputStreamClass *stream_class = G_OUTPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = guring_socket_output_stream_finalize;
  stream_class->write_fn = guring_socket_output_stream_write;
  stream_class->writev_fn = guring_socket_output_stream_writev;
  stream_class->write_async = guring_socket_output_stream_write_async;
  stream_class->write_finish = guring_socket_output_stream_write_finish;
  stream_class->writev_async = guring_socket_output_stream_writev_async;
  stream_class->writev_finish = guring_socket_output_stream_writev_finish;
  stream_class->close_async = guring_socket_output_stream_close_async;
  stream_class->close_finish = guring_socket_output_stream_close_finish;
}

GOutputStream *
guring_socket_output_stream_new (GSocket *socket)
{
  GuringSocketOutputStream *self = g_object_new (GURING_TYPE_SOCKET_OUTPUT_STREAM, NULL);

  self->socket = g_object_ref (socket);
  return G_OUTPUT_STREAM (self);
}

/* Ends the call that sends, if there is one. */
void
guring_socket_output_stream_cancel (GuringSocketOutputStream *stream)
{
  guring_stream_task_abort (&stream->sending);
}
