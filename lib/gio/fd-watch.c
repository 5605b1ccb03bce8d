/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Waiting for descriptors: one poll operation a watch, armed again after each callback, which makes
 * it level-triggered. The kernel holds on to the file and not to its number.
 *
 * What nobody reads from is ready again at once, for as long as the ring's turn is. After a few
 * calls in the same iteration of the loop the watch waits for the next. */

#include "config.h"

#include <guring/guring.h>

#define MAX_CALLS 8 /* in an iteration */

struct _GuringFdWatch
{
  GuringRing *ring;     /* not owned: it ends the operation before it goes */
  GSource *ring_source; /* tells whether there still is a ring */
  guint64 id;           /* of the operation, 0 while there is none */
  GSource *source; /* in place of it: without io_uring, or room in it, or until the next turn */

  gint64 iteration; /* of the loop, by its time */
  guint n_calls;    /* in that */

  gint fd;
  GIOCondition condition;
  GUnixFDSourceFunc func;
  gpointer user_data;
  GDestroyNotify notify;

  gboolean in_callback;
  gboolean destroyed;
};

static void
notify_once (GuringFdWatch *watch)
{
  GDestroyNotify notify = g_steal_pointer (&watch->notify);

  if (notify != NULL)
    notify (watch->user_data);
}

/* It may still have an operation, whose completion then frees it. */
static void
free_if_unused (GuringFdWatch *watch)
{
  if (!watch->destroyed || watch->in_callback)
    return;

  notify_once (watch);
  if (watch->id != 0)
    return;

  g_clear_pointer (&watch->ring_source, g_source_unref);
  g_free (watch);
}

static gboolean
call_back (GuringFdWatch *watch, GIOCondition condition)
{
  gboolean keep;

  watch->in_callback = TRUE;
  keep = watch->func (watch->fd, condition, watch->user_data);
  watch->in_callback = FALSE;
  return keep && !watch->destroyed;
}

static void go_on (GuringFdWatch *watch);

/* The operation tells what was once; what is now may be less, if somebody has read in between. */
static GIOCondition
get_condition (GuringFdWatch *watch)
{
  GPollFD fd = { watch->fd, (gushort) watch->condition, 0 };

  return g_poll (&fd, 1, 0) > 0 ? fd.revents : 0;
}

static gboolean
is_closing (GuringRing *ring)
{
  g_autoptr (GError) error = NULL;

  return guring_ring_submit (ring, &error) < 0 &&
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED);
}

/* Anybody may queue an IORING_OP_ASYNC_CANCEL. */
static void
on_ready (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  GuringFdWatch *watch = user_data;
  GIOCondition condition;

  watch->id = 0;
  if (!watch->destroyed && (completion->res != -ECANCELED || !is_closing (ring)))
    {
      condition = get_condition (watch);
      if (condition == 0 || call_back (watch, condition))
        go_on (watch);
      else
        watch->destroyed = TRUE;
    }
  free_if_unused (watch);
}

static gboolean
arm (GuringFdWatch *watch, GError **error)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_poll_add (&sqe, watch->fd, watch->condition);
  watch->id = guring_ring_queue (watch->ring, &sqe, on_ready, watch, NULL, error);
  return watch->id != 0;
}

/* Without the ring */

static gboolean
on_fd_ready (gint fd, GIOCondition condition, gpointer user_data)
{
  GuringFdWatch *watch = user_data;

  if (call_back (watch, condition))
    return G_SOURCE_CONTINUE;

  watch->destroyed = TRUE;
  g_clear_pointer (&watch->source, g_source_unref);
  free_if_unused (watch);
  return G_SOURCE_REMOVE;
}

/* A ring that is closed is not: to arm tells. */
static gboolean
is_full (GuringRing *ring)
{
  return guring_ring_get_room (ring) == 0 && guring_ring_supports (ring, IORING_OP_POLL_ADD);
}

static GMainContext *
get_context (GuringFdWatch *watch)
{
  if (watch->ring == NULL)
    return g_main_context_ref_thread_default ();
  return g_main_context_ref (g_source_get_context (guring_ring_get_source (watch->ring)));
}

static void
attach_source (GuringFdWatch *watch)
{
  g_autoptr (GMainContext) context = get_context (watch);

  watch->source = g_unix_fd_source_new (watch->fd, watch->condition);
  g_source_set_static_name (watch->source, "GuringFdWatch");
  g_source_set_callback (watch->source, G_SOURCE_FUNC (on_fd_ready), watch, NULL);
  g_source_attach (watch->source, context);
}

