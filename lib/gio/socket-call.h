/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "task.h"

G_BEGIN_DECLS

/* Runs the first step of a call on a socket, as guring_task_run() does, with the socket's timeout.
 */
void guring_socket_call_run (GuringTask *task,
                             GSocket *socket,
                             const struct io_uring_sqe *sqe,
                             GuringStepFunc func);
/* As guring_task_return_res(); tells a socket that was closed meanwhile. */
void guring_socket_call_return_res (GuringTask *task, gint32 res);

G_END_DECLS
