/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From the backlog to the kernel. What is queued while nothing waits is staged: it stands in the SQ
 * at once. All else is put there when it is submitted, and what the kernel does not take goes back
 * to the backlog: outside of a submission, either all that waits is in the SQ or nothing. */

#include "config.h"

#include "cancellation.h"
#include "completion.h"
#include "ownership.h"
#include "submission.h"

#define STALL_DELAY G_GINT64_CONSTANT (1000) /* µs */

/* Back from the SQ, which begins at @sq_head. */
static void
unstage (GuringRing *ring, guint sq_head)
{
  struct io_uring_sq *sq = &ring->uring.sq;

  ring->backlog.tail -= ring->n_staged;
  for (guint i = 0; i < ring->n_staged; i++)
    *guring_backlog_push (&ring->backlog) = sq->sqes[(sq_head + i) & sq->ring_mask];
  ring->n_staged = 0;
  sq->sqe_head = sq->sqe_tail = *sq->ktail = *sq->khead;
}

/* For whoever wants to look at what waits, or to add what has to. */
void
guring_submission_unstage (GuringRing *ring)
{
  ring->may_stage = 0;
  if (ring->n_staged > 0)
    unstage (ring, *ring->uring.sq.khead);
}

static void
allow_staging (GuringRing *ring)
{
  ring->may_stage = 0;
  if (ring->backlog.head == ring->backlog.tail && !ring->draining && !ring->closing &&
      !ring->broken && ring->restrictions == NULL)
    ring->may_stage = (guint) MIN (ring->entries, ring->cq_entries - ring->statistics.in_flight);
}

/* Ends what the kernel shall never see; its callback comes from the next dispatch. */
void
guring_submission_withdraw (GuringRing *ring, guint64 position, int error_number)
{
  struct io_uring_sqe *sqe = guring_backlog_get (&ring->backlog, position);

  if (sqe->user_data == 0)
    return;

  guring_completion_fail (ring, guring_registry_lookup (&ring->registry, sqe->user_data),
                          error_number);
  sqe->user_data = 0;
}

/* Returns: how many SQEs it put into the SQ */
static guint
copy_chain (GuringRing *ring, guint64 position, guint64 end)
{
  struct io_uring_sqe *last = NULL;
  guint n = 0;

  for (; position < end; position++)
    {
      const struct io_uring_sqe *sqe = guring_backlog_get (&ring->backlog, position);

      if (sqe->user_data == 0)
        continue;

      last = io_uring_get_sqe (&ring->uring);
      *last = *sqe;
      last->flags &= (guint8) ~IOSQE_IO_DRAIN;
      n++;
    }

  if (last != NULL) /* its successors may have been withdrawn */
    last->flags &= (guint8) ~GURING_LINK_FLAGS;
  return n;
}

/* Returns: how many of these SQEs are not withdrawn */
static guint
count (GuringRing *ring, guint64 position, guint64 end)
{
  guint n = 0;

  for (; position < end; position++)
    n += guring_backlog_get (&ring->backlog, position)->user_data != 0;
  return n;
}

static gboolean
is_drain (GuringRing *ring, guint64 position, guint64 end)
{
  guint8 flags = 0;

  for (; position < end; position++)
    flags |= guring_backlog_get (&ring->backlog, position)->flags;
  return (flags & IOSQE_IO_DRAIN) != 0;
}

/* IOSQE_IO_DRAIN is done here: what has it waits until nothing is in flight, and all behind waits
 * for its end. The kernel would hold back cancellations too behind such a request, even of what it
 * waits for, and the ring could never be closed (measured on Linux 6.18).
 *
 * Returns: whether the chain from @position to @end may be submitted behind @n others */
static gboolean
pass_barrier (GuringRing *ring, guint64 position, guint64 end, guint n)
{
  gboolean drains = is_drain (ring, position, end);

  if ((drains || ring->draining) && ring->statistics.in_flight + n > 0)
    return FALSE;

  ring->draining = drains;
  return TRUE;
}

/* Copies as many whole chains as fit into the SQ, and into the CQ when they complete.
 *
 * Returns: how many SQEs; @end: the position behind the last */
static guint
prepare_sqes (GuringRing *ring, guint room, guint64 *end)
{
  GuringBacklog *backlog = &ring->backlog;
  guint64 position = backlog->head + ring->n_staged;
  guint n = ring->n_staged;

  room = (guint) MIN (room, ring->cq_entries - ring->statistics.in_flight);
  while (position < backlog->tail)
    {
      guint64 chain_end = guring_backlog_get_chain_end (backlog, position);
      guint n_live = count (ring, position, chain_end);

      if (n_live > 0 && (n + n_live > room || !pass_barrier (ring, position, chain_end, n)))
        break;
      n += copy_chain (ring, position, chain_end);
      position = chain_end;
    }

  *end = position;
  return n;
}

/* The kernel took the first @n_taken of what was prepared. Where that cuts a chain, the rest of it
 * would run on its own, so it fails. */
static void
take_some (GuringRing *ring, guint n_taken)
{
  GuringBacklog *backlog = &ring->backlog;
  guint64 chain_end = backlog->head;

  for (guint i = 0; i < n_taken; backlog->head++)
    {
      if (backlog->head == chain_end)
        chain_end = guring_backlog_get_chain_end (backlog, backlog->head);
      if (guring_backlog_get (backlog, backlog->head)->user_data != 0)
        i++;
    }

  for (guint64 position = backlog->head; position < chain_end; position++)
    guring_submission_withdraw (ring, position, ECANCELED);
}

