/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A service that is there all the while, on TCP and on a unix socket. The first byte of a client
 * says what it wants. */

#pragma once

#include <guring/guring.h>

typedef enum
{
  WANTS_ECHO = 'e',     /* what it sends, by way of streams */
  WANTS_RECEIVED = 'r', /* the same, in the buffers that connections share */
  WANTS_FILE = 'f',     /* the contents of one, until the end */
} Want;

#define SERVICE_N_OPERATIONS 2        /* that accept, all the while */
#define SERVICE_MAX_SIZE (256 * 1024) /* of the file, and what is sent at most */

/* On the thread-default context; @directory: for the file */
void service_start (const gchar *directory);
void service_stop (void);

GSocketAddress *service_get_address (gboolean tcp); /* (transfer none) */
const guint8 *service_get_pattern (void);           /* SERVICE_MAX_SIZE bytes, as in the file */
guint service_get_n_connections (void);

/* Whether nothing waits to be accepted. */
gboolean service_is_idle (void);
