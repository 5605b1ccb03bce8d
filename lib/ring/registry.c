/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The operations that have an id: index of the slot and generation of its use. */

#include "config.h"

#include "registry.h"

static GuringOperation *
add_slot (GuringRegistry *registry)
{
  guint32 index = registry->n_slots;
  GuringOperation *operation;
  guint32 offset;
  guint segment = guring_registry_get_segment (index, &offset);

  if (segment >= GURING_N_SEGMENTS)
    g_error ("More than 4 billion operations at once");

  if (offset == 0)
    __atomic_store_n (&registry->segments[segment],
                      g_new0 (GuringOperation, (gsize) GURING_FIRST_SEGMENT << segment),
                      __ATOMIC_RELEASE);

  registry->n_slots++;
  operation = &registry->segments[segment][offset];
  operation->index = index;
  return operation;
}

/* Other threads compare generations in guring_registry_lookup(). */
static void
next_generation (GuringOperation *operation)
{
  guint32 generation = (operation->generation + 1) & GURING_GENERATION_MASK;

  __atomic_store_n (&operation->generation, generation, __ATOMIC_RELAXED);
}

GuringOperation *
guring_registry_insert (GuringRegistry *registry)
{
  GuringOperation *operation = registry->free;

  if (operation != NULL)
    registry->free = operation->next;
  else
    operation = add_slot (registry);

  next_generation (operation);
  operation->next = NULL;
  operation->pool = NULL;
  operation->failure = 0;
  operation->cancelling = FALSE;
  return operation;
}

void
guring_registry_finish (GuringOperation *operation)
{
  g_assert (guring_operation_is_live (operation));
  next_generation (operation);
}

void
guring_registry_release (GuringRegistry *registry, GuringOperation *operation)
{
  g_assert (!guring_operation_is_live (operation));
  operation->next = registry->free;
  registry->free = operation;
}

void
guring_registry_clear (GuringRegistry *registry)
{
  for (guint i = 0; i < GURING_N_SEGMENTS; i++)
    g_clear_pointer (&registry->segments[i], g_free);
  registry->free = NULL;
  registry->n_slots = 0;
}
