/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From the CQ to the callbacks. */

#include "config.h"

#include "cancellation.h"
#include "completion.h"
#include "submission.h"

#define MAX_TURN 500  /* µs */
#define N_PER_LOOK 32 /* completions between two looks at the clock */

/**
 * guring_completion_is_final: (skip)
 * @completion: a completion
 *
 * Tells whether this is the last completion of its operation. Any thread.
 *
 * Returns: %FALSE if the kernel said `IORING_CQE_F_MORE`: others will come
 *
 * Since: 0.1
 */
gboolean
guring_completion_is_final (const GuringCompletion *completion)
{
  g_return_val_if_fail (completion != NULL, TRUE);

  return guring_completion_ends_operation (completion);
}

/**
 * guring_completion_to_error: (skip)
 * @completion: a completion
 * @error: return location for the error
 *
 * Turns a failed operation's result into a #GError. Any thread. Not for the notification of a
 * zero-copy send with `IORING_SEND_ZC_REPORT_USAGE`, whose result is no errno.
 *
 * Returns: %TRUE if the operation succeeded; %FALSE with a %G_IO_ERROR made from the errno if
 *   `res` is negative: %G_IO_ERROR_CANCELLED for `-ECANCELED`, %G_IO_ERROR_TIMED_OUT for `-ETIME`,
 *   as g_io_error_from_errno() has it for the others
 *
 * Since: 0.1
 */
