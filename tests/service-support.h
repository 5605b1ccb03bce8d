/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of GuringSocketService share. */

#pragma once

#include "stream-support.h"

/* A service on a port of the loopback, and what came in */
typedef struct
{
  GuringSocketService *service;
  guint16 port;
  guint n_incoming;
  GPtrArray *connections; /* kept */
  GThread *thread;        /* of the last signal */
  GMainContext *context;  /* thread-default there */
} Server;

void server_init (Server *server); /* keeps each connection */
void server_init_without_handler (Server *server);
void server_clear (Server *server);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Server, server_clear)

gboolean keep (GuringSocketService *service, GuringSocketConnection *connection, gpointer server);
void drop_connection (Server *server, guint index);
void server_send_back (Server *server, guint index, gsize size); /* what was received */

void assert_serves (Server *server);                      /* one more client */

/* Gives each connection what it sends, until its end. A handler without user data. */
gboolean echo (GuringSocketService *service, GuringSocketConnection *connection, gpointer unused);

/* Clients are plain descriptors. */
int make_client (void);
void connect_to (int client, guint16 port);
int connect_client (guint16 port);
int connect_client_6 (guint16 port);
void connect_clients (guint16 port, int *clients, guint n);
void close_clients (const int *clients, guint n);
gboolean has_ended (int client);                     /* nothing comes any more; does not wait */
gboolean client_has (int client, const gchar *text); /* if so, takes it; does not wait */
