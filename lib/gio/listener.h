/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

/* A listening socket that accepts, with reference count. For the thread that owns its context. */
typedef struct _GuringListener GuringListener;

/* @res: an accepted descriptor, which is the callee's, or a negated errno, after which it accepts
 * no more until told so; -ECANCELED is the end of a guring_listener_stop(), or of the ring */
typedef void (*GuringListenerFunc) (GuringListener *listener, gint32 res, gpointer user_data);

/* @ring: (nullable): where there is none, or it is full or closed, @context polls */
GuringListener *guring_listener_new (GSocket *socket,
                                     GObject *source_object,
                                     GuringRing *ring,
                                     GMainContext *context,
                                     GuringListenerFunc func,
                                     gpointer user_data,
                                     GDestroyNotify free_user_data);
void guring_listener_close (GuringListener *listener);
void guring_listener_unref (gpointer listener); /* any thread */

/* @several: until it is stopped, or one and no more */
void guring_listener_start (GuringListener *listener, gboolean several);
void guring_listener_stop (GuringListener *listener);

GSocket *guring_listener_get_socket (GuringListener *listener);
GObject *guring_listener_get_source_object (GuringListener *listener);

G_END_DECLS
