/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>
#include <guring/guring-socket-connection.h>

G_BEGIN_DECLS

#define GURING_TYPE_SOCKET_SERVICE (guring_socket_service_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringSocketService, guring_socket_service, GURING, SOCKET_SERVICE, GObject)

/* In the thread-default context. Active from the start. Gives connections out with the signal
 * "incoming": gboolean (GuringSocketService *service, GuringSocketConnection *connection,
 * gpointer user_data). */
GURING_AVAILABLE_IN_ALL
GuringSocketService *guring_socket_service_new (void);

/* Where it listens */

/* A TCP port, on all addresses: IPv6 and IPv4. */
GURING_AVAILABLE_IN_ALL
gboolean guring_socket_service_add_inet_port (GuringSocketService *service,
                                              guint16 port,
                                              GObject *source_object,
                                              GError **error);

/* One that is free. The port, 0 on error. */
GURING_AVAILABLE_IN_ALL
guint16 guring_socket_service_add_any_inet_port (GuringSocketService *service,
                                                 GObject *source_object,
                                                 GError **error);

/* A socket of any family that listens. */
GURING_AVAILABLE_IN_ALL
gboolean guring_socket_service_add_socket (GuringSocketService *service,
                                           GSocket *socket,
                                           GObject *source_object,
                                           GError **error);

/* How many clients may wait for it in the kernel. */
GURING_AVAILABLE_IN_ALL
void guring_socket_service_set_backlog (GuringSocketService *service, gint listen_backlog);

/* Whether it accepts */

/* From any thread, as the next two. */
GURING_AVAILABLE_IN_ALL
void guring_socket_service_start (GuringSocketService *service);

/* Clients that come meanwhile wait. */
GURING_AVAILABLE_IN_ALL
void guring_socket_service_stop (GuringSocketService *service);

GURING_AVAILABLE_IN_ALL
gboolean guring_socket_service_is_active (GuringSocketService *service);

/* How many connections it may have before clients wait; 0: any number. */
GURING_AVAILABLE_IN_ALL
void guring_socket_service_set_max_connections (GuringSocketService *service,
                                                guint max_connections);
GURING_AVAILABLE_IN_ALL
guint guring_socket_service_get_max_connections (GuringSocketService *service);

G_END_DECLS
