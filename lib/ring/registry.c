/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The operations that have an id, index of the slot and generation of its use: their memory. */

#include "config.h"

#include "registry.h"

static GuringOperation *
new_segment (guint segment)
{
  return g_aligned_alloc0 ((gsize) GURING_FIRST_SEGMENT << segment, sizeof (GuringOperation),
                           GURING_CACHE_LINE);
}

/* As many as the first segment has, and every other has a multiple of. */
void
guring_registry_add_slots (GuringRegistry *registry)
{
  guint32 index = registry->n_slots + GURING_FIRST_SEGMENT;
  guint32 offset;
  guint segment = guring_registry_get_segment (registry->n_slots, &offset);

  if (segment >= GURING_N_SEGMENTS)
    g_error ("More than 4 billion operations at once");

  if (offset == 0)
    __atomic_store_n (&registry->segments[segment], new_segment (segment), __ATOMIC_RELEASE);

  while (index-- > registry->n_slots)
    {
      GuringOperation *operation = guring_registry_get_slot (registry, index);

      operation->index = index;
      operation->next = registry->free;
      registry->free = operation;
    }
  registry->n_slots += GURING_FIRST_SEGMENT;
}

void
guring_registry_clear (GuringRegistry *registry)
{
  for (guint i = 0; i < GURING_N_SEGMENTS; i++)
    g_clear_pointer (&registry->segments[i], g_aligned_free);
  registry->free = NULL;
  registry->n_slots = 0;
}
