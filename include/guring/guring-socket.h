/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

/* Calls of GSocket that wait, made asynchronous. */

GURING_AVAILABLE_IN_ALL
void guring_socket_connect_async (GSocket *socket,
                                  GSocketAddress *address,
                                  gint io_priority,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);
GURING_AVAILABLE_IN_ALL
gboolean guring_socket_connect_finish (GSocket *socket, GAsyncResult *result, GError **error);

/* Messages, with addresses and control messages */

GURING_AVAILABLE_IN_ALL
void guring_socket_receive_message_async (GSocket *socket,
                                          GInputVector *vectors,
                                          gint num_vectors,
                                          gint flags,
                                          gint io_priority,
                                          GCancellable *cancellable,
                                          GAsyncReadyCallback callback,
                                          gpointer user_data);
GURING_AVAILABLE_IN_ALL
gssize guring_socket_receive_message_finish (GSocket *socket,
                                             GAsyncResult *result,
                                             GSocketAddress **address,
                                             GSocketControlMessage ***messages,
                                             gint *num_messages,
                                             gint *flags,
                                             GError **error);

GURING_AVAILABLE_IN_ALL
void guring_socket_send_message_async (GSocket *socket,
                                       GSocketAddress *address,
                                       GOutputVector *vectors,
                                       gint num_vectors,
                                       GSocketControlMessage **messages,
                                       gint num_messages,
                                       gint flags,
                                       gint io_priority,
                                       GCancellable *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer user_data);
GURING_AVAILABLE_IN_ALL
gssize guring_socket_send_message_finish (GSocket *socket, GAsyncResult *result, GError **error);

G_END_DECLS
