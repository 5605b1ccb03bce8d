/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

#include "buffer-pool.h"

G_BEGIN_DECLS

#define GURING_CACHE_LINE 64

typedef struct _GuringOperation GuringOperation;

/* A slot of the registry. It lives in three steps:
 *
 *   free --insert--> live --finish--> finished --release--> free
 *
 * Its id is valid while it is live; finished, it waits for the callbacks that run on it to return.
 */
struct _GuringOperation
{
  GuringCompletionFunc func;
  gpointer user_data;
  GDestroyNotify notify;
  GuringOperation *next;  /* among the free, or among those that failed here */
  GuringBufferPool *pool; /* that it selects from, or NULL */
  guint64 position;       /* in the backlog */
  guint32 generation;     /* odd while live, so that no id matches a slot that is not */
  gint32 failure;         /* negated errno of one that the kernel will never see, else 0 */
  guint32 index;          /* not beside the generation: one load of both would wait for its store */
  guint16 callbacks;      /* that run now: a multishot one's may nest */
  guint8 cancelling;
} __attribute__ ((aligned (GURING_CACHE_LINE)));

G_STATIC_ASSERT (sizeof (GuringOperation) == GURING_CACHE_LINE);

#define GURING_GENERATION_MASK 0x7fffffffu /* the top bit of an id marks its cancellation */
#define GURING_FIRST_SEGMENT 64u
#define GURING_N_SEGMENTS 26

/* Segments of 64, 128, 256, … slots: it grows without moving a slot, so that a callback may hold
 * one, and another thread may look an id up while the owner inserts. */
typedef struct
{
  GuringOperation *segments[GURING_N_SEGMENTS];
  GuringOperation *free;
  guint32 n_slots; /* atomic: what is below is there, for all threads */
} GuringRegistry;

void guring_registry_clear (GuringRegistry *registry);
void guring_registry_add_slots (GuringRegistry *registry);

static inline guint
guring_registry_get_segment (guint32 index, guint32 *offset)
{
  guint64 place = (guint64) index + GURING_FIRST_SEGMENT;
  guint segment = 63 - (guint) __builtin_clzll (place / GURING_FIRST_SEGMENT);

  *offset = (guint32) (place - ((guint64) GURING_FIRST_SEGMENT << segment));
  return segment;
}

/* Any thread: a slot never moves, and is published whole. */
static inline GuringOperation *
guring_registry_get_slot (GuringRegistry *registry, guint32 index)
{
  guint32 offset;
  guint segment;

  if (index >= __atomic_load_n (&registry->n_slots, __ATOMIC_ACQUIRE))
    return NULL;

  segment = guring_registry_get_segment (index, &offset);
  if (segment >= GURING_N_SEGMENTS) /* the compiler does not know that no index is so high */
    __builtin_unreachable ();
  return &registry->segments[segment][offset];
}

/* Any thread; but only the ring's may look into what it returns. */
static inline GuringOperation *
guring_registry_lookup (GuringRegistry *registry, guint64 id)
{
  guint32 generation = (guint32) (id >> 32);
  GuringOperation *operation;

  if ((generation & 1) == 0)
    return NULL;

  operation = guring_registry_get_slot (registry, (guint32) id);
  if (operation == NULL || __atomic_load_n (&operation->generation, __ATOMIC_RELAXED) != generation)
    return NULL;

  return operation;
}

static inline guint64
guring_operation_get_id (const GuringOperation *operation)
{
  return (guint64) operation->generation << 32 | operation->index;
}

static inline gboolean
guring_operation_is_live (const GuringOperation *operation)
{
  return operation->generation & 1;
}

/* Other threads compare generations in guring_registry_lookup(). */
static inline void
guring_operation_next_generation (GuringOperation *operation)
{
  guint32 generation = (operation->generation + 1) & GURING_GENERATION_MASK;

  __atomic_store_n (&operation->generation, generation, __ATOMIC_RELAXED);
}

static inline gboolean
guring_registry_has_free (const GuringRegistry *registry)
{
  return registry->free != NULL;
}

/* Without allocation */
static inline GuringOperation *
guring_registry_insert_free (GuringRegistry *registry)
{
  GuringOperation *operation = registry->free;

  registry->free = operation->next;
  guring_operation_next_generation (operation);
  operation->next = NULL;
  operation->pool = NULL;
  operation->failure = 0;
  operation->cancelling = FALSE;
  return operation;
}

static inline GuringOperation *
guring_registry_insert (GuringRegistry *registry)
{
  if (!guring_registry_has_free (registry))
    guring_registry_add_slots (registry);
  return guring_registry_insert_free (registry);
}

static inline void
guring_registry_finish (GuringOperation *operation)
{
  g_assert (guring_operation_is_live (operation));
  guring_operation_next_generation (operation);
}

static inline void
guring_registry_release (GuringRegistry *registry, GuringOperation *operation)
{
  g_assert (!guring_operation_is_live (operation));
  operation->next = registry->free;
  registry->free = operation;
}

G_END_DECLS
