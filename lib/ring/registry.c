/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The operations that have an id, index of the slot and generation of its use: their memory. */

#include "config.h"

#include <string.h>

#include "registry.h"

/* Not zeroed: what is not used yet takes no memory from the system. */
static GuringOperation *
new_segment (guint segment)
{
  return g_aligned_alloc ((gsize) GURING_FIRST_SEGMENT << segment, sizeof (GuringOperation),
                          GURING_CACHE_LINE);
}

/* As many as the first segment has, and every other has a multiple of. */
void
guring_registry_add_slots (GuringRegistry *registry)
{
  guint32 offset;
  guint segment = guring_registry_get_segment (registry->n_slots, &offset);
  GuringOperation *slots;

  if (segment >= GURING_N_SEGMENTS)
    g_error ("More than 4 billion operations at once");

  if (offset == 0)
    registry->segments[segment] = new_segment (segment);
  slots = registry->segments[segment] + offset;
  memset (slots, 0, GURING_FIRST_SEGMENT * sizeof *slots);
  for (guint32 i = GURING_FIRST_SEGMENT; i-- > 0;)
    {
      slots[i].index = registry->n_slots + i;
      slots[i].next = registry->free;
      registry->free = &slots[i];
    }
  __atomic_store_n (&registry->n_slots, registry->n_slots + GURING_FIRST_SEGMENT, __ATOMIC_RELEASE);
}

void
guring_registry_clear (GuringRegistry *registry)
{
  for (guint i = 0; i < GURING_N_SEGMENTS; i++)
    g_clear_pointer (&registry->segments[i], g_aligned_free);
  registry->free = NULL;
  registry->n_slots = 0;
}
