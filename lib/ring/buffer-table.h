/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <pthread.h>

#include "buffer-pool.h"
#include "fork-guard.h"

G_BEGIN_DECLS

/* The buffer groups of a ring. The ring and each pool hold a reference, so that what outlives the
 * ring knows of its end. */
struct _GuringBufferTable
{
  pthread_mutex_t lock; /* of all here and in the pools, but arrivals */
  GuringForkGuard *fork_guard;
  guint n_references;
  struct io_uring *uring;  /* NULL once the ring is closed */
  GPtrArray *pools;        /* not owned; from the highest id down, NULL where it is not used here */
  GuringArrival *arrivals; /* the innermost; of the ring's thread */
};

GuringBufferTable *guring_buffer_table_new (struct io_uring *uring, GError **error);
void guring_buffer_table_unref (GuringBufferTable *table);
void guring_buffer_table_forget_uring (GuringBufferTable *table);
int guring_buffer_table_register (GuringBufferTable *table, GuringBufferPool *pool);
void guring_buffer_table_unregister (GuringBufferTable *table, GuringBufferPool *pool);
GuringBufferPool *guring_buffer_table_lookup (GuringBufferTable *table, guint16 id);

G_END_DECLS
