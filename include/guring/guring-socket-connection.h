/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

#define GURING_TYPE_SOCKET_CONNECTION (guring_socket_connection_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringSocketConnection, guring_socket_connection, GURING, SOCKET_CONNECTION,
                      GSocketConnection)

/* On a socket that is connected, or will be. Closing the connection closes it; don't do that
 * yourself. */
GURING_AVAILABLE_IN_ALL
GuringSocketConnection *guring_socket_connection_new (GSocket *socket, GError **error);

/* What comes next, in buffers that all connections share; empty at the end of the input. */
GURING_AVAILABLE_IN_ALL
void guring_socket_connection_receive_async (GuringSocketConnection *connection,
                                             gint io_priority,
                                             GCancellable *cancellable,
                                             GAsyncReadyCallback callback,
                                             gpointer user_data);
GURING_AVAILABLE_IN_ALL
GBytes *guring_socket_connection_receive_finish (GuringSocketConnection *connection,
                                                 GAsyncResult *result,
                                                 GError **error);

/* What was given to a GuringSocketService with the socket that accepted it. */
GURING_AVAILABLE_IN_ALL
GObject *guring_socket_connection_get_source_object (GuringSocketConnection *connection);

G_END_DECLS
