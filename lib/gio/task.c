/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An asynchronous call: one or more operations, then a GAsyncReadyCallback. It is lighter than a
 * GTask, which defers to an idle source what completes in the iteration that it was made in, as
 * most does on a ring: completions come from dispatch and never from within the starting call, so
 * GIO's contract holds without. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "context.h"
#include "descriptor.h"
#include "fallback.h"
#include "memcheck.h"
#include "perform.h"
#include "room.h"
#include "task.h"

struct _GuringTask
{
  GObject parent_instance;

  GMainContext *context; /* of the call */
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
  gboolean is_synchronous;
  gboolean aborted; /* atomic */
  GSource *source;  /* that waits for the step without a ring, or NULL */

  guint timeout; /* of each step, in seconds; 0: none */
  struct __kernel_timespec timespec;
  guint n_unfinished; /* of a step with a timeout: itself and its timer */
  gint32 res;
  gboolean timed_out;

  gpointer data;
  GDestroyNotify free_data;
  gssize result;
  GError *error;
};

static gpointer
guring_task_get_user_data (GAsyncResult *result)
{
  return GURING_TASK (result)->user_data;
}

static GObject *
guring_task_get_source_object (GAsyncResult *result)
{
  GuringTask *task = GURING_TASK (result);

  return task->source_object != NULL ? g_object_ref (task->source_object) : NULL;
}

static gboolean
guring_task_is_tagged (GAsyncResult *result, gpointer source_tag)
{
  return GURING_TASK (result)->source_tag == source_tag;
}

static void
guring_task_async_result_iface_init (GAsyncResultIface *iface)
{
  iface->get_user_data = guring_task_get_user_data;
  iface->get_source_object = guring_task_get_source_object;
  iface->is_tagged = guring_task_is_tagged;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (GuringTask,
                               guring_task,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT,
                                                      guring_task_async_result_iface_init))

static void
guring_task_init (GuringTask *task)
{
}

static void
guring_task_finalize (GObject *object)
{
  GuringTask *task = GURING_TASK (object);

  g_main_context_unref (task->context);
  g_clear_object (&task->source_object);
  g_clear_object (&task->cancellable);
  g_clear_object (&task->ring);
  g_clear_pointer (&task->source, g_source_unref);
  g_clear_error (&task->error);
  g_free (task->path);
  if (task->free_data != NULL)
    task->free_data (task->data);

  G_OBJECT_CLASS (guring_task_parent_class)->finalize (object);
}

static void
guring_task_class_init (GuringTaskClass *class)
{
  G_OBJECT_CLASS (class)->finalize = guring_task_finalize;

  /* A write to a peer that has gone is an error here, as in GIO, and no SIGPIPE. */
  g_type_class_unref (g_type_class_ref (G_TYPE_SOCKET));
}

GuringTask *
guring_task_new (gpointer source_object,
                 gpointer source_tag,
                 const gchar *verb,
                 gint io_priority,
                 GCancellable *cancellable,
                 GAsyncReadyCallback callback,
                 gpointer user_data)
{
  GuringTask *task = g_object_new (GURING_TYPE_TASK, NULL);

  task->context = g_main_context_ref_thread_default ();
  g_set_object (&task->source_object, source_object);
  g_set_object (&task->cancellable, cancellable);
  task->source_tag = source_tag;
  task->verb = verb;
  task->io_priority = io_priority;
  task->callback = callback;
  task->user_data = user_data;
  return task;
}

void
guring_task_set_data (GuringTask *task, gpointer data, GDestroyNotify free_data)
{
  task->data = data;
  task->free_data = free_data;
}

gpointer
guring_task_get_data (GuringTask *task)
{
  return task->data;
}

/* What the SQE of an operation on a name points at. */
const gchar *
guring_task_set_path (GuringTask *task, const gchar *path)
{
  task->path = g_strdup (path);
  return task->path;
}

void
guring_task_set_timeout (GuringTask *task, guint seconds)
{
  task->timeout = seconds;
}

guint
guring_task_get_timeout (GuringTask *task)
{
  return task->timeout;
}

void
guring_task_set_source (GuringTask *task, GSource *source)
{
  g_clear_pointer (&task->source, g_source_unref);
  task->source = g_source_ref (source);
}

/* Its steps are plain system calls, one after the other inside the first guring_task_run(), and
 * nobody is called back. Keep a reference for guring_task_finish(). */
void
guring_task_make_synchronous (GuringTask *task)
{
  task->is_synchronous = TRUE;
}