static void
take (GuringRing *ring, guint n_taken, guint n_prepared, guint64 end)
{
  if (n_taken == n_prepared)
    ring->backlog.head = end;
  else
    take_some (ring, n_taken);
  ring->n_staged = 0;

  ring->statistics.submitted += n_taken;
  ring->statistics.in_flight += n_taken;
}

/* io_uring_enter() will never work again. */
void
guring_submission_break_down (GuringRing *ring, int error_number)
{
  ring->broken = error_number;
  guring_submission_unstage (ring);
  g_array_set_size (ring->cancels, 0);
  for (guint64 position = ring->backlog.head; position < ring->backlog.tail; position++)
    guring_submission_withdraw (ring, position, error_number);
}

/* Memory and CQ space come back. Everything else (a seccomp filter of later, a ring fd that
 * somebody closed) won't, and ends what waits. */
void
guring_submission_enter_failed (GuringRing *ring, int error_number)
{
  switch (error_number)
    {
    case EAGAIN:
    case EBUSY:
    case EINTR:
    case ENOMEM:
      ring->stalled = TRUE;
      break;
    default:
      guring_submission_break_down (ring, error_number);
    }
}

/* Returns: how many SQEs the kernel took; @ret: what it said */
static guint
enter (GuringRing *ring, guint n_prepared, int *ret)
{
  struct io_uring_sq *sq = &ring->uring.sq;
  guint head = *sq->khead;
  guint n_taken;

  *ret = io_uring_submit (&ring->uring);
  n_taken = *sq->khead - head;

  if (n_taken < n_prepared)
    unstage (ring, head);
  if (n_taken == 0)
    ring->stalled = TRUE;
  return n_taken;
}

/* Before all operations
 *
 * Returns: how many SQEs it put into the SQ */
static guint
prepare_cancels (GuringRing *ring)
{
  if (ring->cancels->len == 0 && ring->unanswered->len == 0)
    return 0;

  guring_submission_unstage (ring);
  return guring_cancellation_prepare_sqes (ring, ring->entries);
}

/* Returns: how many SQEs the kernel took, 0 when there is nothing (more) to do for now */
static guint
submit_once (GuringRing *ring)
{
  guint64 end;
  guint n_cancels = prepare_cancels (ring);
  guint n_operations = prepare_sqes (ring, ring->entries - n_cancels, &end);
  guint n_taken, n_cancels_taken;
  int ret;

  if (n_cancels + n_operations == 0)
    {
      ring->backlog.head = end; /* past what was withdrawn */
      return 0;
    }

  n_taken = enter (ring, n_cancels + n_operations, &ret);
  n_cancels_taken = MIN (n_taken, n_cancels);
  if (n_cancels_taken > 0)
    guring_cancellation_submitted (ring, n_cancels_taken);
  take (ring, n_taken - n_cancels_taken, n_operations, end);
  guring_submission_check_result (ring, ret);
  return n_taken;
}

static gboolean
has_work (GuringRing *ring)
{
  return ring->backlog.head < ring->backlog.tail || ring->cancels->len > 0 ||
         ring->unanswered->len > 0;
}

/* Submits cancellations and backlog until there are no more, or no more fit.
 *
 * Returns: how many SQEs the kernel took */
guint
guring_submission_flush (GuringRing *ring)
{
  guint total = 0;
  guint n_taken = 1;

  if (g_atomic_int_get (&ring->has_requested))
    guring_cancellation_start_requested (ring);
  ring->stalled = FALSE;
  while (n_taken > 0 && !ring->broken && !ring->stalled && has_work (ring))
    {
      n_taken = submit_once (ring);
      total += n_taken;
    }
  allow_staging (ring);
  return total;
}

/* Returns: the monotonic time at which there is something to retry, or -1 */
gint64
guring_submission_get_retry_time (GuringRing *ring)
{
  gint64 cancellation, stall;

  if (ring->broken)
    return -1;

  cancellation = guring_cancellation_get_retry_time (ring);
  if (!ring->stalled)
    return cancellation;

  stall = g_get_monotonic_time () + STALL_DELAY;

  return cancellation < 0 ? stall : MIN (stall, cancellation);
}

/**
 * guring_ring_submit:
 * @ring: a ring
 * @error: return location for the error
 *
 * Submits what is queued now and not before the loop sleeps. Seldom of use: a main loop does it by
 * itself. Does not block.
 *
 * To be called by the thread that owns the ring's context, or by any while none does.
 *
 * Returns: how many SQEs the kernel took; what it has no room for now stays queued. -1 with the
 *   errors of guring_ring_queue()
 *
 * Since: 0.1
 */
gint
guring_ring_submit (GuringRing *ring, GError **error)
{
  GuringOwnership ownership;
  gint n_submitted = -1;

  g_return_val_if_fail (GURING_IS_RING (ring), -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  if (!guring_ownership_acquire (ring, &ownership, error))
    return -1;

  if (guring_ring_is_usable (ring, error))
    {
      n_submitted = (gint) guring_submission_flush (ring);
      if (!guring_ring_is_usable (ring, error))
        n_submitted = -1;
    }

  guring_ownership_release (ring, &ownership);
  return n_submitted;
}
