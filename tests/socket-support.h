/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of guring-socket.h share. */

#pragma once

#include "io-support.h"

/* What a call on a socket gave. Pass on_response and a Response with the socket, which is not
 * owned. */
typedef struct
{
  GSocket *socket;
  guint n_calls;
  GAsyncResult *result;
  GMainContext *context; /* thread-default in the callback */
} Response;

void on_response (GObject *source_object, GAsyncResult *result, gpointer response);
void response_clear (Response *response);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Response, response_clear)

/* In whatever thread: runs its thread-default context until it is there. */
GAsyncResult *get (Response *response);

/* Returns when nothing happens in the context but that calls wait; fails if they spin. */
void assert_idle (void);

typedef enum
{
  IPV4,
  IPV6,
  UNIX_PATH,
  UNIX_ABSTRACT,
  N_KINDS
} Kind;

gboolean has_kind (Kind kind); /* the machine may lack IPv6; tells so */

/* A new one each time: a free port, a name in the test's directory or one that nobody has */
GSocketAddress *make_address (Kind kind);
GSocket *make_socket (Kind kind, GSocketType type);
GSocket *make_bound (Kind kind, GSocketType type);
GSocket *make_listener (Kind kind, guint backlog);
void make_pair (GSocketType type, GSocket *sockets[2]);
void close_pair (GSocket *sockets[2]);

GSocketAddress *get_local (GSocket *socket);
void assert_same_address (GSocketAddress *address, GSocketAddress *expected); /* takes both */

/* Messages. Those that start fail if the callback comes from within the call; those that finish
 * await it. */

void start_receiving (GSocket *socket,
                      GInputVector *vectors,
                      gint n,
                      gint flags,
                      GCancellable *cancellable,
                      Response *response);
gssize finish_receiving (Response *response, GError **error);
void start_sending (GSocket *socket,
                    GSocketAddress *address,
                    GOutputVector *vectors,
                    gint n,
                    gint flags,
                    GCancellable *cancellable,
                    Response *response);
gssize finish_sending (Response *response, GError **error);

gssize receive_bytes (GSocket *socket, gpointer buffer, gsize size, GError **error);
gssize send_to (GSocket *socket, GSocketAddress *address, const gchar *text, GError **error);
