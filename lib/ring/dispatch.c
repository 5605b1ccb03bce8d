/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Draining a ring, and waiting for it outside of the main loop. */

#include "config.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "completion.h"
#include "dispatch.h"
#include "submission.h"

/* Reap, call back, submit what the callbacks queued, reap what completed inline, and so on, until
 * nothing is ready or the turn is over. A main loop's iteration costs more than ten operations, so
 * as many as possible go into one.
 *
 * Returns: how many callbacks were due; @turn: what is left of it */
guint
guring_dispatch_drain (GuringRing *ring, GuringTurn *turn)
{
  gsize previous = guring_ownership_enter_callbacks (ring);
  guint n_dispatched = 0;
  gboolean progress = TRUE;

  ring->turn_ended = FALSE;
  while (progress && turn->budget > 0)
    {
      guint budget_before = turn->budget;

      n_dispatched += guring_completion_reap (ring, turn);
      progress = turn->budget < budget_before;
      if (guring_ring_is_over (ring) || ring->turn_ended)
        break;

      progress |= guring_submission_flush (ring) > 0 || ring->failed != NULL;
      progress = progress && guring_completion_is_ready (ring);
    }

  guring_ownership_leave_callbacks (ring, previous);
  return n_dispatched;
}

/* Rounded up, so that the time has come when poll() returns. */
static gint
get_poll_timeout (gint64 time)
{
  gint64 timeout = time - g_get_monotonic_time ();

  return time < 0 ? -1 : (gint) CLAMP ((timeout + 999) / 1000, 0, G_MAXINT);
}

static gboolean
start_waiting (GuringRing *ring)
{
  pthread_mutex_lock (&ring->lock);
  ring->waiting = ring->wake_fd >= 0 && !ring->has_requested;
  pthread_mutex_unlock (&ring->lock);

  return ring->wake_fd < 0 || ring->waiting;
}

static void
stop_waiting (GuringRing *ring, gboolean woken)
{
  eventfd_t value;

  pthread_mutex_lock (&ring->lock);
  ring->waiting = FALSE;
  if (woken)
    eventfd_read (ring->wake_fd, &value);
  pthread_mutex_unlock (&ring->lock);
}

/* Sleeps until there are completions, a cancellation is requested, or something is to be retried;
 * at most until @deadline (monotonic time in µs, -1: none).
 *
 * Returns: %FALSE if the deadline has passed, or nothing will ever come */
gboolean
guring_dispatch_wait (GuringRing *ring, gint64 deadline)
{
  gint64 retry_time = guring_submission_get_retry_time (ring);
  gint64 end = retry_time < 0 || (deadline >= 0 && deadline < retry_time) ? deadline : retry_time;
  GPollFD fds[] = { { ring->uring.ring_fd, G_IO_IN, 0 }, { ring->wake_fd, G_IO_IN, 0 } };

  if (deadline >= 0 && g_get_monotonic_time () >= deadline)
    return FALSE;

  if (start_waiting (ring))
    {
      g_poll (fds, ring->wake_fd >= 0 ? 2 : 1, get_poll_timeout (end));
      stop_waiting (ring, fds[1].revents != 0);
      if (guring_completion_is_false_alarm (ring, fds[0].revents))
        return FALSE;
      if (fds[0].revents & G_IO_NVAL) /* somebody closed it */
        guring_submission_break_down (ring, EBADF);
    }
  return TRUE;
}

static gboolean
ensure_wake_fd (GuringRing *ring, GError **error)
{
  if (ring->wake_fd >= 0)
    return TRUE;

  ring->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (ring->wake_fd >= 0)
    return TRUE;

  int saved_errno = errno;

  g_set_error (error, G_IO_ERROR, (gint) g_io_error_from_errno (saved_errno),
               "Could not make an eventfd to wait with: %s; close some descriptors or raise "
               "RLIMIT_NOFILE",
               g_strerror (saved_errno));
  return FALSE;
}

static gint
iterate (GuringRing *ring, gboolean may_block, GError **error)
{
  while (TRUE)
    {
      GuringTurn turn = { .budget = ring->dispatch_budget };
      guint n_dispatched = guring_dispatch_drain (ring, &turn);

      if (n_dispatched > 0 || guring_ring_is_over (ring))
        return (gint) n_dispatched;
      if (!guring_ring_is_usable (ring, error))
        return -1;
      if (turn.budget == 0) /* on CQEs that were nobody's */
        continue;
      if (!may_block || guring_ring_get_n_unfinished (ring) == 0)
        return 0;
      if (!ensure_wake_fd (ring, error))
        return -1;
      guring_dispatch_wait (ring, -1);
    }
}

/**
 * guring_ring_iterate:
 * @ring: a ring
 * @may_block: whether to wait for a completion if there is none
 * @error: return location for the error
 *
 * Submits what is queued and dispatches completions, for programs without a running main loop. No
 * other source of the context is dispatched. It makes no system call when there is nothing to
 * submit and completions are there, or there is nothing to wait for.
 *
 * To be called by the thread that owns the ring's context, or by any while none does; also from a
 * callback.
 *
 * Returns: how many completions were dispatched, at most #GuringRing:dispatch-budget; 0 without
 *   @may_block if there was none, with it only if no operation is left. -1 with the errors of
 *   guring_ring_queue()
 *
 * Since: 0.1
 */
gint
guring_ring_iterate (GuringRing *ring, gboolean may_block, GError **error)
{
  GuringOwnership ownership;
  gint n_dispatched = -1;

  g_return_val_if_fail (GURING_IS_RING (ring), -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  if (!guring_ownership_acquire (ring, &ownership, error))
    return -1;

  guring_ownership_settle (ring, &ownership);
  g_object_ref (ring);
  n_dispatched = iterate (ring, may_block, error);
  g_object_unref (ring);

  guring_ownership_release (ring, &ownership);
  return n_dispatched;
}
