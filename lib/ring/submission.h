/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

#include "ring-private.h"

G_BEGIN_DECLS

guint guring_submission_flush (GuringRing *ring);
void guring_submission_unstage (GuringRing *ring);
void guring_submission_withdraw (GuringRing *ring, guint64 position, int error_number);
void guring_submission_break_down (GuringRing *ring, int error_number);
void guring_submission_enter_failed (GuringRing *ring, int error_number);
gint64 guring_submission_get_retry_time (GuringRing *ring);

static inline gboolean
guring_operation_is_in_flight (GuringRing *ring, const GuringOperation *operation)
{
  return operation->failure == 0 && operation->position < ring->backlog.head;
}

/* What io_uring_enter() returned
 *
 * Returns: whether it succeeded */
static inline gboolean
guring_submission_check_result (GuringRing *ring, int ret)
{
  ring->statistics.enter_calls++;
  if (G_UNLIKELY (ret < 0))
    guring_submission_enter_failed (ring, -ret);
  return ret >= 0;
}

/* Straight to the SQ.
 *
 * Returns: where to put the SQE */
static inline struct io_uring_sqe *
guring_submission_stage (GuringRing *ring)
{
  struct io_uring_sq *sq = &ring->uring.sq;

  ring->n_staged++;
  ring->backlog.tail++;
  return &sq->sqes[sq->sqe_tail++ & sq->ring_mask];
}

G_END_DECLS