gint
guring_task_get_priority (GuringTask *task)
{
  return task->io_priority;
}

GCancellable *
guring_task_get_cancellable (GuringTask *task)
{
  return task->cancellable;
}

GMainContext *
guring_task_get_context (GuringTask *task)
{
  return task->context;
}

const struct io_uring_sqe *
guring_task_get_sqe (GuringTask *task)
{
  return &task->sqe;
}

/* The end */

static void
call_back (GuringTask *task)
{
  if (task->callback != NULL)
    task->callback (task->source_object, G_ASYNC_RESULT (task), task->user_data);
  g_object_unref (task);
}

static gboolean
call_back_once (gpointer user_data)
{
  GuringTask *task = user_data;
  g_autoptr (GMainContext) context = g_main_context_ref (task->context);
  gboolean entered = guring_context_enter (task->context);

  call_back (task);
  guring_context_leave (context, entered);
  return G_SOURCE_REMOVE;
}

/* What fails inside the starting call is told from the loop. */
static void
call_back_later (GuringTask *task)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, task->io_priority);
  g_source_set_static_name (source, "GuringTask");
  g_source_set_callback (source, call_back_once, task, NULL);
  g_source_attach (source, task->context);
}

static void
end (GuringTask *task)
{
  if (task->cancelled_handler != 0)
    g_cancellable_disconnect (task->cancellable, task->cancelled_handler);
  task->cancelled_handler = 0;

  if (task->is_synchronous)
    g_object_unref (task);
  else if (task->in_step)
    call_back (task);
  else
    call_back_later (task);
}

void
guring_task_return (GuringTask *task, gssize result)
{
  task->result = result;
  end (task);
}

void
guring_task_return_error (GuringTask *task, GError *error)
{
  task->result = -1;
  task->error = error;
  end (task);
}

void
guring_task_return_errno (GuringTask *task, int error_number)
{
  gint code = (gint) g_io_error_from_errno (error_number);
  const gchar *reason = g_strerror (error_number);

  if (task->path != NULL && *task->path != '\0')
    guring_task_return_error (task, g_error_new (G_IO_ERROR, code, "Could not %s %s: %s",
                                                 task->verb, task->path, reason));
  else
    guring_task_return_error (task, g_error_new (G_IO_ERROR, code, "Could not %s: %s", task->verb,
                                                 reason));
}

void
guring_task_return_res (GuringTask *task, gint32 res)
{
  if (res < 0)
    guring_task_return_errno (task, -res);
  else
    guring_task_return (task, res);
}

gssize
guring_task_finish (GAsyncResult *result, gpointer source_tag, GError **error)
{
  GuringTask *task;

  g_return_val_if_fail (g_async_result_is_tagged (result, source_tag), -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  task = GURING_TASK (result);
  if (task->error != NULL)
    g_propagate_error (error, g_steal_pointer (&task->error));
  return task->result;
}

/* Steps */

/* In whatever thread cancels. */
static void
cancel_step (GuringTask *task)
{
  guint64 id = __atomic_load_n (&task->id, __ATOMIC_ACQUIRE);

  if (id != 0)
    guring_ring_cancel (task->ring, id);
}

static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  cancel_step (user_data);
}

gboolean
guring_task_is_interrupted (GuringTask *task)
{
  return g_atomic_int_get (&task->aborted) || g_cancellable_is_cancelled (task->cancellable);
}

/* Ends it as if it were cancelled. Its descriptor may be closed at once. */
void
guring_task_abort (GuringTask *task)
{
  g_atomic_int_set (&task->aborted, TRUE);
  if (task->source != NULL)
    g_source_set_ready_time (task->source, 0);
  cancel_step (task);
}

static void queue_step (GuringTask *task, const struct io_uring_sqe *sqe);

/* A descriptor with O_NONBLOCK: the kernel does not wait for it. */
static void
wait_until_ready (GuringTask *task)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_poll_add (&sqe, task->sqe.fd, guring_fallback_get_poll_events (&task->sqe));
  task->polling = TRUE;
  queue_step (task, &sqe);
}

/* A worker of the kernel that is told to stop while it waits may answer with ERESTARTSYS and the
 * like, which are not for user space (seen for open() on Linux 6.18). */
static gboolean
is_restart (gint32 res)
{
  return res == -EINTR || (res <= -512 && res >= -516);
}

