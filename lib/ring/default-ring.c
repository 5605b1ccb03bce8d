/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One ring for each main context that asks for it. */

#include "config.h"

#include "default-ring.h"
#include "environment.h"
#include "ownership.h"
#include "ring-private.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *default_rings; /* GMainContext, not owned → GuringRing, owned */
static guint n_forgotten;         /* rings that it does not have any more; atomic */

/* What the thread asked for last, as most ask for the same again and again: good as long as no ring
 * was forgotten since. */
static _Thread_local struct
{
  GMainContext *context; /* NULL: the default one */
  GuringRing *ring;      /* or NULL; not owned */
  guint n_forgotten;
} last;

/* A forked child finds its parent's ring here, dead. It goes before the child makes its own, which
 * may get the same descriptor number. */
static void
drop_dead (GMainContext *context)
{
  GuringRing *dead = NULL;

  pthread_mutex_lock (&lock);
  if (default_rings != NULL)
    dead = g_hash_table_lookup (default_rings, context);
  if (dead != NULL && guring_fork_guard_is_child (dead->fork_guard))
    {
      g_hash_table_remove (default_rings, context);
      g_atomic_int_inc (&n_forgotten);
    }
  else
    dead = NULL;
  pthread_mutex_unlock (&lock);

  g_clear_object (&dead);
}

static void
lock_default_rings (void)
{
  pthread_mutex_lock (&lock);
}

static void
unlock_default_rings (void)
{
  pthread_mutex_unlock (&lock);
}

/* Locked. A child must not find the lock held by a thread that it does not have. */
static void
make_default_rings (void)
{
  default_rings = g_hash_table_new (NULL, NULL);
  pthread_atfork (lock_default_rings, unlock_default_rings, unlock_default_rings);
}

/* Returns: the thread-default context, or %NULL where GLib would abort if asked for it */
static GMainContext *
ref_context (GError **error)
{
  static gint has_default_context;

  if (g_main_context_get_thread_default () == NULL && !g_atomic_int_get (&has_default_context))
    {
      if (!guring_environment_has_descriptor (error))
        return NULL;
      g_atomic_int_set (&has_default_context, TRUE);
    }
  return g_main_context_ref_thread_default ();
}

/* Returns: the ring that there was the last time, or %NULL if that is not sure */
static GuringRing *
get_last (GMainContext *context)
{
  if (last.ring != NULL && last.context == context &&
      last.n_forgotten == (guint) g_atomic_int_get (&n_forgotten) &&
      !guring_fork_guard_is_child (last.ring->fork_guard))
    return last.ring;
  return NULL;
}

/* Returns: (transfer full): the context's ring, made if need be */
static GuringRing *
look_up (GMainContext *context, GError **error)
{
  GuringRing *ring;

  pthread_mutex_lock (&lock);
  if (default_rings == NULL)
    make_default_rings ();
  ring = g_hash_table_lookup (default_rings, context);
  if (ring == NULL)
    {
      ring = guring_ring_new (context, 0, error);
      if (ring != NULL)
        g_hash_table_insert (default_rings, context, ring);
    }
  if (ring != NULL)
    g_object_ref (ring);
  pthread_mutex_unlock (&lock);

  return ring;
}

static void
remember (GuringRing *ring, guint n_forgotten_before)
{
  last.context = g_main_context_get_thread_default ();
  last.ring = ring;
  last.n_forgotten = n_forgotten_before;
}

static GuringRing *
get (GError **error)
{
  g_autoptr (GMainContext) context = ref_context (error);
  g_autoptr (GuringRing) ring = NULL;
  guint n_forgotten_before;
  GuringOwnership ownership;

  if (context == NULL)
    return NULL;

  drop_dead (context);
  n_forgotten_before = (guint) g_atomic_int_get (&n_forgotten);
  ring = look_up (context, error);
  if (ring == NULL || !guring_ownership_acquire (ring, &ownership, error))
    return NULL;

  guring_ownership_release (ring, &ownership);
  remember (ring, n_forgotten_before);
  return ring;
}

/**
 * guring_ring_get_default:
 * @error: return location for the error
 *
 * Gets the ring of the calling thread's thread-default main context, making it at the first call.
 * It lives as long as the context, or until it is closed; the next call then makes another. In a
 * forked child the first call makes a ring of the child's own.
 *
 * A thread without a context of its own, while another thread runs the default one, gets
 * %G_IO_ERROR_BUSY: that ring is not for it to use.
 *
 * Returns: (transfer none): the ring, or %NULL with %G_IO_ERROR_BUSY or the errors of
 *   guring_ring_new()
 *
 * Since: 0.1
 */
GuringRing *
guring_ring_get_default (GError **error)
{
  GuringRing *ring;

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  ring = get_last (g_main_context_get_thread_default ());
  return ring != NULL ? ring : get (error);
}

/* Returns: whether @ring is the default one of its context now */
static gboolean
insert (GuringRing *ring)
{
  GuringRing *present;

  pthread_mutex_lock (&lock);
  if (default_rings == NULL)
    make_default_rings ();
  present = g_hash_table_lookup (default_rings, ring->context);
  if (present == NULL)
    g_hash_table_insert (default_rings, ring->context, g_object_ref (ring));
  pthread_mutex_unlock (&lock);

  return present == NULL || present == ring;
}

/**
 * guring_ring_make_default:
 * @ring: a ring
 * @error: return location for the error
 *
 * Makes a ring the default one of its main context, where that has none yet: for programs whose
 * calls in the idioms of GIO need another than guring_ring_get_default() would make, such as a
 * server with more than 4096 idle connections (#GuringRing:cq-entries). What the
 * #GuringRing:restrictions forbid is done without the ring.
 *
 * The context keeps a reference, until the ring is closed or the context ends.
 *
 * To be called by the thread that owns the ring's context, or by any while none does; before
 * anything there asks for the default ring.
 *
 * Returns: %TRUE if it is the default ring, also if it was before; %FALSE with %G_IO_ERROR_EXISTS
 *   if another is, %G_IO_ERROR_CLOSED (closed, or in a forked child), %G_IO_ERROR_BUSY (another
 *   thread owns the context), or what io_uring_enter() failed with for good
 *
 * Since: 0.1
 */
gboolean
guring_ring_make_default (GuringRing *ring, GError **error)
{
  GuringOwnership ownership;
  gboolean is_default = FALSE;

  g_return_val_if_fail (GURING_IS_RING (ring), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!guring_ownership_acquire (ring, &ownership, error))
    return FALSE;

  if (guring_ring_is_usable (ring, error))
    {
      drop_dead (ring->context);
      is_default = insert (ring);
      if (!is_default)
        g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                             "The ring's main context has another default ring; make this one the "
                             "default before anything asks for that");
    }

  guring_ownership_release (ring, &ownership);
  return is_default;
}

static gboolean
is_ring (gpointer context, gpointer ring, gpointer forgotten)
{
  return ring == forgotten;
}

/* When @ring is closed: its context may be gone, and a new one come to the same address. */
void
guring_default_ring_forget (GuringRing *ring)
{
  gboolean was_default = FALSE;

  pthread_mutex_lock (&lock);
  if (default_rings != NULL)
    was_default = g_hash_table_foreach_steal (default_rings, is_ring, ring) > 0;
  if (was_default)
    g_atomic_int_inc (&n_forgotten);
  pthread_mutex_unlock (&lock);

  if (was_default)
    g_object_unref (ring);
}
