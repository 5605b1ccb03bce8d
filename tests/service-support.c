/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service-support.h"

gboolean
keep (GuringSocketService *service, GuringSocketConnection *connection, gpointer user_data)
{
  Server *server = user_data;

  ck_assert_ptr_eq (service, server->service);
  server->n_incoming++;
  server->thread = g_thread_self ();
  server->context = g_main_context_get_thread_default ();
  g_ptr_array_add (server->connections, g_object_ref (connection));
  return FALSE;
}

void
server_init_without_handler (Server *server)
{
  server->service = guring_socket_service_new ();
  server->connections = g_ptr_array_new_with_free_func (g_object_unref);
  server->port = guring_socket_service_add_any_inet_port (server->service, NULL, NULL);
  ck_assert_uint_ne (server->port, 0);
}

void
server_init (Server *server)
{
  server_init_without_handler (server);
  g_signal_connect (server->service, "incoming", G_CALLBACK (keep), server);
}

void
server_clear (Server *server)
{
  g_clear_pointer (&server->connections, g_ptr_array_unref);
  g_clear_object (&server->service);
}

void
drop_connection (Server *server, guint index)
{
  g_ptr_array_remove_index (server->connections, index);
}

void
server_send_back (Server *server, guint index, gsize size)
{
  GIOStream *connection = g_ptr_array_index (server->connections, index);
  gchar buffer[16];

  ck_assert_int_eq (read_async (g_io_stream_get_input_stream (connection), buffer, size, NULL,
                                NULL),
                    (gssize) size);
  ck_assert_int_eq (write_async (g_io_stream_get_output_stream (connection), buffer, size, NULL,
                                 NULL),
                    (gssize) size);
}

void
assert_serves (Server *server)
{
  guint n_before = server->n_incoming;
  int client = connect_client (server->port);

  ck_assert_int_eq (send (client, "abc", 3, 0), 3);
  run_until (server->n_incoming > n_before);
  server_send_back (server, server->connections->len - 1, 3);
  ck_assert (client_has (client, "abc"));
  close (client);
}

/* Echo */

typedef struct
{
  GIOStream *connection;
  gchar buffer[512];
} Echo;

static void read_more (Echo *self);

static void
on_echo_written (GObject *output, GAsyncResult *result, gpointer user_data)
{
  ck_assert (g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, NULL, NULL));
  read_more (user_data);
}

static void
on_echo_read (GObject *input, GAsyncResult *result, gpointer user_data)
{
  Echo *self = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL);

  if (n > 0)
    {
      g_output_stream_write_all_async (g_io_stream_get_output_stream (self->connection),
                                       self->buffer, (gsize) n, 0, NULL, on_echo_written, self);
      return;
    }

  g_object_unref (self->connection);
  g_free (self);
}

static void
read_more (Echo *self)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (self->connection), self->buffer,
                             sizeof self->buffer, 0, NULL, on_echo_read, self);
}

gboolean
echo (GuringSocketService *service, GuringSocketConnection *connection, gpointer unused)
{
  Echo *self = g_new0 (Echo, 1);

  self->connection = G_IO_STREAM (g_object_ref (connection));
  read_more (self);
  return FALSE;
}

/* Clients */

int
make_client (void)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  ck_assert_int_ge (fd, 0);
  return fd;
}

void
connect_to (int client, guint16 port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port) };

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  ck_assert_msg (connect (client, (struct sockaddr *) &address, sizeof address) == 0, "%s",
                 g_strerror (errno));
}

int
connect_client (guint16 port)
{
  int fd = make_client ();

  connect_to (fd, port);
  return fd;
}

int
connect_client_6 (guint16 port)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons (port) };
  int fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

  ck_assert_int_ge (fd, 0);
  address.sin6_addr = in6addr_loopback;
  ck_assert_msg (connect (fd, (struct sockaddr *) &address, sizeof address) == 0, "%s",
                 g_strerror (errno));
  return fd;
}

void
connect_clients (guint16 port, int *clients, guint n)
{
  for (guint i = 0; i < n; i++)
    clients[i] = connect_client (port);
}

void
close_clients (const int *clients, guint n)
{
  for (guint i = 0; i < n; i++)
    close (clients[i]);
}

gboolean
has_ended (int client)
{
  gchar byte;
  gssize n = recv (client, &byte, 1, MSG_DONTWAIT);

  return n == 0 || (n < 0 && errno == ECONNRESET);
}

gboolean
client_has (int client, const gchar *text)
{
  gchar buffer[16];
  gsize size = strlen (text);

  ck_assert_uint_le (size, sizeof buffer);
  if (recv (client, buffer, size, MSG_DONTWAIT | MSG_PEEK) != (gssize) size)
    return FALSE;

  ck_assert_int_eq (recv (client, buffer, size, 0), (gssize) size);
  ck_assert (memcmp (buffer, text, size) == 0);
  return TRUE;
}