static void
end_restart (GuringTask *task)
{
  if (guring_task_is_interrupted (task))
    guring_task_step_ended (task, -ECANCELED);
  else if (task->sqe.opcode == IORING_OP_CLOSE) /* the descriptor is gone, see close(2) */
    guring_task_step_ended (task, -EINTR);
  else
    guring_task_run (task, &task->sqe, task->func);
}

static void
end_operation (GuringTask *task, gint32 res)
{
  g_autoptr (GMainContext) context = g_main_context_ref (task->context);
  gboolean entered = guring_context_enter (task->context);
  gboolean polled = task->polling;

  task->polling = FALSE;
  if (polled && res >= 0)
    guring_task_run (task, &task->sqe, task->func);
  else if (guring_fallback_has_to_wait (&task->sqe, res))
    wait_until_ready (task);
  else if (is_restart (res))
    end_restart (task);
  else
    guring_task_step_ended (task, res);
  guring_context_leave (context, entered);
}

static void
on_completion (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  GuringTask *task = user_data;

  __atomic_store_n (&task->id, 0, __ATOMIC_RELEASE);
  end_operation (task, completion->res);
}

/* With a timeout */

/* The timer may be heard of before what it cancels, or after. */
static void
end_timed_operation (GuringTask *task)
{
  if (--task->n_unfinished > 0)
    return;

  end_operation (task, task->timed_out && task->res == -ECANCELED ? -ETIMEDOUT : task->res);
}

static void
on_timed_completion (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  GuringTask *task = user_data;

  __atomic_store_n (&task->id, 0, __ATOMIC_RELEASE);
  task->res = completion->res;
  end_timed_operation (task);
}

static void
on_timer (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  GuringTask *task = user_data;

  task->timed_out = completion->res == -ETIME;
  end_timed_operation (task);
}

static guint64
queue_with_timeout (GuringTask *task, GuringRing *ring, const struct io_uring_sqe *sqe)
{
  GuringRequest requests[] = {
    { *sqe, on_timed_completion, task, NULL },
    { { 0 }, on_timer, task, NULL },
  };
  guint64 ids[G_N_ELEMENTS (requests)];

  task->timespec.tv_sec = task->timeout;
  task->n_unfinished = G_N_ELEMENTS (requests);
  io_uring_prep_link_timeout (&requests[1].sqe, &task->timespec, 0);
  if (!guring_ring_queue_chain (ring, requests, G_N_ELEMENTS (requests), ids, NULL))
    return 0;
  return ids[0];
}

static gboolean
may_wait (const struct io_uring_sqe *sqe)
{
  return guring_fallback_get_poll_events (sqe) != 0 && guring_descriptor_can_poll (sqe->fd);
}

static guint64
queue_operation (GuringTask *task, GuringRing *ring, const struct io_uring_sqe *sqe)
{
  if (ring == NULL || !guring_ring_supports (ring, sqe->opcode) ||
      (guring_room_is_full (ring) && may_wait (sqe)))
    return 0;
  if (task->timeout > 0)
    return queue_with_timeout (task, ring, sqe);
  return guring_ring_queue (ring, sqe, on_completion, task, NULL, NULL);
}

static void
watch_operation (GuringTask *task, GuringRing *ring, guint64 id)
{
  g_set_object (&task->ring, ring);
  __atomic_store_n (&task->id, id, __ATOMIC_RELEASE);
  if (guring_task_is_interrupted (task)) /* before anybody could see the id */
    guring_ring_cancel (ring, id);
}

static void
queue_step (GuringTask *task, const struct io_uring_sqe *sqe)
{
  GuringRing *ring = guring_ring_get_default (NULL);
  guint64 id = queue_operation (task, ring, sqe);

  if (id != 0)
    {
      watch_operation (task, ring, id);
      return;
    }

  task->polling = FALSE;
  guring_fallback_run (task);
}

/* A write at the file position that is cut short by a full disk leaves the position where it was
 * (Linux 6.18), and the next would overwrite it: regular files are written at an offset. */
static void
take_position (GuringTask *task)
{
  struct io_uring_sqe *sqe = &task->sqe;
  struct stat status;
  off_t position;

  task->uses_position = FALSE;
  if ((sqe->opcode != IORING_OP_WRITE && sqe->opcode != IORING_OP_WRITEV) ||
      sqe->off != (guint64) -1 || fstat (sqe->fd, &status) < 0 || !S_ISREG (status.st_mode))
    return;

  position = lseek (sqe->fd, 0, SEEK_CUR);
  if (position < 0)
    return;

  sqe->off = (guint64) position;
  task->uses_position = TRUE;
}

