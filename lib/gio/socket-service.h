/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A service, and its parts that know each other. */

#pragma once

#include <guring/guring.h>

#include "listener.h"

G_BEGIN_DECLS

/* What knows of a service and may outlive it has this: operations, connections, sources. */
typedef struct
{
  gatomicrefcount n_references;
  GWeakRef service;
  gint n_connections; /* given out, and neither closed nor gone; these are atomic */
  gint waiting;       /* whether the service waits for one of them to end */
  gint scheduled;
} GuringServiceLink;

struct _GuringSocketService
{
  GObject parent_instance;

  GMainContext *context;
  GuringRing *ring;     /* NULL: none to be had */
  GPtrArray *listeners; /* of GuringListener */
  GQueue accepted;      /* of what was accepted and waits */
  GuringServiceLink *link;
  gint listen_backlog;
  gint max_connections; /* a guint; atomic */
  gint active;          /* atomic */
  gboolean disposed;

  GSource *pause;      /* ends it; NULL while there is none */
  gint64 may_complain; /* from then on */
};

GuringServiceLink *guring_service_link_new (GuringSocketService *service);
GuringServiceLink *guring_service_link_ref (GuringServiceLink *link);
void guring_service_link_unref (gpointer link);

/* Looks, later and in the context, at what is to be done. Any thread. */
void guring_service_schedule (GuringSocketService *service);

void guring_service_end_pause (GuringSocketService *service);
void guring_service_on_accepted (GuringListener *listener, gint32 res, gpointer link);
void guring_service_accepted_free (gpointer accepted);

/* The signal */
void guring_service_emit_incoming (GuringSocketService *service,
                                   GuringSocketConnection *connection);

G_END_DECLS
