/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Receiving a message: its bytes, where it came from, and its control messages. */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "socket-call.h"
#include "vectors.h"

/* As GSocket has it; the most descriptors that there can be take half. */
#define CONTROL_SIZE 2048

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

typedef struct
{
  struct msghdr header;
  struct sockaddr_storage address;
  gsize control[CONTROL_SIZE / sizeof (gsize)]; /* aligned as a cmsghdr */
  GPtrArray *messages;                          /* of GSocketControlMessage */
} Receiving;

static Receiving *
receiving_new (const GInputVector *vectors, gint num_vectors)
{
  Receiving *receiving = g_new0 (Receiving, 1);

  receiving->header.msg_iov = guring_vectors_copy ((const struct iovec *) vectors, num_vectors,
                                                   &receiving->header.msg_iovlen);
  receiving->header.msg_name = &receiving->address;
  receiving->header.msg_namelen = sizeof receiving->address;
  receiving->header.msg_control = receiving->control;
  receiving->header.msg_controllen = sizeof receiving->control;
  receiving->messages = g_ptr_array_new_with_free_func (g_object_unref);
  return receiving;
}

/* Closes descriptors that came in messages which nobody took. */
static void
receiving_free (gpointer data)
{
  Receiving *receiving = data;

  g_ptr_array_unref (receiving->messages);
  g_free (receiving->header.msg_iov);
  g_free (receiving);
}

/* GLib has no class for it: nobody would ever know the descriptor. */
static void
discard (struct cmsghdr *control)
{
  int fd;

  if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_PIDFD)
    return;

  memcpy (&fd, CMSG_DATA (control), sizeof fd);
  if (fd >= 0)
    close (fd);
}

static void
take_control_messages (Receiving *receiving)
{
  struct msghdr *header = &receiving->header;

  for (struct cmsghdr *control = CMSG_FIRSTHDR (header); control != NULL;
       control = CMSG_NXTHDR (header, control))
    {
      GSocketControlMessage *message =
        g_socket_control_message_deserialize (control->cmsg_level, control->cmsg_type,
                                              control->cmsg_len - CMSG_LEN (0),
                                              CMSG_DATA (control));

      if (message != NULL)
        g_ptr_array_add (receiving->messages, message);
      else
        discard (control);
    }
}

static void
on_received (GuringTask *task, gint32 res)
{
  if (res >= 0)
    take_control_messages (guring_task_get_data (task));
  guring_socket_call_return_res (task, res);
}

/**
 * guring_socket_receive_message_async: (skip)
 * @socket: the socket, to stay open until the callback
 * @vectors: (nullable) (array length=num_vectors): where to put the bytes; the array is copied, the
 *   buffers are to stay valid until the callback, cancelled or not
 * @num_vectors: how many, or -1 if one without a buffer is behind the last. With none a byte is
 *   received that nobody sees
 * @flags: as for recvmsg(2); see #GSocketMsgFlags
 * @io_priority: the priority of the callback where it comes from an idle or a worker thread
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Receives a message as g_socket_receive_message() does. It waits until there is one or
 * g_socket_set_timeout() ends it, also if the socket is not in blocking mode. The thread that uses
 * @socket.
 *
 * Descriptors that are received have `FD_CLOEXEC`. They are closed if nobody takes them.
 *
 * Since: 0.1
 */
void
guring_socket_receive_message_async (GSocket *socket,
                                     GInputVector *vectors,
                                     gint num_vectors,
                                     gint flags,
                                     gint io_priority,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };
  Receiving *receiving;
  GuringTask *task;

  g_return_if_fail (G_IS_SOCKET (socket));
  g_return_if_fail (vectors != NULL || num_vectors == 0);

  receiving = receiving_new (vectors, num_vectors);
  task = guring_task_new (socket, guring_socket_receive_message_async, "receive", io_priority,
                          cancellable, callback, user_data);
  guring_task_set_data (task, receiving, receiving_free);

  /* io_uring would wait for all of it, a GSocket, which does not block, never does. */
  flags &= ~MSG_WAITALL;
  io_uring_prep_recvmsg (&sqe, g_socket_get_fd (socket), &receiving->header,
                         (guint) flags | MSG_CMSG_CLOEXEC);
  guring_socket_call_run (task, socket, &sqe, on_received);
}

static void
give_control_messages (Receiving *receiving, GSocketControlMessage ***messages, gint *num_messages)
{
  gint n = (gint) receiving->messages->len;

  if (num_messages != NULL)
    *num_messages = messages != NULL ? n : 0;
  if (messages == NULL)
    return;

  *messages = NULL;
  if (n > 0)
    {
      g_ptr_array_add (receiving->messages, NULL);
      *messages = (GSocketControlMessage **) g_ptr_array_steal (receiving->messages, NULL);
    }
}

/* Without a place for control messages recvmsg(2) says that they are cut off. */
static gint
get_flags (const Receiving *receiving, gboolean takes_messages)
{
  gboolean cut_off = !takes_messages && receiving->messages->len > 0;

  return receiving->header.msg_flags | (cut_off ? MSG_CTRUNC : 0);
}

/**
 * guring_socket_receive_message_finish: (skip)
 * @socket: the socket
 * @result: what the callback got
 * @address: (out) (optional) (nullable) (transfer full): where it came from, %NULL if that is not
 *   known, as for a stream
 * @messages: (out) (optional) (nullable) (array length=num_messages) (transfer full): its control
 *   messages, with a %NULL behind the last, or %NULL if there are none; the array is to be freed
 * with g_free(), and each with g_object_unref()
 * @num_messages: (out) (optional): how many control messages
 * @flags: (out) (optional): those of recvmsg(2), `MSG_TRUNC` and `MSG_CTRUNC` among them
 * @error: return location for the error
 *
 * Returns: how many bytes were received, 0 if the peer has ended the stream; -1 with a %G_IO_ERROR
 *   made from the errno of recvmsg(2), %G_IO_ERROR_TIMED_OUT, %G_IO_ERROR_CLOSED or
 *   %G_IO_ERROR_CANCELLED; then no message was taken from the socket
 *
 * Since: 0.1
 */
gssize
guring_socket_receive_message_finish (GSocket *socket,
                                      GAsyncResult *result,
                                      GSocketAddress **address,
                                      GSocketControlMessage ***messages,
                                      gint *num_messages,
                                      gint *flags,
                                      GError **error)
{
  gssize n_received;
  Receiving *receiving;
  const struct msghdr *header;

  g_return_val_if_fail (G_IS_SOCKET (socket), -1);
  g_return_val_if_fail (g_async_result_is_tagged (result, guring_socket_receive_message_async), -1);

  n_received = guring_task_finish (result, guring_socket_receive_message_async, error);
  receiving = guring_task_get_data (GURING_TASK (result));
  header = &receiving->header;
  if (flags != NULL)
    *flags = get_flags (receiving, messages != NULL);
  give_control_messages (receiving, messages, num_messages);
  if (address != NULL)
    *address = n_received >= 0
                 ? g_socket_address_new_from_native (header->msg_name, header->msg_namelen)
                 : NULL;
  return n_received;
}
