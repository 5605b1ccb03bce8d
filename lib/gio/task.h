/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

#define GURING_MAX_TRANSFER (1u << 30) /* of a step: an SQE has 32 bits for it */

#define GURING_TYPE_TASK (guring_task_get_type ())
G_DECLARE_FINAL_TYPE (GuringTask, guring_task, GURING, TASK, GObject)

/* A step of a task has ended: @res is what the kernel said. To run another, or to return. */
typedef void (*GuringStepFunc) (GuringTask *task, gint32 res);

/* @verb: what it does, as in "Could not read"; static */
GuringTask *guring_task_new (gpointer source_object,
                             gpointer source_tag,
                             const gchar *verb,
                             gint io_priority,
                             GCancellable *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer user_data);
void guring_task_set_data (GuringTask *task, gpointer data, GDestroyNotify free_data);
void guring_task_free_data_at_end (GuringTask *task);
void guring_task_free_data (GuringTask *task);
gpointer guring_task_get_data (GuringTask *task);
const gchar *guring_task_set_path (GuringTask *task, const gchar *path); /* its copy */
void guring_task_set_timeout (GuringTask *task, guint seconds);          /* of each step; 0: none */
guint guring_task_get_timeout (GuringTask *task);
void guring_task_make_synchronous (GuringTask *task);
gint guring_task_get_priority (GuringTask *task);
GMainContext *guring_task_get_context (GuringTask *task);
GCancellable *guring_task_get_cancellable (GuringTask *task);

const struct io_uring_sqe *guring_task_get_sqe (GuringTask *task);

gboolean guring_task_run (GuringTask *task, const struct io_uring_sqe *sqe, GuringStepFunc func);
void guring_task_end_in_next_iteration (GuringTask *task);
gboolean guring_task_wait_for (GuringTask *task, GuringRing *ring, guint64 id, GuringStepFunc func);
gboolean
guring_task_run_and_close (GuringTask *task, const struct io_uring_sqe *sqe, GuringStepFunc func);
void guring_task_abort (GuringTask *task);
gboolean guring_task_is_interrupted (GuringTask *task); /* cancelled or aborted */
void guring_task_set_source (GuringTask *task, GSource *source);
void guring_task_step_ended (GuringTask *task, gint32 res);

/* Each drops the reference that guring_task_new() gave. */
void guring_task_return (GuringTask *task, gssize result);
void guring_task_return_error (GuringTask *task, GError *error);
void guring_task_return_errno (GuringTask *task, int error_number);
void guring_task_return_res (GuringTask *task, gint32 res); /* a GuringStepFunc */

/* -1 on error */
gssize guring_task_finish (GAsyncResult *result, gpointer source_tag, GError **error);

G_END_DECLS
