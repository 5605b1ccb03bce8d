/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Cancelling operations. Any thread may request it; the ring's thread withdraws from the backlog
 * what the kernel has not seen, and asks the kernel to cancel the rest. */

#include "config.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "cancellation.h"
#include "completion.h"
#include "ring-private.h"
#include "submission.h"

#define FIRST_RETRY_DELAY G_GINT64_CONSTANT (1000) /* µs */
#define LAST_RETRY_DELAY G_GINT64_CONSTANT (64000)

void
guring_cancellation_init (GuringRing *ring)
{
  pthread_mutex_init (&ring->lock, NULL);
  ring->wake_fd = -1;
  ring->requested = g_array_new (FALSE, FALSE, sizeof (guint64));
  ring->cancels = g_array_new (FALSE, FALSE, sizeof (guint64));
  ring->unanswered = g_array_new (FALSE, FALSE, sizeof (guint64));
}

void
guring_cancellation_clear (GuringRing *ring)
{
  g_array_unref (ring->requested);
  g_array_unref (ring->cancels);
  g_array_unref (ring->unanswered);
  pthread_mutex_destroy (&ring->lock);
}

/* With the lock held. The owner flushes before it sleeps, so it wakes itself only when its context
 * has passed prepare. */
static void
wake (GuringRing *ring)
{
  if (ring->waiting)
    eventfd_write (ring->wake_fd, 1);
  else if (ring->context != NULL && (!g_main_context_is_owner (ring->context) || ring->polling))
    g_main_context_wakeup (ring->context);
}

/**
 * guring_ring_cancel: (skip)
 * @ring: a ring
 * @id: the operation's id, from guring_ring_queue() or guring_ring_queue_chain()
 *
 * Cancels an operation: it gets its final completion all the same, with `-ECANCELED` when the
 * cancellation came in time and with its own result when it did not. A multishot operation gets a
 * last completion without `IORING_CQE_F_MORE`.
 *
 * In a chain the kernel's rules hold: what is soft-linked behind the cancelled operation is
 * cancelled too, what is hard-linked behind it runs.
 *
 * May be called from any thread, and with any @id.
 *
 * Returns: %TRUE if a cancellation is under way, %FALSE if no such operation is waiting or in
 *   flight (any more), or the ring is closed or another process's
 *
 * Since: 0.1
 */
gboolean
guring_ring_cancel (GuringRing *ring, guint64 id)
{
  gboolean is_open;

  g_return_val_if_fail (GURING_IS_RING (ring), FALSE);

  if (guring_fork_guard_is_child (ring->fork_guard) ||
      guring_registry_lookup (&ring->registry, id) == NULL)
    return FALSE;

  pthread_mutex_lock (&ring->lock);
  is_open = !g_atomic_int_get (&ring->closed);
  if (is_open)
    {
      g_array_append_val (ring->requested, id);
      __atomic_fetch_add (&ring->n_cancels, 1, __ATOMIC_RELAXED);
      g_atomic_int_set (&ring->has_requested, TRUE);
      wake (ring);
    }
  pthread_mutex_unlock (&ring->lock);
  return is_open;
}

static void
withdraw (GuringRing *ring, guint64 position, guint64 end)
{
  for (; position < end; position++)
    guring_submission_withdraw (ring, position, ECANCELED);
}

static void
start (GuringRing *ring, GuringOperation *operation)
{
  guint64 id = guring_operation_get_id (operation);

  if (operation->cancelling || operation->failure != 0)
    return;

  operation->cancelling = TRUE;
  if (guring_operation_is_in_flight (ring, operation))
    g_array_append_val (ring->cancels, id);
  else
    withdraw (ring, operation->position,
              guring_backlog_get_cancel_end (&ring->backlog, operation->position));
}

/* Takes up what guring_ring_cancel() was asked for. */
void
guring_cancellation_start_requested (GuringRing *ring)
{
  g_autofree guint64 *ids = NULL;
  gsize n_ids;

  pthread_mutex_lock (&ring->lock);
  ids = g_array_steal (ring->requested, &n_ids);
  g_atomic_int_set (&ring->has_requested, FALSE);
  pthread_mutex_unlock (&ring->lock);

  guring_submission_unstage (ring);
  for (gsize i = 0; i < n_ids; i++)
    {
      GuringOperation *operation = guring_registry_lookup (&ring->registry, ids[i]);

      if (operation != NULL)
        start (ring, operation);
    }
  ring->retry_delay = FIRST_RETRY_DELAY;
}

void
guring_cancellation_start_all (GuringRing *ring)
{
  guring_submission_unstage (ring);
  withdraw (ring, ring->backlog.head, ring->backlog.tail);

  for (guint32 i = 0; i < ring->registry.n_slots; i++)
    {
      GuringOperation *operation = guring_registry_get_slot (&ring->registry, i);

      if (guring_operation_is_live (operation))
        start (ring, operation);
    }
  ring->retry_delay = FIRST_RETRY_DELAY;
}

static void
retry_when_due (GuringRing *ring)
{
  if (ring->unanswered->len == 0 || g_get_monotonic_time () < ring->retry_time)
    return;

  g_array_append_vals (ring->cancels, ring->unanswered->data, ring->unanswered->len);
  g_array_set_size (ring->unanswered, 0);
  ring->retry_delay = MIN (ring->retry_delay * 2, LAST_RETRY_DELAY);
}

/* Returns: how many SQEs it put into the SQ, at most @room */
guint
guring_cancellation_prepare_sqes (GuringRing *ring, guint room)
{
  guint n;

  retry_when_due (ring);

  n = MIN (room, ring->cancels->len);
  for (guint i = 0; i < n; i++)
    {
      guint64 id = g_array_index (ring->cancels, guint64, i);
      struct io_uring_sqe *sqe = io_uring_get_sqe (&ring->uring);

      *sqe = (struct io_uring_sqe){ 0 };
      io_uring_prep_cancel64 (sqe, id, 0);
      sqe->user_data = id | GURING_CANCELLATION_BIT;
    }
  return n;
}

void
guring_cancellation_submitted (GuringRing *ring, guint n_taken)
{
  g_array_remove_range (ring->cancels, 0, n_taken);
  ring->n_cancels_in_flight += n_taken;
}

/* An operation still in flight after -ENOENT is where the kernel can't find it: behind another in a
 * chain, or between two queues. After -EALREADY it runs, and most likely ends by itself.
 * Ask again until it has ended.
 *
 * Returns: %FALSE if nobody has asked for this */
gboolean
guring_cancellation_answered (GuringRing *ring, guint64 user_data, gint32 res)
{
  guint64 id = user_data & ~GURING_CANCELLATION_BIT;
  GuringOperation *operation = guring_registry_lookup (&ring->registry, id);
  gboolean expected = ring->n_cancels_in_flight > 0;

  if (expected)
    ring->n_cancels_in_flight--;
  if (res == 0) /* what is linked behind it starts, and can be found soon */
    ring->retry_delay = FIRST_RETRY_DELAY;
  if (operation == NULL || !operation->cancelling)
    return expected;

  if (res == -ENOENT || res == -EALREADY)
    {
      if (ring->unanswered->len == 0)
        ring->retry_time = g_get_monotonic_time () + ring->retry_delay;
      g_array_append_val (ring->unanswered, id);
    }
  return TRUE;
}

/* Returns: the monotonic time at which guring_submission_flush() has something to retry, or -1 */
gint64
guring_cancellation_get_retry_time (GuringRing *ring)
{
  return ring->unanswered->len > 0 ? ring->retry_time : -1;
}
