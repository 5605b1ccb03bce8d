/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The end of a ring: cancel everything, drain, detach. */

#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cancellation.h"
#include "close.h"
#include "default-ring.h"
#include "dispatch.h"
#include "ownership.h"
#include "ring-private.h"
#include "source.h"

#define LINGER 1000                             /* ms */
#define BROKEN_GRACE G_GINT64_CONSTANT (100000) /* µs */

/* On a ring that broke, what the kernel is at work on ends all the same, and soon; what waits for a
 * peer can't be cancelled any more. */
static gint64
get_deadline (GuringRing *ring, gint64 deadline, gint64 start)
{
  gint64 end_of_grace = start + BROKEN_GRACE;

  return ring->broken && (deadline < 0 || deadline > end_of_grace) ? end_of_grace : deadline;
}

/* In portions: a multishot operation may complete faster than its completions are dispatched, and
 * its cancellation is submitted in between. */
static void
drain (GuringRing *ring, gint64 deadline)
{
  gint64 start = g_get_monotonic_time ();

  while (guring_ring_get_n_unfinished (ring) > 0 && !guring_ring_is_over (ring))
    {
      GuringTurn turn = { .budget = ring->dispatch_budget };

      if (guring_dispatch_drain (ring, &turn) == 0 && turn.budget > 0 &&
          !guring_dispatch_wait (ring, get_deadline (ring, deadline, start)))
        break;
    }
}

/* The context may be on its way out and must not be touched, but for the source, which knows. */
static void
detach (GuringRing *ring)
{
  pthread_mutex_lock (&ring->lock);
  g_atomic_int_set (&ring->closed, TRUE);
  g_atomic_pointer_set (&ring->context, NULL);
  if (ring->wake_fd >= 0)
    close (ring->wake_fd);
  ring->wake_fd = -1;
  pthread_mutex_unlock (&ring->lock);

  guring_source_detach (ring->source);
}

/* The mappings are not there (io_uring_ring_dontfork()), the operations are the parent's, and under
 * the descriptor's number the child may have another by now. The eventfd is left to exec or exit:
 * unlike the ring's descriptor it keeps nothing of the parent alive. No lock is taken, which a
 * thread that the child does not have may hold. */
static void
close_in_child (GuringRing *ring)
{
  struct stat status;
  int fd = ring->uring.ring_fd;

  g_atomic_int_set (&ring->closed, TRUE);
  g_atomic_pointer_set (&ring->context, NULL);
  guring_source_forget (ring);
  if (fstat (fd, &status) == 0 && status.st_dev == ring->device && status.st_ino == ring->inode)
    close (fd);
}

/* Whoever calls this holds a reference, or is dispose().
 *
 * Returns: how many operations could not be ended by @deadline */
static guint64
close_by (GuringRing *ring, gint64 deadline)
{
  guint64 n_leaked;

  if (!ring->closing)
    {
      g_atomic_int_set (&ring->closing, TRUE);
      guring_cancellation_start_all (ring);
    }

  drain (ring, deadline);
  n_leaked = guring_ring_get_n_unfinished (ring);
  if (ring->closed) /* by a callback */
    return n_leaked;
  if (guring_fork_guard_is_child (ring->fork_guard)) /* that a callback returned in */
    {
      close_in_child (ring);
      return 0;
    }

  detach (ring);
  if (ring->buffers != NULL)
    guring_buffer_table_forget_uring (ring->buffers);
  io_uring_queue_exit (&ring->uring);
  guring_default_ring_forget (ring);
  return n_leaked;
}

static gchar *
describe_leak (GuringRing *ring, guint64 n_leaked)
{
  const gchar *reason = ring->broken ? g_strerror (ring->broken) : "the time was up";

  return g_strdup_printf ("%" G_GUINT64_FORMAT " operations did not end before the ring was closed "
                          "(%s): the kernel may still use their buffers, which are leaked",
                          n_leaked, reason);
}

/* For the thread that owns the context. */
void
guring_close_without_deadline (GuringRing *ring)
{
  guint64 n_leaked = close_by (ring, -1);

  if (n_leaked > 0)
    {
      g_autofree gchar *message = describe_leak (ring, n_leaked);

      g_warning ("%s", message);
    }
}

/* Runs in the thread that owns the context; or, when the context goes first, in the one that drops
 * it. */
static void
close_and_unref (gpointer user_data)
{
  GuringRing *ring = user_data;

  if (!guring_ring_is_over (ring))
    guring_close_without_deadline (ring);
  g_object_unref (ring);
}

