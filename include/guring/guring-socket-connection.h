/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

#define GURING_TYPE_SOCKET_CONNECTION (guring_socket_connection_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringSocketConnection, guring_socket_connection, GURING, SOCKET_CONNECTION,
                      GSocketConnection)

/* On a socket that is connected, or will be. Closing the connection closes it. */
GURING_AVAILABLE_IN_ALL
GuringSocketConnection *guring_socket_connection_new (GSocket *socket, GError **error);

G_END_DECLS
