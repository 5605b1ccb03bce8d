/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

/* @func is called once: when the connection is closed, or goes unclosed, in whatever thread. */
void guring_socket_connection_set_closed_func (GuringSocketConnection *connection,
                                               GDestroyNotify func,
                                               gpointer user_data);

void guring_socket_connection_set_source_object (GuringSocketConnection *connection,
                                                 GObject *source_object);

G_END_DECLS