static gboolean
on_next_turn (gpointer user_data)
{
  GuringFdWatch *watch = user_data;

  g_clear_pointer (&watch->source, g_source_unref);
  go_on (watch);
  return G_SOURCE_REMOVE;
}

static void
go_on_later (GuringFdWatch *watch)
{
  watch->source = g_idle_source_new ();
  g_source_set_priority (watch->source, g_source_get_priority (watch->ring_source));
  g_source_set_static_name (watch->source, "GuringFdWatch's next turn");
  g_source_set_callback (watch->source, on_next_turn, watch, NULL);
  g_source_attach (watch->source, g_source_get_context (watch->ring_source));
}

static gboolean
has_had_its_turn (GuringFdWatch *watch)
{
  gint64 iteration = g_source_get_time (watch->ring_source);

  if (watch->iteration != iteration)
    watch->n_calls = 0;
  watch->iteration = iteration;
  return ++watch->n_calls >= MAX_CALLS;
}

/* The callback may have closed the ring, or taken the room that its watch had; and a ring may take
 * nothing any more. */
static void
go_on (GuringFdWatch *watch)
{
  if (g_source_is_destroyed (watch->ring_source))
    return;

  if (is_full (watch->ring))
    attach_source (watch);
  else if (has_had_its_turn (watch))
    go_on_later (watch);
  else if (!arm (watch, NULL) && !is_closing (watch->ring))
    attach_source (watch);
}

/**
 * guring_fd_watch_new: (skip)
 * @ring: (nullable): the ring; %NULL for the default one of the thread-default main context, or,
 *   without io_uring, for a source in that context
 * @fd: the descriptor; closing it does not end the watch
 * @condition: what to wait for
 * @func: called in the context's thread whenever @fd is ready; what it returns says whether the
 * watch goes on (%G_SOURCE_CONTINUE) or is destroyed (%G_SOURCE_REMOVE). It may destroy the watch
 * itself
 * @user_data: passed to @func
 * @notify: (nullable): frees @user_data when the watch is destroyed
 * @error: return location for the error
 *
 * Watches a descriptor: level-triggered, as g_unix_fd_source_new() does it. Errors and hang-ups are
 * always told, and a descriptor that is not open as %G_IO_NVAL. When the ring is closed the watch
 * waits no more, and is still to be destroyed.
 *
 * To be called by the thread that owns the ring's context, or by any while none does.
 *
 * Returns: (transfer none) (nullable): the watch, to be destroyed with guring_fd_watch_destroy() or
 *   by @func; %NULL with the errors of guring_ring_queue()
 *
 * Since: 0.1
 */
GuringFdWatch *
guring_fd_watch_new (GuringRing *ring,
                     gint fd,
                     GIOCondition condition,
                     GUnixFDSourceFunc func,
                     gpointer user_data,
                     GDestroyNotify notify,
                     GError **error)
{
  GuringFdWatch *watch;

  g_return_val_if_fail (ring == NULL || GURING_IS_RING (ring), NULL);
  g_return_val_if_fail (func != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  watch = g_new0 (GuringFdWatch, 1);
  watch->ring = ring != NULL ? ring : guring_ring_get_default (NULL);
  if (watch->ring != NULL && guring_ring_get_source (watch->ring) != NULL)
    watch->ring_source = g_source_ref (guring_ring_get_source (watch->ring));
  watch->fd = fd;
  watch->condition = condition;
  watch->func = func;
  watch->user_data = user_data;
  watch->notify = notify;

  if (watch->ring == NULL || is_full (watch->ring))
    attach_source (watch);
  else if (!arm (watch, error))
    {
      g_clear_pointer (&watch->ring_source, g_source_unref);
      g_clear_pointer (&watch, g_free);
    }
  return watch;
}

/**
 * guring_fd_watch_destroy: (skip)
 * @watch: (transfer full): the watch
 *
 * Ends a watch: its callback is not called again, its user data is freed (when the callback has
 * returned, if it runs), and the descriptor may be closed at once. The pointer is invalid from here
 * on.
 *
 * To be called by the thread that owns the ring's context, or by any while none does.
 *
 * Since: 0.1
 */
void
guring_fd_watch_destroy (GuringFdWatch *watch)
{
  g_return_if_fail (watch != NULL);
  g_return_if_fail (!watch->destroyed);

  watch->destroyed = TRUE;
  if (watch->source != NULL)
    g_source_destroy (watch->source);
  if (!watch->in_callback)
    g_clear_pointer (&watch->source, g_source_unref);
  if (watch->id != 0)
    guring_ring_cancel (watch->ring, watch->id);
  free_if_unused (watch);
}
