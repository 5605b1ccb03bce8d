/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps of a task: an operation each, on the ring or without. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "context.h"
#include "descriptor.h"
#include "dispatch.h"
#include "fallback.h"
#include "memcheck.h"
#include "perform.h"
#include "task-private.h"

#define MAX_OPERATIONS 2 /* of a step: itself and its timer */

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

/* Ends it as if it were cancelled. Its descriptor may be closed at once, and in the thread that
 * made the task the file is then closed, too: the kernel has let go of it. */
void
guring_task_abort (GuringTask *task)
{
  g_atomic_int_set (&task->aborted, TRUE);
  if (task->source != NULL)
    g_source_set_ready_time (task->source, 0);
  cancel_step (task);
  if (task->ring != NULL && task->thread == g_thread_self ())
    guring_ring_submit (task->ring, NULL);
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

static void
end_interrupted (GuringTask *task)
{
  if (guring_task_is_interrupted (task))
    guring_task_step_ended (task, -ECANCELED);
  else if (task->sqe.opcode == IORING_OP_CLOSE) /* the descriptor is gone, see close(2) */
    guring_task_step_ended (task, -EINTR);
  else
    guring_task_run (task, &task->sqe, task->func);
}

/* What close(2) says, the descriptor is gone. Everything else comes of a ring that was closed or
 * broke before the kernel saw the operation; EBADF may mean either, and then it does no harm to
 * close it again. */
static gboolean
is_closed (gint32 res)
{
  return res >= 0 || res == -EINTR || res == -EIO || res == -ENOSPC || res == -EDQUOT;
}

/* Linux 6.1 cancels what needs its first worker while a signal is pending (measured: an open that
 * waits for a lease); and anybody may queue an IORING_OP_ASYNC_CANCEL. */
static gboolean
is_cancelled_by_nobody (GuringTask *task, gint32 res)
{
  return res == -ECANCELED && !guring_task_is_interrupted (task) &&
         guring_ring_submit (task->ring, NULL) >= 0; /* it is not closing */
}

/* What io_uring_enter() fails with when it will never work again, the operations get that the
 * kernel has not seen; from then on the ring refuses all others with the same. */
static gboolean
is_of_broken_ring (GuringTask *task, gint32 res)
{
  g_autoptr (GError) error = NULL;

  switch (res)
    {
    case -EACCES:
    case -EBADF:
    case -EBADFD:
    case -EBADR:
    case -EINVAL:
    case -ENOSYS:
    case -ENXIO:
    case -EOPNOTSUPP:
    case -EPERM:
      return guring_ring_submit (task->ring, &error) < 0 &&
             g_error_matches (error, G_IO_ERROR, (gint) g_io_error_from_errno (-res));
    default:
      return FALSE;
    }
}

static void
try_again (GuringTask *task, gint32 res)
{
  GMainContext *context = task->context;
  gboolean entered = guring_context_enter (context);

  if (guring_fallback_has_to_wait (&task->sqe, res))
    wait_until_ready (task);
  else if (res == -EINTR)
    end_interrupted (task);
  else if (res < 0)
    guring_fallback_run (task);
  else
    guring_task_run (task, &task->sqe, task->func);
  guring_context_leave (context, entered);
}

static void
end_operation (GuringTask *task, gint32 res)
{
  gboolean polled = task->polling;

  task->polling = FALSE;
  if ((polled && res >= 0) || guring_fallback_has_to_wait (&task->sqe, res) || res == -EINTR ||
      is_cancelled_by_nobody (task, res))
    try_again (task, res);
  else if (task->sqe.opcode == IORING_OP_CLOSE && !is_closed (res))
    guring_task_step_ended (task, guring_perform (&task->sqe));
  else if (is_of_broken_ring (task, res))
    try_again (task, res);
  else
    guring_task_step_ended (task, res);
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

/* What waits for a peer would keep all that comes behind it waiting, if the ring is full of such:
 * it is better polled. */
static gboolean
may_wait (const struct io_uring_sqe *sqe)
{
  return guring_fallback_get_poll_events (sqe) != 0 && guring_descriptor_can_poll (sqe->fd);
}

/* On Linux 6.1 also that waits, if it is a pipe or a socket. */
static gboolean
transfers_nothing (const struct io_uring_sqe *sqe)
{
  return sqe->len == 0 && (sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_WRITE);
}

static guint64
queue_operation (GuringTask *task, GuringRing *ring, const struct io_uring_sqe *sqe)
{
  if (ring == NULL || !guring_ring_supports (ring, sqe->opcode) || transfers_nothing (sqe) ||
      (guring_ring_get_room (ring) < MAX_OPERATIONS && may_wait (sqe)))
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
    cancel_step (task);
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

/* For a write, which GOutputStream has a GTask around: one that ends in another iteration of the
 * main loop than it began in is called back at once, else from an idle source, which costs more
 * than the iteration (1 µs of the 6.9 of a round trip, GLib 2.74). */
void
guring_task_end_in_next_iteration (GuringTask *task)
{
  if (task->ring != NULL)
    guring_dispatch_end_turn (task->ring);
}

/* Waits for an operation that is not the task's own, and cancels it if it is cancelled; or, with an
 * id of 0, for something else that can't be cancelled. Whoever has it calls
 * guring_task_step_ended().
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
  if (!is_closed (completion->res))
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

/* The last that @func does is to run another step or to return: the caller is called back behind
 * it. */
void
guring_task_step_ended (GuringTask *task, gint32 res)
{
  GMainContext *context = task->context;
  gboolean entered = guring_context_enter (context);

  guring_memcheck_mark_result (&task->sqe, res);
  move_position (task, res);
  task->in_step = TRUE;
  task->func (task, res);
  task->in_step = FALSE;
  if (task->ended)
    guring_task_call_back (task);
  guring_context_leave (context, entered);
}
