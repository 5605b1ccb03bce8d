/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* First, as liburing needs more of the C library than strict C99 and C11 give. Before 2.15 or so it
 * asked for that itself. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef __GI_SCANNER__ /* which cannot parse its atomics */
#include <liburing.h>
#endif

#include <gio/gio.h>

#include <guring/guring-completion.h>
#include <guring/guring-macros.h>
#include <guring/guring-statistics.h>

G_BEGIN_DECLS

#define GURING_TYPE_RING (guring_ring_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringRing, guring_ring, GURING, RING, GObject)

/**
 * GuringCompletionFunc: (skip)
 * @ring: the ring
 * @completion: what happened; valid during the call
 * @user_data: what was given with the operation
 *
 * Called in the thread that runs the ring's context for each completion of an operation: any
 * number of times for a multishot one, and once with guring_completion_is_final().
 *
 * It may queue, cancel, close the ring, drop the last reference on it or run a nested main loop.
 *
 * Since: 0.1
 */
typedef void (*GuringCompletionFunc) (GuringRing *ring,
                                      const GuringCompletion *completion,
                                      gpointer user_data);

/**
 * GuringRequest: (skip)
 * @sqe: what io_uring_prep_*() prepared; zeroed before that
 * @func: (nullable): called for each completion
 * @user_data: passed to @func
 * @notify: (nullable): frees @user_data after the last call of @func
 *
 * One operation of a chain.
 *
 * Since: 0.1
 */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic" /* liburing's SQE ends with a zero-size array */
typedef struct
{
  struct io_uring_sqe sqe;
  GuringCompletionFunc func;
  gpointer user_data;
  GDestroyNotify notify;
} GuringRequest;
#pragma GCC diagnostic pop

/* Making and finding a ring */

/* On a context, or the thread-default one. */
GURING_AVAILABLE_IN_ALL
GuringRing *guring_ring_new (GMainContext *context, guint entries, GError **error);

/* The one of the thread-default context. */
GURING_AVAILABLE_IN_ALL
GuringRing *guring_ring_get_default (GError **error);

/* One that was made otherwise is that, for a context that has none yet. */
GURING_AVAILABLE_IN_ALL
gboolean guring_ring_make_default (GuringRing *ring, GError **error);

/* Operations */

/* One: any SQE, zeroed and then prepared by io_uring_prep_*(). Its id, 0 on error. */
GURING_AVAILABLE_IN_ALL
guint64 guring_ring_queue (GuringRing *ring,
                           const struct io_uring_sqe *sqe,
                           GuringCompletionFunc func,
                           gpointer user_data,
                           GDestroyNotify notify,
                           GError **error);

/* Several that run one after the other: all or none. */
GURING_AVAILABLE_IN_ALL
gboolean guring_ring_queue_chain (GuringRing *ring,
                                  const GuringRequest *requests,
                                  gsize n_requests,
                                  guint64 *ids,
                                  GError **error);

/* From any thread. The operation still gets its final completion. */
GURING_AVAILABLE_IN_ALL
gboolean guring_ring_cancel (GuringRing *ring, guint64 id);

/* Without a running main loop */

/* Now, and not before the loop sleeps. How many SQEs the kernel took, -1 on error. */
GURING_AVAILABLE_IN_ALL
gint guring_ring_submit (GuringRing *ring, GError **error);

/* Submits, waits if it may, dispatches. How many completions, -1 on error. */
GURING_AVAILABLE_IN_ALL
gint guring_ring_iterate (GuringRing *ring, gboolean may_block, GError **error);

/* The end */

/* Cancels all, waits for the ends of all, detaches. The last g_object_unref() does it too. */
GURING_AVAILABLE_IN_ALL
gboolean guring_ring_close (GuringRing *ring, gint64 timeout_us, GError **error);

/* What it is made of */

/* For its priority and name. */
GURING_AVAILABLE_IN_ALL
GSource *guring_ring_get_source (GuringRing *ring);

/* What it has done. */
GURING_AVAILABLE_IN_ALL
void guring_ring_get_statistics (GuringRing *ring, GuringStatistics *statistics);

/* How many more operations can be in flight now; what is queued beyond waits for others to end. */
GURING_AVAILABLE_IN_ALL
guint guring_ring_get_room (GuringRing *ring);

/* For io_uring_register_*(), and nothing else. */
GURING_AVAILABLE_IN_ALL
struct io_uring *guring_ring_get_uring (GuringRing *ring);

/* Whether the kernel has an IORING_OP_…. */
GURING_AVAILABLE_IN_ALL
gboolean guring_ring_supports (GuringRing *ring, guint8 opcode);

G_END_DECLS
