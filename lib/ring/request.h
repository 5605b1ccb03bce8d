/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "ring-private.h"

G_BEGIN_DECLS

/* Where in its chain; an operation that is in none is both. */
typedef enum
{
  GURING_REQUEST_FIRST = 1 << 0,
  GURING_REQUEST_LAST = 1 << 1
} GuringRequestPlace;

guint8 guring_request_get_link_flags (const struct io_uring_sqe *sqe, GuringRequestPlace place);
gboolean guring_request_is_allowed (GuringRing *ring,
                                    const struct io_uring_sqe *sqe,
                                    GuringCompletionFunc func,
                                    GuringRequestPlace place,
                                    GError **error);
gboolean guring_requests_are_valid (GuringRing *ring,
                                    const GuringRequest *requests,
                                    gsize n_requests,
                                    GError **error);

/* What most are: with nothing in it that a rule speaks of. */
static inline gboolean
guring_request_is_plain (const struct io_uring_sqe *sqe, GuringCompletionFunc func)
{
  return (sqe->flags & (guint8) ~(IOSQE_FIXED_FILE | IOSQE_ASYNC)) == 0 &&
         (sqe->user_data | sqe->__pad2[0] | sqe->personality) == 0 && func != NULL &&
         sqe->opcode != IORING_OP_POLL_ADD && sqe->opcode != IORING_OP_POLL_REMOVE &&
         sqe->opcode != IORING_OP_LINK_TIMEOUT;
}

static inline gboolean
guring_request_is_valid (GuringRing *ring,
                         const struct io_uring_sqe *sqe,
                         GuringCompletionFunc func,
                         GuringRequestPlace place,
                         GError **error)
{
  return (guring_request_is_plain (sqe, func) && ring->restrictions == NULL) ||
         guring_request_is_allowed (ring, sqe, func, place, error);
}

G_END_DECLS
