/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GSocketConnection with streams on the ring. */

#include "config.h"

#include "receiver.h"
#include "socket-connection.h"
#include "socket-streams.h"
#include "stream-task.h"

/**
 * GuringSocketConnection:
 *
 * A #GSocketConnection whose streams receive and send on the default ring of the calling thread's
 * thread-default main context; without io_uring they wait in the main loop. Everything else is as
 * in GIO: synchronous calls are those of the #GSocket, the streams can be polled, so that a
 * #GTlsConnection and the like stand on them, g_socket_set_timeout() limits each call, and a peer
 * that has gone is an error and no SIGPIPE.
 *
 * To close the connection ends the calls on its streams that have not ended, with
 * %G_IO_ERROR_CLOSED. Any thread may close it, but one that receives with
 * guring_socket_connection_receive_async() is for the thread of that.
 *
 * Since: 0.1
 */
struct _GuringSocketConnection
{
  GSocketConnection parent_instance;

  GInputStream *input_stream;
  GOutputStream *output_stream;
  GuringReceiver *receiver; /* NULL until it is needed */
  gboolean in_dispose;
  GObject *source_object;

  GDestroyNotify closed_func;
  gpointer closed_data;
};

G_DEFINE_FINAL_TYPE (GuringSocketConnection, guring_socket_connection, G_TYPE_SOCKET_CONNECTION)

static GInputStream *
guring_socket_connection_get_input_stream (GIOStream *stream)
{
  return GURING_SOCKET_CONNECTION (stream)->input_stream;
}

static GOutputStream *
guring_socket_connection_get_output_stream (GIOStream *stream)
{
  return GURING_SOCKET_CONNECTION (stream)->output_stream;
}

static void
tell_closed (GuringSocketConnection *self)
{
  GDestroyNotify func = g_steal_pointer (&self->closed_func);

  if (func != NULL)
    func (self->closed_data);
}

/* What is in flight goes first: the kernel holds on to the socket for it, and what is not submitted
 * yet would meet whoever has the descriptor's number by then. */
static gboolean
guring_socket_connection_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  GuringSocketConnection *self = GURING_SOCKET_CONNECTION (stream);
  gboolean closed;

  if (!self->in_dispose) /* else who reads on has the stream, and that the socket, as in GIO */
    {
      guring_socket_input_stream_cancel (GURING_SOCKET_INPUT_STREAM (self->input_stream));
      guring_socket_output_stream_cancel (GURING_SOCKET_OUTPUT_STREAM (self->output_stream));
    }
  if (self->receiver != NULL)
    guring_receiver_abort (self->receiver);
  g_output_stream_close (self->output_stream, cancellable, NULL);
  g_input_stream_close (self->input_stream, cancellable, NULL);

  closed = G_IO_STREAM_CLASS (guring_socket_connection_parent_class)
             ->close_fn (stream, cancellable, error);
  tell_closed (self);
  return closed;
}

static void
guring_socket_connection_constructed (GObject *object)
{
  GuringSocketConnection *self = GURING_SOCKET_CONNECTION (object);
  GSocket *socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (self));

  G_OBJECT_CLASS (guring_socket_connection_parent_class)->constructed (object);

  self->input_stream = guring_socket_input_stream_new (socket);
  self->output_stream = guring_socket_output_stream_new (socket);
}

static void
guring_socket_connection_dispose (GObject *object)
{
  GuringSocketConnection *self = GURING_SOCKET_CONNECTION (object);

  self->in_dispose = TRUE;
  G_OBJECT_CLASS (guring_socket_connection_parent_class)->dispose (object);
  self->in_dispose = FALSE;
}

static void
guring_socket_connection_finalize (GObject *object)
{
  GuringSocketConnection *self = GURING_SOCKET_CONNECTION (object);

  tell_closed (self);
  g_clear_pointer (&self->receiver, guring_receiver_unref);
  g_object_unref (self->input_stream);
  g_object_unref (self->output_stream);
  g_clear_object (&self->source_object);

  G_OBJECT_CLASS (guring_socket_connection_parent_class)->finalize (object);
}

static void
guring_socket_connection_init (GuringSocketConnection *self)
{
}

static void
guring_socket_connection_class_init (GuringSocketConnectionClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (class);

  object_class->constructed = guring_socket_connection_constructed;
  object_class->dispose = guring_socket_connection_dispose;
  object_class->finalize = guring_socket_connection_finalize;
  stream_class->get_input_stream = guring_socket_connection_get_input_stream;
  stream_class->get_output_stream = guring_socket_connection_get_output_stream;
  stream_class->close_fn = guring_socket_connection_close;
}

void
guring_socket_connection_set_closed_func (GuringSocketConnection *connection,
                                          GDestroyNotify func,
                                          gpointer user_data)
{
  connection->closed_func = func;
  connection->closed_data = user_data;
}

