/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where operations come in. */

#include "config.h"

#include "ownership.h"
#include "request.h"
#include "ring-private.h"
#include "submission.h"

/* Returns: the id */
static inline guint64
fill_operation (GuringRing *ring,
                GuringOperation *operation,
                GuringCompletionFunc func,
                gpointer user_data,
                GDestroyNotify notify)
{
  operation->func = func;
  operation->user_data = user_data;
  operation->notify = notify;
  operation->position = ring->backlog.tail;
  ring->statistics.queued++;
  return guring_operation_get_id (operation);
}

static guint64
add (GuringRing *ring,
     const struct io_uring_sqe *sqe,
     guint8 link_flags,
     GuringCompletionFunc func,
     gpointer user_data,
     GDestroyNotify notify)
{
  GuringOperation *operation = guring_registry_insert (&ring->registry);
  struct io_uring_sqe *copy;
  guint64 id;

  guring_submission_unstage (ring);
  id = fill_operation (ring, operation, func, user_data, notify);
  if (sqe->flags & IOSQE_BUFFER_SELECT)
    operation->pool = guring_buffer_table_lookup (ring->buffers, sqe->buf_group);

  copy = guring_backlog_push (&ring->backlog);
  guring_backlog_copy_fresh (copy, sqe);
  copy->user_data = id;
  copy->flags |= link_flags;
  return id;
}

/* What callbacks queue is staged if there is nothing special about it: there all that has to be
 * asked is asked at once. */
static inline gboolean
can_stage (GuringRing *ring, const struct io_uring_sqe *sqe, GuringCompletionFunc func)
{
  return guring_ownership_is_in_callback (ring) && ring->n_staged < ring->may_stage &&
         !ring->polling && guring_registry_has_free (&ring->registry) &&
         guring_request_is_plain (sqe, func);
}

static inline guint64
stage (GuringRing *ring,
       const struct io_uring_sqe *sqe,
       GuringCompletionFunc func,
       gpointer user_data,
       GDestroyNotify notify)
{
  GuringOperation *operation = guring_registry_insert_free (&ring->registry);
  guint64 id = fill_operation (ring, operation, func, user_data, notify);
  struct io_uring_sqe *copy = guring_submission_stage (ring);

  guring_backlog_copy_fresh (copy, sqe);
  copy->user_data = id;
  return id;
}

/* Prepare has run and the loop may be about to sleep. */
static void
wake_if_polling (GuringRing *ring)
{
  if (!ring->polling)
    return;

  ring->polling = FALSE;
  g_main_context_wakeup (ring->context);
}

static G_NO_INLINE guint64
queue (GuringRing *ring,
       const struct io_uring_sqe *sqe,
       GuringCompletionFunc func,
       gpointer user_data,
       GDestroyNotify notify,
       GError **error)
{
  GuringOwnership ownership;
  guint64 id = 0;

  if (!guring_ownership_acquire (ring, &ownership, error))
    return 0;

  if (guring_ring_is_usable (ring, error) &&
      guring_request_is_valid (ring, sqe, func, GURING_REQUEST_FIRST | GURING_REQUEST_LAST, error))
    {
      id = add (ring, sqe, 0, func, user_data, notify);
      wake_if_polling (ring);
    }

  guring_ownership_release (ring, &ownership);
  return id;
}

