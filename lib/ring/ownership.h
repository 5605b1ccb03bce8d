/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "ring-private.h"

G_BEGIN_DECLS

/* What guring_ownership_acquire() took, for guring_ownership_release(). */
typedef struct
{
  GMainContext *context; /* NULL if the thread owned it before */
  gboolean is_visit;     /* others wait for the end of it */
} GuringOwnership;

gboolean guring_ownership_get (GuringRing *ring, GuringOwnership *ownership, GError **error);
void guring_ownership_settle (GuringRing *ring, GuringOwnership *ownership);
void guring_ownership_give_back (GuringRing *ring, GuringOwnership *ownership);
gsize guring_ownership_enter_callbacks (GuringRing *ring);
void guring_ownership_leave_callbacks (GuringRing *ring, gsize previous);

static inline gsize
guring_ownership_get_thread (void)
{
#ifdef HAVE_THREAD_POINTER
  return (gsize) __builtin_thread_pointer ();
#else
  return (gsize) pthread_self ();
#endif
}

/* Whether this thread is calling back. */
static inline gboolean
guring_ownership_is_in_callback (GuringRing *ring)
{
  return __atomic_load_n (&ring->running, __ATOMIC_RELAXED) == guring_ownership_get_thread () &&
         !guring_fork_guard_is_child (ring->fork_guard);
}

/* Callbacks, which queue most of all operations, run in the owner's thread as it is, so they don't
 * pay for GLib's locks. */
static inline gboolean
guring_ownership_acquire (GuringRing *ring, GuringOwnership *ownership, GError **error)
{
  *ownership = (GuringOwnership){ 0 };

  return guring_ownership_is_in_callback (ring) || guring_ownership_get (ring, ownership, error);
}

/* After guring_ownership_settle() the ring may be gone. */
static inline void
guring_ownership_release (GuringRing *ring, GuringOwnership *ownership)
{
  if (ownership->context != NULL)
    guring_ownership_give_back (ring, ownership);
}

G_END_DECLS
