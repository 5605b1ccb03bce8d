/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client from its first request to its last response. */

#pragma once

#include <guring/guring.h>

void http_connection_serve (GuringSocketConnection *connection, int directory, guint timeout);
