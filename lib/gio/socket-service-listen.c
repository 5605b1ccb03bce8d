/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a service listens. */

#include "config.h"

#include <sys/socket.h>

#include "socket-service.h"

static void
add_listener (GuringSocketService *service, GSocket *socket, GObject *source_object)
{
  g_ptr_array_add (service->listeners,
                   guring_listener_new (socket, source_object, service->ring, service->context,
                                        guring_service_on_accepted,
                                        guring_service_link_ref (service->link),
                                        guring_service_link_unref));
  guring_service_schedule (service);
}

static void
on_listener_event (GSocketListener *listener,
                   GSocketListenerEvent event,
                   GSocket *socket,
                   GPtrArray *sockets)
{
  if (event == G_SOCKET_LISTENER_LISTENED)
    g_ptr_array_add (sockets, g_object_ref (socket));
}

/* GIO knows how to get at the sockets for a port. */
static GSocketListener *
make_gio_listener (GuringSocketService *service, GPtrArray *sockets)
{
  GSocketListener *listener = g_socket_listener_new ();

  g_socket_listener_set_backlog (listener, service->listen_backlog);
  g_signal_connect (listener, "event", G_CALLBACK (on_listener_event), sockets);
  return listener;
}

static void
add_listeners (GuringSocketService *service, GPtrArray *sockets, GObject *source_object)
{
  for (guint i = 0; i < sockets->len; i++)
    add_listener (service, g_ptr_array_index (sockets, i), source_object);
}

/**
 * guring_socket_service_add_inet_port:
 * @service: a service
 * @port: the TCP port
 * @source_object: (nullable): for guring_socket_connection_get_source_object()
 * @error: return location for the error
 *
 * Listens on a port of all addresses, IPv6 and IPv4, as g_socket_listener_add_inet_port() does.
 *
 * For the thread that owns the service's context, or for any while none does.
 *
 * Returns: %TRUE if so; %FALSE with %G_IO_ERROR_ADDRESS_IN_USE, %G_IO_ERROR_PERMISSION_DENIED and
 *   the like
 *
 * Since: 0.1
 */
gboolean
guring_socket_service_add_inet_port (GuringSocketService *service,
                                     guint16 port,
                                     GObject *source_object,
                                     GError **error)
{
  g_autoptr (GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GSocketListener) listener = NULL;

  g_return_val_if_fail (GURING_IS_SOCKET_SERVICE (service), FALSE);
  g_return_val_if_fail (port != 0, FALSE);
  g_return_val_if_fail (source_object == NULL || G_IS_OBJECT (source_object), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  listener = make_gio_listener (service, sockets);
  if (!g_socket_listener_add_inet_port (listener, port, NULL, error))
    return FALSE;

  add_listeners (service, sockets, source_object);
  return TRUE;
}

/**
 * guring_socket_service_add_any_inet_port:
 * @service: a service
 * @source_object: (nullable): for guring_socket_connection_get_source_object()
 * @error: return location for the error
 *
 * Listens on a TCP port that is free, of all addresses, as g_socket_listener_add_any_inet_port()
 * does.
 *
 * For the thread that owns the service's context, or for any while none does.
 *
 * Returns: the port; 0 on error
 *
 * Since: 0.1
 */
guint16
guring_socket_service_add_any_inet_port (GuringSocketService *service,
                                         GObject *source_object,
                                         GError **error)
{
  g_autoptr (GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GSocketListener) listener = NULL;
  guint16 port;

  g_return_val_if_fail (GURING_IS_SOCKET_SERVICE (service), 0);
  g_return_val_if_fail (source_object == NULL || G_IS_OBJECT (source_object), 0);
  g_return_val_if_fail (error == NULL || *error == NULL, 0);

  listener = make_gio_listener (service, sockets);
  port = g_socket_listener_add_any_inet_port (listener, NULL, error);
  if (port != 0)
    add_listeners (service, sockets, source_object);
  return port;
}

static gboolean
is_listening (GSocket *socket)
{
  gint value = 0;

  return g_socket_get_option (socket, SOL_SOCKET, SO_ACCEPTCONN, &value, NULL) && value != 0;
}

/**
 * guring_socket_service_add_socket:
 * @service: a service
 * @socket: a socket of any family that listens; the service takes a reference
 * @source_object: (nullable): for guring_socket_connection_get_source_object()
 * @error: return location for the error
 *
 * Accepts connections of a socket.
 *
 * For the thread that owns the service's context, or for any while none does.
 *
 * Returns: %TRUE if so; %FALSE with %G_IO_ERROR_CLOSED if @socket is closed, or
 *   %G_IO_ERROR_INVALID_ARGUMENT if it does not listen
 *
 * Since: 0.1
 */
gboolean
guring_socket_service_add_socket (GuringSocketService *service,
                                  GSocket *socket,
                                  GObject *source_object,
                                  GError **error)
{
  g_return_val_if_fail (GURING_IS_SOCKET_SERVICE (service), FALSE);
  g_return_val_if_fail (G_IS_SOCKET (socket), FALSE);
  g_return_val_if_fail (source_object == NULL || G_IS_OBJECT (source_object), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (g_socket_is_closed (socket))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED,
                         "Could not add a socket: it is closed");
  else if (!is_listening (socket))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                         "Could not add a socket: it does not listen; see g_socket_listen()");
  else
    {
      add_listener (service, socket, source_object);
      return TRUE;
    }
  return FALSE;
}

/**
 * guring_socket_service_set_backlog:
 * @service: a service
 * @listen_backlog: how many clients may wait for each socket
 *
 * Sets #GuringSocketService:listen-backlog, for the sockets that the service has and the ports to
 * come. What guring_socket_service_add_socket() adds comes with a backlog of its own.
 *
 * For the thread that owns the service's context, or for any while none does.
 *
 * Since: 0.1
 */
void
guring_socket_service_set_backlog (GuringSocketService *service, gint listen_backlog)
{
  g_return_if_fail (GURING_IS_SOCKET_SERVICE (service));
  g_return_if_fail (listen_backlog >= 0);

  if (listen_backlog == service->listen_backlog)
    return;

  service->listen_backlog = listen_backlog;
  for (guint i = 0; i < service->listeners->len; i++)
    {
      GSocket *socket = guring_listener_get_socket (g_ptr_array_index (service->listeners, i));

      if (!g_socket_is_closed (socket))
        listen (g_socket_get_fd (socket), listen_backlog);
    }
  g_object_notify (G_OBJECT (service), "listen-backlog");
}
