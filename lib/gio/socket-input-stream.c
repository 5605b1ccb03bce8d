/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a connection receives, as a GInputStream. */

#include "config.h"

#include <gio/gfiledescriptorbased.h>

#include "socket-streams.h"
#include "stream-task.h"

struct _GuringSocketInputStream
{
  GInputStream parent_instance;

  GSocket *socket;
  GuringStreamTask receiving;
};

static GSocket *
get_socket (gpointer stream)
{
  return GURING_SOCKET_INPUT_STREAM (stream)->socket;
}

static int
guring_socket_input_stream_get_fd (GFileDescriptorBased *based)
{
  return g_socket_get_fd (get_socket (based));
}

static void
guring_socket_input_stream_file_descriptor_based_iface_init (GFileDescriptorBasedIface *iface)
{
  iface->get_fd = guring_socket_input_stream_get_fd;
}

/* GPollableInputStream */

static gboolean
guring_socket_input_stream_is_readable (GPollableInputStream *stream)
{
  return g_socket_condition_check (get_socket (stream), G_IO_IN) != 0;
}

static GSource *
guring_socket_input_stream_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  g_autoptr (GSource) source = g_socket_create_source (get_socket (stream), G_IO_IN, cancellable);

  return g_pollable_source_new_full (stream, source, NULL);
}

static gssize
guring_socket_input_stream_read_nonblocking (GPollableInputStream *stream,
                                             void *buffer,
                                             gsize count,
                                             GError **error)
{
  return g_socket_receive_with_blocking (get_socket (stream), buffer, count, FALSE, NULL, error);
}

static void
guring_socket_input_stream_pollable_iface_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = guring_socket_input_stream_is_readable;
  iface->create_source = guring_socket_input_stream_create_source;
  iface->read_nonblocking = guring_socket_input_stream_read_nonblocking;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (
  GuringSocketInputStream,
  guring_socket_input_stream,
  G_TYPE_INPUT_STREAM,
  G_IMPLEMENT_INTERFACE (G_TYPE_FILE_DESCRIPTOR_BASED,
                         guring_socket_input_stream_file_descriptor_based_iface_init)
    G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                           guring_socket_input_stream_pollable_iface_init))

/* GInputStream */

static gssize
guring_socket_input_stream_read (GInputStream *stream,
                                 void *buffer,
                                 gsize count,
                                 GCancellable *cancellable,
                                 GError **error)
{
  return g_socket_receive_with_blocking (get_socket (stream), buffer, count, TRUE, cancellable,
                                         error);
}

static void
on_received (GuringTask *task, gint32 res)
{
  GuringSocketInputStream *self = guring_task_get_data (task);

  guring_stream_task_return (&self->receiving, task, self->socket, res);
}

static void
guring_socket_input_stream_read_async (GInputStream *stream,
                                       void *buffer,
                                       gsize count,
                                       int io_priority,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data)
{
  GuringSocketInputStream *self = GURING_SOCKET_INPUT_STREAM (stream);
  GuringTask *task = guring_task_new (stream, guring_socket_input_stream_read_async, "receive",
                                      io_priority, cancellable, callback, user_data);
  struct io_uring_sqe sqe = { 0 };

  guring_task_set_data (task, self, NULL);
  io_uring_prep_recv (&sqe, g_socket_get_fd (self->socket), buffer,
                      MIN (count, GURING_MAX_TRANSFER), 0);
  guring_stream_task_run (&self->receiving, task, self->socket, &sqe, on_received);
}

static gssize
guring_socket_input_stream_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_socket_input_stream_read_async, error);
}

/* The connection closes the socket. */
static void
guring_socket_input_stream_close_async (GInputStream *stream,
                                        int io_priority,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data)
{
  guring_task_return (guring_task_new (stream, guring_socket_input_stream_close_async, "close",
                                       io_priority, NULL, callback, user_data),
                      0);
}

static gboolean
guring_socket_input_stream_close_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, guring_socket_input_stream_close_async, error) >= 0;
}

/* The object */

static void
guring_socket_input_stream_finalize (GObject *object)
{
  GuringSocketInputStream *self = GURING_SOCKET_INPUT_STREAM (object);

  g_object_unref (self->socket);
  g_mutex_clear (&self->receiving.lock);

  G_OBJECT_CLASS (guring_socket_input_stream_parent_class)->finalize (object);
}

static void
guring_socket_input_stream_init (GuringSocketInputStream *self)
{
  g_mutex_init (&self->receiving.lock);
}

static void
guring_socket_input_stream_class_init (GuringSocketInputStreamClass *class)
{
  GInputStreamClass *stream_class = G_INPUT_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = guring_socket_input_stream_finalize;
  stream_class->read_fn = guring_socket_input_stream_read;
  stream_class->read_async = guring_socket_input_stream_read_async;
  stream_class->read_finish = guring_socket_input_stream_read_finish;
  stream_class->close_async = guring_socket_input_stream_close_async;
  stream_class->close_finish = guring_socket_input_stream_close_finish;
}

GInputStream *
guring_socket_input_stream_new (GSocket *socket)
{
  GuringSocketInputStream *self = g_object_new (GURING_TYPE_SOCKET_INPUT_STREAM, NULL);

  self->socket = g_object_ref (socket);
  return G_INPUT_STREAM (self);
}

/* Ends the call that receives, if there is one. */
void
guring_socket_input_stream_cancel (GuringSocketInputStream *stream)
{
  guring_stream_task_abort (&stream->receiving);
}