/**
 * guring_socket_connection_new:
 * @socket: a stream socket, connected or to be connected with guring_socket_connect_async() or
 *   g_socket_connection_connect_async()
 * @error: return location for the error
 *
 * Makes a connection of a socket, which belongs to it from then on: it is closed with the
 * connection, and not to be closed with g_socket_close(): a call that waits has it still open in
 * the kernel, and neither that nor the peer would hear of it. g_socket_shutdown() may be used. Any
 * thread.
 *
 * Returns: (transfer full): the connection; %NULL with %G_IO_ERROR_CLOSED if @socket is closed, or
 *   %G_IO_ERROR_INVALID_ARGUMENT if it is no stream socket
 *
 * Since: 0.1
 */
GuringSocketConnection *
guring_socket_connection_new (GSocket *socket, GError **error)
{
  g_return_val_if_fail (G_IS_SOCKET (socket), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_socket_is_closed (socket))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                         "Could not make a connection: the socket is closed");
  else if (g_socket_get_socket_type (socket) != G_SOCKET_TYPE_STREAM &&
           g_socket_get_socket_type (socket) != G_SOCKET_TYPE_SEQPACKET)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "Could not make a connection: not a stream socket; see "
                         "guring_socket_receive_message_async() for datagrams");
  else
    return g_object_new (GURING_TYPE_SOCKET_CONNECTION, "socket", socket, NULL);
  return NULL;
}

/**
 * guring_socket_connection_receive_async:
 * @connection: a connection
 * @io_priority: the priority of the callback where it comes from an idle source
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Receives what comes next, as #GBytes. Unlike a read from the input stream it needs no buffer
 * while it waits: all connections of a context share a #GuringBufferGroup, of which the kernel
 * takes one when there is something, and one multishot operation goes on from call to call. Where
 * the kernel has no such thing (before Linux 6.0), and for a socket with a timeout, each call
 * receives into memory of its own.
 *
 * What comes between the calls is kept, up to some 64 KiB; then the peer has to wait. So the input
 * stream is %G_IO_ERROR_PENDING from the first call on until the end of the input or an error.
 *
 * Of a %G_SOCKET_TYPE_SEQPACKET socket it is one message, of which what is beyond 4096 bytes is
 * lost: larger ones are for the input stream.
 *
 * To be called in the thread of one context; one call at a time.
 *
 * Since: 0.1
 */
void
guring_socket_connection_receive_async (GuringSocketConnection *connection,
                                        gint io_priority,
                                        GCancellable *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer user_data)
{
  GuringTask *task;

  g_return_if_fail (GURING_IS_SOCKET_CONNECTION (connection));

  task = guring_task_new (connection, guring_socket_connection_receive_async, "receive",
                          io_priority, cancellable, callback, user_data);
  if (g_io_stream_is_closed (G_IO_STREAM (connection)))
    {
      guring_task_return_error (task, guring_stream_task_make_closed_error ());
      return;
    }

  if (connection->receiver == NULL)
    connection->receiver =
      guring_receiver_new (g_socket_connection_get_socket (G_SOCKET_CONNECTION (connection)),
                           connection->input_stream);
  guring_receiver_start (connection->receiver, task);
}

/**
 * guring_socket_connection_receive_finish:
 * @connection: a connection
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: (transfer full): what was received, at least a byte; empty at the end of the input. The
 *   bytes may be kept, and dropped in any thread. %NULL with a %G_IO_ERROR made from the errno of
 *   recv(2), %G_IO_ERROR_CANCELLED (nothing was lost: the next call has it), %G_IO_ERROR_TIMED_OUT,
 *   %G_IO_ERROR_CLOSED, or %G_IO_ERROR_PENDING if the connection receives already, or its input
 *   stream does
 *
 * Since: 0.1
 */
GBytes *
guring_socket_connection_receive_finish (GuringSocketConnection *connection,
                                         GAsyncResult *result,
                                         GError **error)
{
  g_return_val_if_fail (GURING_IS_SOCKET_CONNECTION (connection), NULL);

  if (guring_task_finish (result, guring_socket_connection_receive_async, error) < 0)
    return NULL;
  return guring_receiver_take (GURING_TASK (result));
}

void
guring_socket_connection_set_source_object (GuringSocketConnection *connection,
                                            GObject *source_object)
{
  g_set_object (&connection->source_object, source_object);
}

/**
 * guring_socket_connection_get_source_object:
 * @connection: a connection
 *
 * Gets what was given to a #GuringSocketService with the socket that accepted the connection, so
 * that a handler of #GuringSocketService::incoming can tell by which way a client came. Any thread.
 *
 * Returns: (transfer none) (nullable): the object, which lives as long as @connection; %NULL if
 *   none was given, or no service made the connection
 *
 * Since: 0.1
 */
GObject *
guring_socket_connection_get_source_object (GuringSocketConnection *connection)
{
  g_return_val_if_fail (GURING_IS_SOCKET_CONNECTION (connection), NULL);

  return connection->source_object;
}
