/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may touch a ring: the thread that owns its context, or any while none does. */

#include "config.h"

#include <pthread.h>

#include "ownership.h"

static gboolean
fail_closed (GError **error, const gchar *message)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, message);
  return FALSE;
}

/* While nobody owns the context, threads may meet here: each visits alone. */
static gboolean
visit (GuringRing *ring, GMainContext *context, GuringOwnership *ownership, GError **error)
{
  pthread_mutex_lock (&ring->visitors);
  if (!g_main_context_acquire (context))
    {
      pthread_mutex_unlock (&ring->visitors);
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                           "Another thread runs the ring's main context; call from there, for "
                           "example through g_main_context_invoke()");
      return FALSE;
    }

  ownership->context = g_main_context_ref (context);
  ownership->is_visit = TRUE;
  return TRUE;
}

gboolean
guring_ownership_get (GuringRing *ring, GuringOwnership *ownership, GError **error)
{
  GMainContext *context;

  if (guring_fork_guard_is_child (ring->fork_guard))
    return fail_closed (error, "The ring belongs to the parent process; make one of your own "
                               "after fork()");

  context = g_atomic_pointer_get (&ring->context);
  if (context == NULL)
    return fail_closed (error, "The ring is closed");

  return g_main_context_is_owner (context) || visit (ring, context, ownership, error);
}

/* Before callbacks run: from here on the thread owns the context like any other that does, and
 * others don't wait for it. */
void
guring_ownership_settle (GuringRing *ring, GuringOwnership *ownership)
{
  if (ownership->is_visit)
    pthread_mutex_unlock (&ring->visitors);
  ownership->is_visit = FALSE;
}

void
guring_ownership_give_back (GuringRing *ring, GuringOwnership *ownership)
{
  g_main_context_release (ownership->context);
  guring_ownership_settle (ring, ownership);
  g_main_context_unref (ownership->context);
}

gsize
guring_ownership_enter_callbacks (GuringRing *ring)
{
  gsize previous = ring->running;

  __atomic_store_n (&ring->running, guring_ownership_get_thread (), __ATOMIC_RELAXED);
  return previous;
}

void
guring_ownership_leave_callbacks (GuringRing *ring, gsize previous)
{
  __atomic_store_n (&ring->running, previous, __ATOMIC_RELAXED);
}