/**
 * guring_ring_queue: (skip)
 * @ring: a ring
 * @sqe: what io_uring_prep_*() prepared, zeroed before that; it is copied
 * @func: (nullable): called for each completion; may be %NULL unless the operation returns a
 *   descriptor
 * @user_data: passed to @func
 * @notify: (nullable): called in the context's thread to free @user_data, after the last call of
 *   @func
 * @error: return location for the error
 *
 * Queues an operation. It is submitted before the context's loop sleeps the next time.
 *
 * Exactly one final completion comes for what is accepted, whatever happens, before the ring is
 * gone; never from within this call. What the SQE points at (buffers, paths, iovecs, timespecs,
 * addresses) must stay valid until then.
 *
 * Every opcode that the kernel has is accepted, multishot, zero-copy and direct descriptors too,
 * but not: flags that link, outside of guring_ring_queue_chain(); `IOSQE_CQE_SKIP_SUCCESS`;
 * `IORING_POLL_UPDATE_USER_DATA`; an SQE with a `user_data`; an SQE that can't have been zeroed.
 *
 * To be called by the thread that owns the ring's context, or by any while none does.
 *
 * Returns: the operation's id, for guring_ring_cancel(). On 0 nothing was queued, neither @func nor
 *   @notify will be called, and @error is %G_IO_ERROR_INVALID_ARGUMENT, %G_IO_ERROR_CLOSED (closed,
 *   or in a forked child), %G_IO_ERROR_BUSY (another thread owns the context),
 *   %G_IO_ERROR_PERMISSION_DENIED (by the #GuringRing:restrictions), or what io_uring_enter()
 *   failed with for good
 *
 * Since: 0.1
 */
guint64
guring_ring_queue (GuringRing *ring,
                   const struct io_uring_sqe *sqe,
                   GuringCompletionFunc func,
                   gpointer user_data,
                   GDestroyNotify notify,
                   GError **error)
{
  g_return_val_if_fail (guring_ring_is_ring (ring), 0);
  g_return_val_if_fail (sqe != NULL, 0);
  g_return_val_if_fail (error == NULL || *error == NULL, 0);

  if (G_LIKELY (can_stage (ring, sqe, func)))
    return stage (ring, sqe, func, user_data, notify);
  return queue (ring, sqe, func, user_data, notify, error);
}

static void
add_chain (GuringRing *ring, const GuringRequest *requests, gsize n_requests, guint64 *ids)
{
  for (gsize i = 0; i < n_requests; i++)
    {
      const GuringRequest *request = &requests[i];
      GuringRequestPlace place = i + 1 == n_requests ? GURING_REQUEST_LAST : 0;
      guint64 id = add (ring, &request->sqe, guring_request_get_link_flags (&request->sqe, place),
                        request->func, request->user_data, request->notify);

      if (ids != NULL)
        ids[i] = id;
    }
}

/**
 * guring_ring_queue_chain: (skip)
 * @ring: a ring
 * @requests: (array length=n_requests): the operations, in order; copied
 * @n_requests: how many, at most #GuringRing:entries
 * @ids: (out caller-allocates) (array length=n_requests) (optional): where to put their ids
 * @error: return location for the error
 *
 * Queues operations that run one after the other, as guring_ring_queue() does with one: all of
 * them in one submission, or none.
 *
 * Each starts when the one before it has succeeded; when one fails, those behind it end with
 * `-ECANCELED`. A read or write shorter than asked counts as failed. Where a request's SQE has
 * `IOSQE_IO_HARDLINK`, the next one starts whatever becomes of it; a close at the end of a chain
 * wants that. `IOSQE_IO_LINK` may be left out. `IORING_OP_LINK_TIMEOUT` limits the time of the
 * request before it.
 *
 * To be called by the thread that owns the ring's context, or by any while none does.
 *
 * Returns: %TRUE if all were queued; %FALSE if none was, with the errors of guring_ring_queue() and
 *   %G_IO_ERROR_INVALID_ARGUMENT for a chain that is longer than the ring has entries
 *
 * Since: 0.1
 */
gboolean
guring_ring_queue_chain (GuringRing *ring,
                         const GuringRequest *requests,
                         gsize n_requests,
                         guint64 *ids,
                         GError **error)
{
  GuringOwnership ownership;
  gboolean queued;

  g_return_val_if_fail (GURING_IS_RING (ring), FALSE);
  g_return_val_if_fail (requests != NULL || n_requests == 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!guring_ownership_acquire (ring, &ownership, error))
    return FALSE;

  queued = guring_ring_is_usable (ring, error) &&
           guring_requests_are_valid (ring, requests, n_requests, error);
  if (queued)
    {
      add_chain (ring, requests, n_requests, ids);
      wake_if_polling (ring);
    }

  guring_ownership_release (ring, &ownership);
  return queued;
}
