/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

/* Where in its chain; an operation that is in none is both. */
typedef enum
{
  GURING_REQUEST_FIRST = 1 << 0,
  GURING_REQUEST_LAST = 1 << 1
} GuringRequestPlace;

gboolean guring_request_is_valid (GuringRing *ring,
                                  const struct io_uring_sqe *sqe,
                                  GuringCompletionFunc func,
                                  GuringRequestPlace place,
                                  GError **error);
gboolean guring_requests_are_valid (GuringRing *ring,
                                    const GuringRequest *requests,
                                    gsize n_requests,
                                    GError **error);

G_END_DECLS
