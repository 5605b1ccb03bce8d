/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket-support.h"

void
on_response (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  Response *response = user_data;
  g_autoptr (GObject) source = g_async_result_get_source_object (result);

  ck_assert_ptr_eq (source_object, response->socket);
  ck_assert_ptr_eq (source, response->socket);
  ck_assert_ptr_eq (g_async_result_get_user_data (result), response);
  response->n_calls++;
  response->context = g_main_context_get_thread_default ();
  g_set_object (&response->result, result);
}

void
response_clear (Response *response)
{
  g_clear_object (&response->result);
}

GAsyncResult *
get (Response *response)
{
  GMainContext *own = g_main_context_get_thread_default ();

  while (response->n_calls == 0)
    g_main_context_iteration (own, TRUE);
  ck_assert_uint_eq (response->n_calls, 1);
  return response->result;
}

void
assert_idle (void)
{
  guint n_dispatches = 0;

  for (guint n_idle = 0; n_idle < 100; n_idle++)
    if (g_main_context_iteration (context, FALSE))
      {
        n_idle = 0;
        n_dispatches++;
        ck_assert_uint_lt (n_dispatches, 1000);
      }
}

gboolean
has_kind (Kind kind)
{
  struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
  int fd;
  gboolean has;

  if (kind != IPV6)
    return TRUE;

  fd = socket (AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  has = fd >= 0 && bind (fd, (struct sockaddr *) &address, sizeof address) == 0;
  if (fd >= 0)
    close (fd);
  return !skip_if (!has, "IPv6");
}

static const GSocketFamily families[] = {
  [IPV4] = G_SOCKET_FAMILY_IPV4,
  [IPV6] = G_SOCKET_FAMILY_IPV6,
  [UNIX_PATH] = G_SOCKET_FAMILY_UNIX,
  [UNIX_ABSTRACT] = G_SOCKET_FAMILY_UNIX,
};

GSocketAddress *
make_address (Kind kind)
{
  static guint n_names;
  g_autofree gchar *name = g_strdup_printf ("guring-%d-%u", (int) getpid (), n_names++);

  if (kind == UNIX_PATH)
    return g_unix_socket_address_new (name);
  if (kind == UNIX_ABSTRACT)
    return g_unix_socket_address_new_with_type (name, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  return g_inet_socket_address_new_from_string (kind == IPV6 ? "::1" : "127.0.0.1", 0);
}

GSocket *
make_socket (Kind kind, GSocketType type)
{
  g_autoptr (GError) error = NULL;
  GSocket *made = g_socket_new (families[kind], type, G_SOCKET_PROTOCOL_DEFAULT, &error);

  ck_assert_msg (made != NULL, "%s", error != NULL ? error->message : "");
  return made;
}

GSocket *
make_bound (Kind kind, GSocketType type)
{
  GSocket *bound = make_socket (kind, type);
  g_autoptr (GSocketAddress) address = make_address (kind);

  ck_assert (g_socket_bind (bound, address, FALSE, NULL));
  return bound;
}

GSocket *
make_listener (Kind kind, guint backlog)
{
  GSocket *listener = make_bound (kind, G_SOCKET_TYPE_STREAM);

  g_socket_set_listen_backlog (listener, (gint) backlog);
  ck_assert (g_socket_listen (listener, NULL));
  return listener;
}

void
make_pair (GSocketType type, GSocket *sockets[2])
{
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX,
                                (type == G_SOCKET_TYPE_STREAM ? SOCK_STREAM : SOCK_DGRAM) |
                                  SOCK_CLOEXEC,
                                0, fds),
                    0);
  for (guint i = 0; i < 2; i++)
    {
      sockets[i] = g_socket_new_from_fd (fds[i], NULL);
      ck_assert_ptr_nonnull (sockets[i]);
    }
}

void
close_pair (GSocket *sockets[2])
{
  for (guint i = 0; i < 2; i++)
    g_clear_object (&sockets[i]);
}

GSocketAddress *
get_local (GSocket *socket)
{
  GSocketAddress *address = g_socket_get_local_address (socket, NULL);

  ck_assert_ptr_nonnull (address);
  return address;
}

void
assert_same_address (GSocketAddress *address, GSocketAddress *expected)
{
  struct sockaddr_storage natives[2] = { 0 };

  ck_assert_ptr_nonnull (address);
  ck_assert_int_eq (g_socket_address_get_native_size (address),
                    g_socket_address_get_native_size (expected));
  ck_assert (g_socket_address_to_native (address, &natives[0], sizeof natives[0], NULL));
  ck_assert (g_socket_address_to_native (expected, &natives[1], sizeof natives[1], NULL));
  ck_assert (
    memcmp (&natives[0], &natives[1], (gsize) g_socket_address_get_native_size (expected)) == 0);
  g_object_unref (address);
  g_object_unref (expected);
}

void
start_receiving (GSocket *socket,
                 GInputVector *vectors,
                 gint n,
                 gint flags,
                 GCancellable *cancellable,
                 Response *response)
{
  response->socket = socket;
  guring_socket_receive_message_async (socket, vectors, n, flags, G_PRIORITY_DEFAULT, cancellable,
                                       on_response, response);
  ck_assert_uint_eq (response->n_calls, 0);
}

gssize
finish_receiving (Response *response, GError **error)
{
  return guring_socket_receive_message_finish (response->socket, get (response), NULL, NULL, NULL,
                                               NULL, error);
}

void
start_sending (GSocket *socket,
               GSocketAddress *address,
               GOutputVector *vectors,
               gint n,
               gint flags,
               GCancellable *cancellable,
               Response *response)
{
  response->socket = socket;
  guring_socket_send_message_async (socket, address, vectors, n, NULL, 0, flags, G_PRIORITY_DEFAULT,
                                    cancellable, on_response, response);
  ck_assert_uint_eq (response->n_calls, 0);
}

gssize
finish_sending (Response *response, GError **error)
{
  return guring_socket_send_message_finish (response->socket, get (response), error);
}

gssize
receive_bytes (GSocket *socket, gpointer buffer, gsize size, GError **error)
{
  g_auto (Response) response = { 0 };
  GInputVector vector = { buffer, size };

  start_receiving (socket, &vector, 1, 0, NULL, &response);
  return finish_receiving (&response, error);
}

gssize
send_to (GSocket *socket, GSocketAddress *address, const gchar *text, GError **error)
{
  g_auto (Response) response = { 0 };
  GOutputVector vector = { text, strlen (text) };

  start_sending (socket, address, &vector, 1, 0, NULL, &response);
  return finish_sending (&response, error);
}
