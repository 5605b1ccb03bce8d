/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Draining a ring, and waiting for it outside of the main loop. */

#include "config.h"

#include <sys/eventfd.h>

#include "completion.h"
#include "dispatch.h"
#include "ownership.h"
#include "submission.h"

/* Reap, call back, submit what the callbacks queued, reap what completed inline, and so on, until
 * nothing is ready or @budget is spent. A main loop's iteration costs more than ten operations, so
 * as many as possible go into one.
 *
 * Returns: how many callbacks were due; @budget: what is left of it */
guint
guring_dispatch_drain (GuringRing *ring, guint *budget)
{
  gsize previous = guring_ownership_enter_callbacks (ring);
  guint n_dispatched = 0;
  gboolean progress = TRUE;

  while (progress && *budget > 0)
    {
      guint budget_before = *budget;

      n_dispatched += guring_completion_reap (ring, budget);
      progress = *budget < budget_before;
      if (guring_ring_is_over (ring))
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
  g_mutex_lock (&ring->lock);
  ring->waiting = ring->wake_fd >= 0 && !ring->has_requested;
  g_mutex_unlock (&ring->lock);

  return ring->wake_fd < 0 || ring->waiting;
}

static void
stop_waiting (GuringRing *ring, gboolean woken)
{
  eventfd_t value;

  g_mutex_lock (&ring->lock);
  ring->waiting = FALSE;
  if (woken)
    eventfd_read (ring->wake_fd, &value);
  g_mutex_unlock (&ring->lock);
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

  if (ring->broken || (deadline >= 0 && g_get_monotonic_time () >= deadline))
    return FALSE;

  if (start_waiting (ring))
    {
      g_poll (fds, ring->wake_fd >= 0 ? 2 : 1, get_poll_timeout (end));
      stop_waiting (ring, fds[1].revents != 0);
    }
  return TRUE;
}
