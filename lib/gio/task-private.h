/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "task.h"

G_BEGIN_DECLS

typedef struct _GuringLine GuringLine;

struct _GuringTask
{
  GObject parent_instance;

  GMainContext *context; /* of the call */
  GThread *thread;       /* that made it, and so what it has on a ring */
  GObject *source_object;
  gpointer source_tag;
  const gchar *verb;
  gchar *path;
  gint io_priority;
  GAsyncReadyCallback callback;
  gpointer user_data;

  GCancellable *cancellable;
  gulong cancelled_handler;
  GuringRing *ring; /* that has the step, if it is to be cancelled */
  guint64 id;       /* of the step's operation, or 0; atomic */

  struct io_uring_sqe sqe; /* of the step */
  GuringStepFunc func;
  gboolean uses_position; /* of the file, to be moved when the step has ended */
  gboolean polling;       /* until the step's descriptor is ready for another try */
  gboolean started;
  gboolean in_step;
  gboolean ended; /* in a step, after which it calls back */
  gboolean is_synchronous;
  gboolean aborted; /* atomic */
  GSource *source;  /* that waits for the step without a ring, or NULL */

  GuringLine *line; /* in which it stands or has the turn, or NULL */

  guint timeout; /* of each step, in seconds; 0: none */
  struct __kernel_timespec timespec;
  guint n_unfinished; /* of a step with a timeout: itself and its timer */
  gint32 res;
  gboolean timed_out;

  gpointer data;
  GDestroyNotify free_data;
  gboolean frees_data_at_end;
  gssize result;
  GError *error;
};

void guring_task_disconnect (GuringTask *task); /* from its cancellable */
void guring_task_call_back (GuringTask *task);

G_END_DECLS
