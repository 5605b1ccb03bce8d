/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may touch a ring: the thread that owns its context, or any while none does. */

#include "config.h"

#include <pthread.h>

#include "ownership.h"
#include "ring-private.h"

static gboolean
fail_closed (GError **error, const gchar *message)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, message);
  return FALSE;
}

/* On success, what it set @acquired to goes to guring_ownership_release().
 *
 * g_main_context_acquire() takes a mutex; callbacks, which queue most of all operations, run in the
 * owner's thread as it is, so they don't pay for it. */
gboolean
guring_ownership_acquire (GuringRing *ring, GMainContext **acquired, GError **error)
{
  GMainContext *context;

  *acquired = NULL;

  if (guring_fork_guard_is_child (ring->fork_guard))
    return fail_closed (error, "The ring belongs to the parent process; make one of your own "
                               "after fork()");

  if (__atomic_load_n (&ring->running, __ATOMIC_RELAXED) == (gsize) pthread_self ())
    return TRUE;

  context = g_atomic_pointer_get (&ring->context);
  if (context == NULL)
    return fail_closed (error, "The ring is closed");

  if (!g_main_context_acquire (context))
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                           "Another thread runs the ring's main context; call from there, for "
                           "example through g_main_context_invoke()");
      return FALSE;
    }

  *acquired = g_main_context_ref (context);
  return TRUE;
}

void
guring_ownership_release (GMainContext *acquired)
{
  if (acquired != NULL)
    {
      g_main_context_release (acquired);
      g_main_context_unref (acquired);
    }
}

gsize
guring_ownership_enter_callbacks (GuringRing *ring)
{
  gsize previous = ring->running;

  __atomic_store_n (&ring->running, (gsize) pthread_self (), __ATOMIC_RELAXED);
  return previous;
}

void
guring_ownership_leave_callbacks (GuringRing *ring, gsize previous)
{
  __atomic_store_n (&ring->running, previous, __ATOMIC_RELAXED);
}
