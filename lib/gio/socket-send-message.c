/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sending a message: its bytes, to whom, and its control messages. */

#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "descriptor.h"
#include "socket-call.h"
#include "vectors.h"

typedef struct
{
  GSocket *socket; /* the task's source object */
  gint flags;
  struct msghdr header;
  struct sockaddr_storage address;
  GPtrArray *messages; /* which keep what they send */
  int probe;           /* connected to the receiver, or -1 */
} Sending;

static void
sending_free (gpointer data)
{
  Sending *sending = data;

  if (sending->probe >= 0)
    close (sending->probe);
  g_ptr_array_unref (sending->messages);
  g_free (sending->header.msg_iov);
  g_free (sending->header.msg_control);
  g_free (sending);
}

static Sending *
sending_new (GSocket *socket, const GOutputVector *vectors, gint num_vectors, gint flags)
{
  Sending *sending = g_new0 (Sending, 1);

  sending->socket = socket;
  sending->flags = flags;
  sending->header.msg_iov = guring_vectors_copy (guring_vectors_get_iovecs (vectors), num_vectors,
                                                 &sending->header.msg_iovlen);
  sending->messages = g_ptr_array_new_with_free_func (g_object_unref);
  sending->probe = -1;
  return sending;
}

static gboolean
set_address (Sending *sending, GSocketAddress *address, GError **error)
{
  if (address == NULL)
    return TRUE;

  sending->header.msg_name = &sending->address;
  sending->header.msg_namelen = (socklen_t) g_socket_address_get_native_size (address);
  return g_socket_address_to_native (address, &sending->address, sizeof sending->address, error);
}

static void
serialize (GSocketControlMessage *message, struct cmsghdr *control)
{
  control->cmsg_level = g_socket_control_message_get_level (message);
  control->cmsg_type = g_socket_control_message_get_msg_type (message);
  control->cmsg_len = CMSG_LEN (g_socket_control_message_get_size (message));
  g_socket_control_message_serialize (message, CMSG_DATA (control));
}

/* @n: -1 if there is a %NULL behind the last */
static void
set_control_messages (Sending *sending, GSocketControlMessage **messages, gint n)
{
  struct msghdr *header = &sending->header;
  struct cmsghdr *control;

  for (gint i = 0; n < 0 ? messages != NULL && messages[i] != NULL : i < n; i++)
    {
      g_ptr_array_add (sending->messages, g_object_ref (messages[i]));
      header->msg_controllen += CMSG_SPACE (g_socket_control_message_get_size (messages[i]));
    }

  header->msg_control = g_malloc0 (header->msg_controllen);
  control = CMSG_FIRSTHDR (header);
  for (guint i = 0; i < sending->messages->len; i++, control = CMSG_NXTHDR (header, control))
    serialize (sending->messages->pdata[i], control);
}

static void on_sent (GuringTask *task, gint32 res);

static void
prepare (const Sending *sending, struct io_uring_sqe *sqe)
{
  gint flags = sending->flags | MSG_NOSIGNAL;

  /* io_uring would send all of it; a GSocket, which does not block, what there is room for. */
  flags &= ~MSG_WAITALL;
  /* Else io_uring tries again and again while the receiver has no room (Linux 6.18). */
  if (sending->address.ss_family == AF_UNIX)
    flags |= MSG_DONTWAIT;
  io_uring_prep_sendmsg (sqe, g_socket_get_fd (sending->socket), &sending->header, (guint) flags);
}

static void
on_room (GuringTask *task, gint32 res)
{
  struct io_uring_sqe sqe = { 0 };

  if (res < 0)
    {
      guring_socket_call_return_res (task, res);
      return;
    }

  prepare (guring_task_get_data (task), &sqe);
  guring_task_run (task, &sqe, on_sent);
}

/* Only a socket that is connected to the receiver tells when that has room. */
static int
make_probe (const struct msghdr *header)
{
  int probe = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (probe < 0)
    return -errno;

  if (connect (probe, header->msg_name, header->msg_namelen) < 0)
    {
      int error_number = errno;

      close (probe);
      return -error_number;
    }
  return probe;
}

