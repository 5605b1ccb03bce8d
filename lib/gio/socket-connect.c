/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connecting a GSocket. */

#include "config.h"

#include "socket-call.h"

typedef struct
{
  GSocket *socket; /* the task's source object */
  GSocketAddress *address;
  struct sockaddr_storage native;
} Connecting;

static void
connecting_free (gpointer data)
{
  Connecting *connecting = data;

  g_object_unref (connecting->address);
  g_free (connecting);
}

/* That it asks again makes the GSocket forget the address of an earlier attempt; it does not wait,
 * since the answer is that it is connected. */
static gboolean
tell_socket (const Connecting *connecting, GError **error)
{
  g_socket_connect (connecting->socket, connecting->address, NULL, NULL);
  return g_socket_check_connect_result (connecting->socket, error);
}

static void
on_connected (GuringTask *task, gint32 res)
{
  GError *error = NULL;

  if (res < 0)
    guring_socket_call_return_res (task, res);
  else if (tell_socket (guring_task_get_data (task), &error))
    guring_task_return (task, TRUE);
  else
    guring_task_return_error (task, error);
}

/**
 * guring_socket_connect_async:
 * @socket: the socket, to stay open until the callback
 * @address: what to connect to
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Connects a socket as g_socket_connect() does. It waits until that is done or
 * g_socket_set_timeout() ends it, also if the socket is not in blocking mode. The thread that uses
 * @socket.
 *
 * A connect that was cancelled or timed out may go on in the kernel: close the socket.
 *
 * Since: 0.1
 */
void
guring_socket_connect_async (GSocket *socket,
                             GSocketAddress *address,
                             gint io_priority,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  GError *error = NULL;
  Connecting *connecting;
  GuringTask *task;

  g_return_if_fail (G_IS_SOCKET (socket));
  g_return_if_fail (G_IS_SOCKET_ADDRESS (address));

  connecting = g_new0 (Connecting, 1);
  connecting->socket = socket;
  connecting->address = g_object_ref (address);
  task = guring_task_new (socket, guring_socket_connect_async, "connect", io_priority, cancellable,
                          callback, user_data);
  guring_task_set_data (task, connecting, connecting_free);
  if (!g_socket_address_to_native (address, &connecting->native, sizeof connecting->native, &error))
    {
      guring_task_return_error (task, error);
      return;
    }

  io_uring_prep_connect (&sqe, g_socket_get_fd (socket), (struct sockaddr *) &connecting->native,
                         (socklen_t) g_socket_address_get_native_size (address));
  guring_socket_call_run (task, socket, &sqe, on_connected);
}

/**
 * guring_socket_connect_finish:
 * @socket: the socket
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: %TRUE if it is connected; %FALSE with a %G_IO_ERROR made from the errno of connect(2),
 *   %G_IO_ERROR_CONNECTION_REFUSED if nobody listens, %G_IO_ERROR_WOULD_BLOCK if the listener of a
 *   unix socket has no room for another, %G_IO_ERROR_TIMED_OUT, %G_IO_ERROR_CLOSED or
 *   %G_IO_ERROR_CANCELLED
 *
 * Since: 0.1
 */
gboolean
guring_socket_connect_finish (GSocket *socket, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_SOCKET (socket), FALSE);

  return guring_task_finish (result, guring_socket_connect_async, error) >= 0;
}
