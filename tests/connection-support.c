/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <sys/socket.h>
#include <unistd.h>

#include "connection-support.h"

static void
pair_init_with_socket (Pair *pair, int fd, int peer)
{
  pair->socket = g_socket_new_from_fd (fd, NULL);
  ck_assert_ptr_nonnull (pair->socket);
  pair->connection = G_IO_STREAM (guring_socket_connection_new (pair->socket, NULL));
  ck_assert_ptr_nonnull (pair->connection);
  pair->input = g_io_stream_get_input_stream (pair->connection);
  pair->output = g_io_stream_get_output_stream (pair->connection);
  pair->peer = peer;
}

void
pair_init (Pair *pair)
{
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  pair_init_with_socket (pair, fds[0], fds[1]);
}

void
pair_clear (Pair *pair)
{
  g_clear_object (&pair->connection);
  g_clear_object (&pair->socket);
  if (pair->peer >= 0)
    close (pair->peer);
}
void
pair_reuse_descriptor (Pair *pair, int fds[2])
{
  int fd = g_socket_get_fd (pair->socket);

  ck_assert (g_io_stream_close (pair->connection, NULL, NULL));
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  ck_assert_int_eq (fds[0], fd);
  write_byte (fds[1]);
}

void
close_untouched (int fds[2])
{
  gchar byte;

  ck_assert_int_eq (recv (fds[0], &byte, 1, MSG_DONTWAIT), 1);
  close_pipe (fds);
}

GSocket *
listen_on_loopback (GSocketAddress **address)
{
  g_autoptr (GInetAddress) loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  g_autoptr (GSocketAddress) any_port = g_inet_socket_address_new (loopback, 0);
  GSocket *listener =
    g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);

  ck_assert (g_socket_bind (listener, any_port, TRUE, NULL));
  ck_assert (g_socket_listen (listener, NULL));
  *address = g_socket_get_local_address (listener, NULL);
  return listener;
}