static int
get_fd_to_wait_for (Sending *sending)
{
  int fd = g_socket_get_fd (sending->socket);

  if (g_socket_get_socket_type (sending->socket) != G_SOCKET_TYPE_DATAGRAM ||
      !guring_descriptor_is_ready (fd, G_IO_OUT))
    return fd;

  if (sending->probe < 0)
    sending->probe = make_probe (&sending->header);
  return sending->probe;
}

static void
wait_for_room (GuringTask *task)
{
  int fd = get_fd_to_wait_for (guring_task_get_data (task));
  struct io_uring_sqe sqe = { 0 };

  if (fd < 0)
    {
      guring_task_return_errno (task, -fd);
      return;
    }

  io_uring_prep_poll_add (&sqe, fd, POLLOUT);
  guring_task_run (task, &sqe, on_room);
}

/* The task has waited for what can be waited for, unless it is a datagram to a unix socket. */
static void
on_sent (GuringTask *task, gint32 res)
{
  if (res == -EAGAIN)
    wait_for_room (task);
  else
    guring_socket_call_return_res (task, res);
}

/**
 * guring_socket_send_message_async: (skip)
 * @socket: the socket, to stay open until the callback
 * @address: (nullable): to whom, %NULL for the peer of a socket that is connected
 * @vectors: (nullable) (array length=num_vectors): what to send; the array is copied, the buffers
 *   are to stay valid until the callback, cancelled or not
 * @num_vectors: how many, or -1 if one without a buffer is behind the last. With none a zero byte
 * is sent
 * @messages: (nullable) (array length=num_messages): control messages
 * @num_messages: how many, or -1 if a %NULL is behind the last
 * @flags: as for sendmsg(2), see #GSocketMsgFlags; `MSG_NOSIGNAL` is added
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Sends a message as g_socket_send_message() does. It waits until there is room for it, or for a
 * part of it if the socket is a stream, or g_socket_set_timeout() ends it, also if the socket is
 * not in blocking mode. The thread that uses @socket.
 *
 * Since: 0.1
 */
void
guring_socket_send_message_async (GSocket *socket,
                                  GSocketAddress *address,
                                  GOutputVector *vectors,
                                  gint num_vectors,
                                  GSocketControlMessage **messages,
                                  gint num_messages,
                                  gint flags,
                                  gint io_priority,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  GError *error = NULL;
  Sending *sending;
  GuringTask *task;

  g_return_if_fail (G_IS_SOCKET (socket));
  g_return_if_fail (address == NULL || G_IS_SOCKET_ADDRESS (address));
  g_return_if_fail (vectors != NULL || num_vectors == 0);
  g_return_if_fail (messages != NULL || num_messages <= 0);

  sending = sending_new (socket, vectors, num_vectors, flags);
  task = guring_task_new (socket, guring_socket_send_message_async, "send", io_priority,
                          cancellable, callback, user_data);
  guring_task_set_data (task, sending, sending_free);
  set_control_messages (sending, messages, num_messages);
  if (!set_address (sending, address, &error))
    {
      guring_task_return_error (task, error);
      return;
    }

  prepare (sending, &sqe);
  guring_socket_call_run (task, socket, &sqe, on_sent);
}

/**
 * guring_socket_send_message_finish: (skip)
 * @socket: the socket
 * @result: what the callback got
 * @error: return location for the error
 *
 * Returns: how many bytes were sent, of a stream perhaps not all; -1 with a %G_IO_ERROR made from
 * the errno of sendmsg(2), %G_IO_ERROR_BROKEN_PIPE if the peer has gone, %G_IO_ERROR_TIMED_OUT,
 *   %G_IO_ERROR_CLOSED or %G_IO_ERROR_CANCELLED; then nothing was sent
 *
 * Since: 0.1
 */
gssize
guring_socket_send_message_finish (GSocket *socket, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (G_IS_SOCKET (socket), -1);

  return guring_task_finish (result, guring_socket_send_message_async, error);
}
