/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <guring/guring.h>

#include "backlog.h"
#include "buffer-table.h"
#include "fork-guard.h"
#include "registry.h"

G_BEGIN_DECLS

/* An operation's way: queue.c → request.c (may it?) → registry.c (its id) → backlog.c →
 * submission.c → kernel → completion.c → registry.c → the caller's callback.
 * source.c says when. All fields belong to the thread that owns the context, but where noted. */
struct _GuringRing
{
  GObject parent_instance;

  GMainContext *context; /* not owned: the ring closes when it goes; atomic */
  GSource *source;
  GSource *turn_source;     /* while the others have their turn, else NULL */
  pthread_mutex_t visitors; /* threads that don't own the context */
  gsize running;            /* the thread whose callbacks run now, else 0; atomic */
  GuringForkGuard *fork_guard;

  struct io_uring uring;
  dev_t device; /* of its descriptor, like the next */
  ino_t inode;
  guint entries;
  guint cq_entries;
  guint setup_flags;
  guint dispatch_budget;
  guint8 *opcodes;                  /* which of the 256 the kernel has; NULL until somebody asks */
  gboolean uring_shared;            /* the caller may have registered things with it */
  GuringRestrictions *restrictions; /* NULL for none */
  gboolean restricted_by_kernel;

  GuringRegistry registry;
  GuringBacklog backlog;
  guint n_staged;             /* all of the backlog stands in the SQ already, or nothing */
  guint may_stage;            /* so many, 0 when what comes has to wait, or to be looked at */
  GuringBufferTable *buffers; /* NULL until the first group */
  GuringOperation *failed;    /* what the kernel will never see, waiting for its callback */
  GuringOperation **failed_tail;
  GuringStatistics statistics; /* all but cancels, and backlog, which follows from the others */
  guint64 n_cancels;           /* atomic */

  /* Cancellation */
  pthread_mutex_t lock; /* of the next four; not a GMutex, which ThreadSanitizer does not see */
  GArray *requested;    /* ids, from any thread */
  int wake_fd;          /* ends a blocking wait outside of the main loop; -1 until first needed */
  gboolean waiting;     /* in such a wait */
  gint has_requested;   /* atomic: is it worth taking the lock? */
  GArray *cancels;      /* ids to be cancelled with the next submission */
  GArray *unanswered;   /* ids that the kernel could not cancel yet */
  guint n_cancels_in_flight;
  gint64 retry_time;  /* when to try these again, monotonic time in µs */
  gint64 retry_delay; /* µs */

  /* State */
  int broken;          /* errno of an io_uring_enter() that will never work again, else 0 */
  gint closing;        /* takes no more operations; atomic */
  gint closed;         /* has no io_uring any more; atomic */
  gboolean draining;   /* what is in flight had IOSQE_IO_DRAIN: nothing may overtake it */
  gboolean stalled;    /* the kernel had no room: try again soon */
  gboolean yielding;   /* budget spent: let the other sources run */
  gboolean turn_ended; /* by a callback: what it queued is for the next iteration */
  gboolean polling;    /* between prepare and check: the loop may be asleep */
  gboolean foreign;    /* the work that IORING_SQ_TASKRUN stands for: not this thread's */
};

extern GType guring_ring_type; /* 0 until there is a ring */

/* As GURING_IS_RING(), without a call. */
static inline gboolean
guring_ring_is_ring (gconstpointer instance)
{
  return instance != NULL && G_TYPE_FROM_INSTANCE (instance) == guring_ring_type;
}

void guring_ring_set_unusable_error (GuringRing *ring, GError **error);

/* Whether it takes operations. */
static inline gboolean
guring_ring_is_usable (GuringRing *ring, GError **error)
{
  if (G_LIKELY (!ring->closing && ring->broken == 0))
    return TRUE;

  guring_ring_set_unusable_error (ring, error);
  return FALSE;
}

/* To be asked after each callback: it may have closed the ring, or returned in a forked child,
 * which does not have the ring's memory. */
static inline gboolean
guring_ring_is_over (const GuringRing *ring)
{
  return ring->closed || guring_fork_guard_is_child (ring->fork_guard);
}

static inline guint64
guring_ring_get_n_unfinished (const GuringRing *ring)
{
  return ring->statistics.queued - ring->statistics.completed;
}

G_END_DECLS
