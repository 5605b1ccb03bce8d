/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The GSource: decides when the ring submits and dispatches. */

#include "config.h"

#include <errno.h>

#include "close.h"
#include "completion.h"
#include "dispatch.h"
#include "ring-private.h"
#include "source.h"
#include "submission.h"

typedef struct
{
  GSource parent;
  GuringRing *ring; /* not owned; NULL once the ring is closed */
  GPollFD poll;
} GuringSource;

/* In a forked child: dispatch removes the source. */
static gboolean
is_orphan (const GuringSource *self)
{
  return self->ring == NULL || guring_fork_guard_is_child (self->ring->fork_guard);
}

static gint
get_timeout (GuringRing *ring)
{
  gint64 retry_time = guring_submission_get_retry_time (ring);

  if (retry_time < 0)
    return -1;
  return (gint) (MAX (retry_time - g_get_monotonic_time (), 0) / 1000) + 1;
}

static gboolean
guring_source_prepare (GSource *source, gint *timeout)
{
  GuringSource *self = (GuringSource *) source;
  GuringRing *ring = self->ring;

  *timeout = 0;
  if (is_orphan (self))
    return TRUE;

  ring->polling = FALSE;
  guring_submission_flush (ring);
  if (ring->yielding)
    return FALSE;
  if (guring_completion_is_ready (ring)) /* much completes inside the submit call */
    return TRUE;

  *timeout = get_timeout (ring);
  ring->polling = TRUE;
  return FALSE;
}

static void
stop_polling_when_broken (GuringSource *self)
{
  GuringRing *ring = self->ring;

  if (self->poll.revents & G_IO_NVAL)
    guring_submission_break_down (ring, EBADF);
  if (guring_completion_is_false_alarm (ring, self->poll.revents))
    {
      g_source_remove_poll (&self->parent, &self->poll);
      self->poll.revents = 0;
    }
}

static gboolean
guring_source_check (GSource *source)
{
  GuringSource *self = (GuringSource *) source;
  GuringRing *ring = self->ring;

  if (is_orphan (self))
    return TRUE;

  ring->polling = FALSE;
  stop_polling_when_broken (self);
  if (ring->yielding)
    {
      ring->yielding = FALSE;
      return FALSE;
    }
  return guring_completion_is_ready (ring) || self->poll.revents != 0;
}

static gboolean
on_nobody_else (gpointer user_data)
{
  GuringSource *self = user_data;

  if (!is_orphan (self))
    g_clear_pointer (&self->ring->turn_source, g_source_unref);
  return G_SOURCE_REMOVE;
}

/* A source of lower priority runs only in an iteration in which this one is not ready: it skips the
 * next. Where no other has something to do, the iteration shall still count as one that did, for
 * those who iterate until nothing is pending. */
static void
yield (GuringRing *ring)
{
  ring->yielding = TRUE;
  if (ring->turn_source != NULL)
    return;

  ring->turn_source = g_idle_source_new ();
  g_source_set_priority (ring->turn_source, G_MAXINT);
  g_source_set_static_name (ring->turn_source, "GuringRing's turn for others");
  g_source_set_callback (ring->turn_source, on_nobody_else, g_source_ref (ring->source),
                         (GDestroyNotify) g_source_unref);
  g_source_attach (ring->turn_source, ring->context);
}

static gboolean
guring_source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  GuringSource *self = (GuringSource *) source;
  GuringRing *ring = self->ring;
  GuringTurn turn;

  if (is_orphan (self))
    return G_SOURCE_REMOVE;

  turn = (GuringTurn){ .budget = ring->dispatch_budget };
  g_object_ref (ring);
  guring_dispatch_drain (ring, &turn);

  if (turn.budget == 0 && !guring_ring_is_over (ring))
    yield (ring);
  g_object_unref (ring);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs guring_source_funcs = {
  .prepare = guring_source_prepare,
  .check = guring_source_check,
  .dispatch = guring_source_dispatch,
};

static gboolean
never_called (gpointer user_data)
{
  g_return_val_if_reached (G_SOURCE_REMOVE);
}

/* The context is going, or somebody destroyed the source. During a dispatch GLib holds this back to
 * its end, and by then the ring may be gone. */
static void
on_destroyed (gpointer user_data)
{
  GuringRing *ring = ((GuringSource *) user_data)->ring;

  if (ring != NULL)
    guring_close_source_destroyed (ring);
}

/* With g_source_add_unix_fd() a readable ring would be dispatched whatever check said, and never
 * yield.
 *
 * Without can_recurse GMainContext takes the fd out of its poll set and puts it back around each
 * dispatch, with two system calls; and nested main loops could not run the ring.
 *
 * The callback's notify hears of the end of the context, which destroys its sources. A finalize
 * function would not: the ring holds a reference on the source. */
GSource *
guring_source_new (GuringRing *ring)
{
  GSource *source = g_source_new (&guring_source_funcs, sizeof (GuringSource));
  GuringSource *self = (GuringSource *) source;

  self->ring = ring;
  self->poll = (GPollFD){ ring->uring.ring_fd, G_IO_IN, 0 };
  g_source_add_poll (source, &self->poll);
  g_source_set_static_name (source, "GuringRing");
  g_source_set_can_recurse (source, TRUE);
  g_source_set_callback (source, never_called, source, on_destroyed);
  return source;
}

/* A context that goes takes itself out of its sources, and then destroys all that nobody else has
 * destroyed in between: those it would never unref (GLib 2.74). */
static void
destroy (GSource *source)
{
  if (!g_source_is_destroyed (source) && g_source_get_context (source) != NULL)
    g_source_destroy (source);
}

/* From here on the source knows nothing of the ring. */
void
guring_source_detach (GSource *source)
{
  GuringSource *self = (GuringSource *) source;
  GuringRing *ring = g_steal_pointer (&self->ring);

  if (ring->turn_source != NULL)
    destroy (ring->turn_source);
  g_clear_pointer (&ring->turn_source, g_source_unref);
  destroy (source);
}

/* In a forked child, which may not be able to take GLib's locks, not even for g_source_unref(): the
 * source removes itself when the child runs its context. */
void
guring_source_forget (GuringRing *ring)
{
  ((GuringSource *) ring->source)->ring = NULL;
  ring->source = NULL;
  ring->turn_source = NULL;
}