gboolean
guring_completion_to_error (const GuringCompletion *completion, GError **error)
{
  GIOErrorEnum code;
  int error_number;

  g_return_val_if_fail (completion != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (completion->res >= 0)
    return TRUE;

  error_number = (int) -(gint64) completion->res;

  code = error_number == ETIME ? G_IO_ERROR_TIMED_OUT : g_io_error_from_errno (error_number);
  g_set_error_literal (error, G_IO_ERROR, (gint) code, g_strerror (error_number));
  return FALSE;
}

/* Completes what the kernel will never see, with the next dispatch. */
void
guring_completion_fail (GuringRing *ring, GuringOperation *operation, int error_number)
{
  operation->failure = -error_number;
  *ring->failed_tail = operation;
  ring->failed_tail = &operation->next;
}

static GuringOperation *
take_failed (GuringRing *ring)
{
  GuringOperation *operation = ring->failed;

  ring->failed = operation->next;
  if (ring->failed == NULL)
    ring->failed_tail = &ring->failed;
  return operation;
}

static void
call_back (GuringRing *ring, GuringOperation *operation, const GuringCompletion *completion)
{
  if (operation->func != NULL)
    operation->func (ring, completion, operation->user_data);
}

/* What the callback does not take goes back to the kernel. */
static void
call_back_with_buffer (GuringRing *ring,
                       GuringOperation *operation,
                       const GuringCompletion *completion)
{
  GuringArrival arrival;

  guring_arrival_begin (&arrival, operation->pool, completion);
  call_back (ring, operation, completion);
  guring_arrival_end (&arrival);
}

/* The slot is free before the callback runs, which likely queues the next operation: that finds it
 * in the CPU's cache. */
static inline void
deliver_only (GuringRing *ring, GuringOperation *operation, const GuringCompletion *completion)
{
  GuringCompletionFunc func = operation->func;
  GDestroyNotify notify = operation->notify;
  gpointer user_data = operation->user_data;

  ring->statistics.completed++;
  guring_registry_finish (operation);
  guring_registry_release (&ring->registry, operation);
  if (func != NULL)
    func (ring, completion, user_data);
  if (notify != NULL && !guring_fork_guard_is_child (ring->fork_guard))
    notify (user_data);
}

/* The callback may end up here again with the same operation, if it is a multishot one: then the
 * slot and the user data stay until the outermost callback has returned. */
static void
deliver_one_of_several (GuringRing *ring,
                        GuringOperation *operation,
                        const GuringCompletion *completion)
{
  if (guring_completion_ends_operation (completion))
    {
      ring->statistics.completed++;
      guring_registry_finish (operation);
    }
  else
    ring->statistics.more++;

  operation->callbacks++;
  if (operation->pool != NULL && (completion->flags & IORING_CQE_F_BUFFER) != 0)
    call_back_with_buffer (ring, operation, completion);
  else
    call_back (ring, operation, completion);
  operation->callbacks--;

  if (guring_fork_guard_is_child (ring->fork_guard)) /* the user data is the parent's to free */
    return;

  if (operation->callbacks == 0 && !guring_operation_is_live (operation))
    {
      GDestroyNotify notify = operation->notify;
      gpointer user_data = operation->user_data;

      g_clear_pointer (&operation->pool, guring_buffer_pool_unref);
      guring_registry_release (&ring->registry, operation);
      if (notify != NULL)
        notify (user_data);
    }
}

static inline void
deliver (GuringRing *ring, GuringOperation *operation, const GuringCompletion *completion)
{
  if (guring_completion_ends_operation (completion) && operation->callbacks == 0 &&
      operation->pool == NULL)
    deliver_only (ring, operation, completion);
  else
    deliver_one_of_several (ring, operation, completion);
}

static void
deliver_failure (GuringRing *ring, GuringOperation *operation)
{
  GuringCompletion completion = { guring_operation_get_id (operation), operation->failure, 0 };

  deliver (ring, operation, &completion);
}

/* A worker of the kernel that is told to stop while it waits may answer with ERESTARTSYS and the
 * like, which are not for user space (measured for read() on Linux 6.1, for open() on 6.18). */
static gint32
get_result (const GuringOperation *operation, gint32 res)
{
  if (res > -512 || res < -516)
    return res;
  return operation->cancelling ? -ECANCELED : -EINTR;
}

/* Returns: whether a callback was due */
static inline gboolean
deliver_cqe (GuringRing *ring, GuringCompletion *completion)
{
  GuringOperation *operation;

  if ((completion->id & GURING_CANCELLATION_BIT) &&
      guring_cancellation_answered (ring, completion->id, completion->res))
    return FALSE;

  operation = guring_registry_lookup (&ring->registry, completion->id);
  if (operation == NULL || !guring_operation_is_in_flight (ring, operation))
    {
      ring->statistics.unknown_completions++;
      return FALSE;
    }

  if (guring_completion_ends_operation (completion))
    ring->statistics.in_flight--;
  completion->res = get_result (operation, completion->res);
  deliver (ring, operation, completion);
  return TRUE;
}

static gboolean
take_cqe (GuringRing *ring, GuringCompletion *completion)
{
  struct io_uring_cqe *cqe;
  unsigned head;

  io_uring_for_each_cqe (&ring->uring, head, cqe)
  {
    *completion = (GuringCompletion){ cqe->user_data, cqe->res, cqe->flags };
    io_uring_cq_advance (&ring->uring, 1);
    return TRUE;
  }
  return FALSE;
}

/* Returns: whether there are CQEs now */
static gboolean
get_events (GuringRing *ring)
{
  if (ring->broken || guring_completion_needs_enter (ring) == 0)
    {
      ring->foreign = FALSE;
      return FALSE;
    }

  if (io_uring_cq_has_overflow (&ring->uring))
    ring->statistics.cq_overflows++;
  if (guring_submission_check_result (ring, io_uring_get_events (&ring->uring)))
    ring->foreign = (guring_completion_needs_enter (ring) & IORING_SQ_TASKRUN) != 0;
  return io_uring_cq_ready (&ring->uring) > 0;
}

static gboolean
time_is_up (GuringTurn *turn)
{
  gint64 now = g_get_monotonic_time ();

  if (turn->end == 0)
    turn->end = now + MAX_TURN;
  return now >= turn->end;
}

/* Hands completions to their callbacks, until there are no more or the turn is over. Each is
 * consumed before its callback runs, which may come back here, and may close the ring.
 *
 * Returns: how many callbacks were due; @turn: what is left of it */
guint
guring_completion_reap (GuringRing *ring, GuringTurn *turn)
{
  guint n_dispatched = 0;
  guint n_left = turn->budget;

  while (n_left > 0 && !guring_ring_is_over (ring))
    {
      GuringCompletion completion;

      if (ring->failed != NULL)
        {
          deliver_failure (ring, take_failed (ring));
          n_dispatched++;
        }
      else if (take_cqe (ring, &completion))
        n_dispatched += (guint) deliver_cqe (ring, &completion);
      else if (get_events (ring))
        continue;
      else
        break;

      n_left--;
      if (n_left % N_PER_LOOK == 0 && time_is_up (turn))
        n_left = 0;
    }

  turn->budget = n_left;
  return n_dispatched;
}