static gboolean
end_at_once (gpointer user_data)
{
  return G_SOURCE_REMOVE;
}

/* In the thread that owns the context. The one that dropped the last reference may still be in
 * g_object_unref(), which looks at an object once more after dispose() has handed it on, when its
 * own reference is gone (GLib 2.74): the ring stays until that must be over. */
static gboolean
linger (gpointer ring)
{
  g_autoptr (GSource) source = g_timeout_source_new (LINGER);

  g_source_set_static_name (source, "GuringRing's end");
  g_source_set_callback (source, end_at_once, g_object_ref (ring), g_object_unref);
  g_source_attach (source, g_source_get_context (g_main_current_source ()));
  return G_SOURCE_REMOVE;
}

/* Leaves it to the thread that owns the context, if that has not closed the ring by now. */
static void
close_later (GuringRing *ring)
{
  pthread_mutex_lock (&ring->lock);
  if (!ring->closed)
    {
      GSource *source = g_idle_source_new ();

      g_source_set_priority (source, G_PRIORITY_HIGH);
      g_source_set_static_name (source, "GuringRing's end");
      g_source_set_callback (source, linger, g_object_ref (ring), close_and_unref);
      g_source_attach (source, ring->context);
      g_source_unref (source);
    }
  pthread_mutex_unlock (&ring->lock);
}

/* In whatever thread the last reference was dropped; the callbacks belong to the owner's. */
void
guring_close_last_reference (GuringRing *ring)
{
  GuringOwnership ownership;

  if (guring_fork_guard_is_child (ring->fork_guard))
    close_in_child (ring);
  else if (guring_ownership_acquire (ring, &ownership, NULL))
    {
      guring_ownership_settle (ring, &ownership);
      guring_close_without_deadline (ring);
      guring_ownership_release (ring, &ownership);
    }
  else
    close_later (ring);
}

/* In whatever thread the source was destroyed. The context may be on its way out: then nobody owns
 * it, and no reference can be had on it. */
void
guring_close_source_destroyed (GuringRing *ring)
{
  GMainContext *context = ring->context;

  if (guring_ring_is_over (ring))
    return;

  g_object_ref (ring);
  if (g_main_context_acquire (context))
    {
      guring_close_without_deadline (ring);
      g_main_context_release (context);
    }
  else
    close_later (ring);
  g_object_unref (ring);
}

/**
 * guring_ring_close:
 * @ring: a ring
 * @timeout_us: how long to wait for operations to end, in microseconds; 0 not to wait; -1 for as
 *   long as it takes
 * @error: return location for the error
 *
 * Cancels all operations, calls back for each (with `-ECANCELED` or its own result), detaches from
 * the main context and frees the kernel's side. From its start the ring takes no more operations.
 *
 * What has not ended after @timeout_us is leaked: its callback and destroy notify are never
 * called, and what its SQE points at must never be freed, as the kernel may still use it. If
 * io_uring_enter() fails for good nothing can be cancelled any more: then 0.1 seconds are all.
 *
 * To be called by the thread that owns the ring's context, or by any while none does; also from a
 * callback. It blocks. Closing a closed ring does nothing. Dropping the last reference on a ring
 * closes it with a timeout of -1.
 *
 * Returns: %TRUE if all operations ended. On %FALSE @error is %G_IO_ERROR_TIMED_OUT if some were
 *   leaked (the ring is closed all the same); %G_IO_ERROR_BUSY if another thread owns the context,
 *   %G_IO_ERROR_CLOSED in a forked child
 *
 * Since: 0.1
 */
gboolean
guring_ring_close (GuringRing *ring, gint64 timeout_us, GError **error)
{
  gint64 now = g_get_monotonic_time ();
  gint64 deadline = timeout_us < 0 || timeout_us > G_MAXINT64 - now ? -1 : now + timeout_us;
  GuringOwnership ownership;
  guint64 n_leaked;

  g_return_val_if_fail (GURING_IS_RING (ring), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (g_atomic_int_get (&ring->closed) && !guring_fork_guard_is_child (ring->fork_guard))
    return TRUE;
  if (!guring_ownership_acquire (ring, &ownership, error))
    return FALSE;

  guring_ownership_settle (ring, &ownership);
  g_object_ref (ring);
  n_leaked = close_by (ring, deadline);
  if (n_leaked > 0)
    {
      g_autofree gchar *message = describe_leak (ring, n_leaked);

      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, message);
    }
  g_object_unref (ring);
  guring_ownership_release (ring, &ownership);
  return n_leaked == 0;
}
