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

void
guring_registry_add_slot (GuringRegistry *registry)
{
  guint32 index = registry->n_slots;
  GuringOperation *operation;
  guint32 offset;
  guint segment = guring_registry_get_segment (index, &offset);

  if (segment >= GURING_N_SEGMENTS)
    g_error ("More than 4 billion operations at once");

  if (offset == 0)
    __atomic_store_n (&registry->segments[segment], new_segment (segment), __ATOMIC_RELEASE);

  registry->n_slots++;
  operation = &registry->segments[segment][offset];
  operation->index = index;
  operation->next = registry->free;
  registry->free = operation;
}

void
guring_registry_clear (GuringRegistry *registry)
{
  for (guint i = 0; i < GURING_N_SEGMENTS; i++)
    g_clear_pointer (&registry->segments[i], g_aligned_free);
  registry->free = NULL;
  registry->n_slots = 0;
}
