/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Receiving from a socket into the shared buffers of a ring. */

#pragma once

#include "task.h"

G_BEGIN_DECLS

typedef struct _GuringReceiver GuringReceiver;

/* While it receives, @stream, of the same socket, is pending: nobody else gets what comes. */
GuringReceiver *guring_receiver_new (GSocket *socket, GInputStream *stream);
void guring_receiver_unref (GuringReceiver *receiver);

/* Takes the task. */
void guring_receiver_start (GuringReceiver *receiver, GuringTask *task);
GBytes *guring_receiver_take (GuringTask *task); /* what it received */

/* Ends what is in flight, before the socket is closed. */
void guring_receiver_abort (GuringReceiver *receiver);

G_END_DECLS
