/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The call of a connection's stream, which ends when the connection is closed. */

#pragma once

#include "task.h"

G_BEGIN_DECLS

typedef struct
{
  GMutex lock;
  GuringTask *task; /* that is under way, or NULL; not owned */
  gboolean closing;
} GuringStreamTask;

/* Takes the task. */
gboolean guring_stream_task_run (GuringStreamTask *call,
                                 GuringTask *task,
                                 GSocket *socket,
                                 const struct io_uring_sqe *sqe,
                                 GuringStepFunc func);
void
guring_stream_task_return (GuringStreamTask *call, GuringTask *task, GSocket *socket, gint32 res);
void guring_stream_task_abort (GuringStreamTask *call);

gboolean guring_stream_task_met_close (GSocket *socket, gboolean closing, gint32 res);
GError *guring_stream_task_make_closed_error (void);

G_END_DECLS
