/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring-macros.h>
#include <guring/guring-ring.h>

#include <glib-unix.h>

G_BEGIN_DECLS

/**
 * GuringFdWatch: (skip)
 *
 * The readiness of a descriptor as a callback. It is deliberately no #GSource: a #GMainContext
 * walks every source and every descriptor that it has at each iteration, whichever are ready; a
 * watch costs when its own descriptor is.
 *
 * A watch that waits is an operation in flight: see #GuringRing:cq-entries for thousands of them.
 * Those that the ring has no room for are sources.
 *
 * Since: 0.1
 */
typedef struct _GuringFdWatch GuringFdWatch;

/* Calls back whenever the descriptor is ready, until the callback returns G_SOURCE_REMOVE. */
GURING_AVAILABLE_IN_ALL
GuringFdWatch *guring_fd_watch_new (GuringRing *ring,
                                    gint fd,
                                    GIOCondition condition,
                                    GUnixFDSourceFunc func,
                                    gpointer user_data,
                                    GDestroyNotify notify,
                                    GError **error);

/* The descriptor may be closed at once. */
GURING_AVAILABLE_IN_ALL
void guring_fd_watch_destroy (GuringFdWatch *watch);

G_END_DECLS