static void
move_position (GuringTask *task, gint32 res)
{
  const struct io_uring_sqe *sqe = &task->sqe;

  if (!task->uses_position || res <= 0)
    return;

  if (fcntl (sqe->fd, F_GETFL) & O_APPEND)
    lseek (sqe->fd, 0, SEEK_END);
  else
    lseek (sqe->fd, (off_t) sqe->off + res, SEEK_SET);
}

/* Returns: %FALSE if it was cancelled before: then it has returned */
static gboolean
start (GuringTask *task)
{
  GError *error = NULL;

  if (task->started)
    return TRUE;

  task->started = TRUE;
  if (g_cancellable_set_error_if_cancelled (task->cancellable, &error))
    {
      guring_task_return_error (task, error);
      return FALSE;
    }
  if (task->cancellable != NULL && !task->is_synchronous)
    task->cancelled_handler =
      g_cancellable_connect (task->cancellable, G_CALLBACK (on_cancelled), task, NULL);
  return TRUE;
}

/* Runs an operation, on the default ring of the thread-default context or, where there is none or
 * the kernel lacks the opcode, without; @func is called in that context. What the SQE points at
 * must live until then.
 *
 * Returns: %FALSE if it was cancelled before the first: @func is not called */
gboolean
guring_task_run (GuringTask *task, const struct io_uring_sqe *sqe, GuringStepFunc func)
{
  task->func = func;
  if (sqe != &task->sqe)
    {
      task->sqe = *sqe;
      take_position (task);
    }
  if (!start (task))
    return FALSE;

  if (task->is_synchronous)
    {
      func (task, guring_perform (&task->sqe));
      return TRUE;
    }

  queue_step (task, &task->sqe);
  return TRUE;
}

/* Waits for an operation that is not the task's own, and cancels it if it is cancelled. Whoever has
 * it calls guring_task_step_ended().
 *
 * Returns: as guring_task_run() */
gboolean
guring_task_wait_for (GuringTask *task, GuringRing *ring, guint64 id, GuringStepFunc func)
{
  task->func = func;
  if (!start (task))
    return FALSE;

  watch_operation (task, ring, id);
  return TRUE;
}

static void
on_last_completion (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  GuringTask *task = user_data;

  __atomic_store_n (&task->id, 0, __ATOMIC_RELEASE);
  guring_task_step_ended (task, completion->res);
}

/* Holds no reference on the task, which does not wait for it. */
static void
on_closed (GuringRing *ring, const GuringCompletion *completion, gpointer fd)
{
  if (completion->res == -ECANCELED) /* the kernel has not seen it */
    close (GPOINTER_TO_INT (fd));
}

/* Runs an operation and behind it, whatever becomes of that, the close of its descriptor: a chain,
 * in one submission. Not as the first step. @func gets what the kernel said, also that the
 * operation is to be repeated, which it cannot be any more.
 *
 * Returns: %FALSE if it can't be done: the descriptor is still open and @func is not called */
gboolean
guring_task_run_and_close (GuringTask *task, const struct io_uring_sqe *sqe, GuringStepFunc func)
{
  GuringRing *ring = guring_ring_get_default (NULL);
  GuringRequest requests[] = {
    { *sqe, on_last_completion, task, NULL },
    { { 0 }, on_closed, GINT_TO_POINTER (sqe->fd), NULL },
  };
  guint64 ids[G_N_ELEMENTS (requests)];

  requests[0].sqe.flags |= IOSQE_IO_HARDLINK;
  io_uring_prep_close (&requests[1].sqe, sqe->fd);
  if (ring == NULL || !guring_ring_supports (ring, sqe->opcode) ||
      !guring_ring_supports (ring, IORING_OP_CLOSE) ||
      !guring_ring_queue_chain (ring, requests, G_N_ELEMENTS (requests), ids, NULL))
    return FALSE;

  task->func = func;
  task->sqe = *sqe;
  task->uses_position = FALSE;
  watch_operation (task, ring, ids[0]);
  return TRUE;
}

void
guring_task_step_ended (GuringTask *task, gint32 res)
{
  gboolean entered = guring_context_enter (task->context);

  guring_memcheck_mark_result (&task->sqe, res);
  move_position (task, res);
  g_object_ref (task);
  task->in_step = TRUE;
  task->func (task, res);
  task->in_step = FALSE;
  guring_context_leave (task->context, entered);
  g_object_unref (task);
}
