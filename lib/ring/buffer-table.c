/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The buffer groups that a ring has, by their ids, and what they need to know of the ring's end. */

#include "config.h"

#include <errno.h>

#include "buffer-table.h"

#define N_IDS (G_MAXUINT16 + 1u)

/* Returns: (nullable): @uring must stay until guring_buffer_table_forget_uring() */
GuringBufferTable *
guring_buffer_table_new (struct io_uring *uring, GError **error)
{
  GuringForkGuard *fork_guard = guring_fork_guard_new (error);
  GuringBufferTable *table;

  if (fork_guard == NULL)
    return NULL;

  table = g_new0 (GuringBufferTable, 1);
  pthread_mutex_init (&table->lock, NULL);
  table->fork_guard = fork_guard;
  table->n_references = 1;
  table->uring = uring;
  table->pools = g_ptr_array_new ();
  return table;
}

/* Any thread, and a forked child, which leaves it be: another thread may have held the lock. */
void
guring_buffer_table_unref (GuringBufferTable *table)
{
  gboolean is_last;

  if (guring_fork_guard_is_child (table->fork_guard))
    return;

  pthread_mutex_lock (&table->lock);
  is_last = --table->n_references == 0;
  pthread_mutex_unlock (&table->lock);
  if (!is_last)
    return;

  pthread_mutex_destroy (&table->lock);
  guring_fork_guard_free (table->fork_guard);
  g_ptr_array_unref (table->pools);
  g_free (table);
}

/* The ring is about to close, which unregisters everything. */
void
guring_buffer_table_forget_uring (GuringBufferTable *table)
{
  pthread_mutex_lock (&table->lock);
  table->uring = NULL;
  pthread_mutex_unlock (&table->lock);
}

static guint
get_place (guint16 id)
{
  return G_MAXUINT16 - id;
}

/* From the highest id down, as applications count theirs up. */
static int
register_with_free_id (GuringBufferTable *table, GuringBufferPool *pool)
{
  struct io_uring_buf_reg registration = {
    .ring_addr = (guint64) (guintptr) pool->ring,
    .ring_entries = pool->n_buffers,
  };
  int ret = -EEXIST;

  for (guint place = 0; place < N_IDS && ret == -EEXIST; place++)
    {
      if (place == table->pools->len)
        g_ptr_array_add (table->pools, NULL);
      if (table->pools->pdata[place] != NULL)
        continue;

      registration.bgid = (guint16) (G_MAXUINT16 - place);
      ret = io_uring_register_buf_ring (table->uring, &registration, 0);
    }

  if (ret == 0)
    {
      pool->id = registration.bgid;
      table->pools->pdata[get_place (pool->id)] = pool;
      table->n_references++;
    }
  return ret;
}

/* Gives it an id that neither the ring nor the application has given to another.
 *
 * Returns: 0, or a negated errno */
int
guring_buffer_table_register (GuringBufferTable *table, GuringBufferPool *pool)
{
  int ret;

  pthread_mutex_lock (&table->lock);
  ret = register_with_free_id (table, pool);
  pthread_mutex_unlock (&table->lock);
  return ret;
}

/* With the lock held, in any thread. */
void
guring_buffer_table_unregister (GuringBufferTable *table, GuringBufferPool *pool)
{
  table->pools->pdata[get_place (pool->id)] = NULL;
  if (table->uring != NULL)
    io_uring_unregister_buf_ring (table->uring, pool->id);
}

/* @table: (nullable)
 *
 * Returns: (transfer full) (nullable): NULL for an id that is the application's affair */
GuringBufferPool *
guring_buffer_table_lookup (GuringBufferTable *table, guint16 id)
{
  GuringBufferPool *pool = NULL;

  if (table == NULL)
    return NULL;

  pthread_mutex_lock (&table->lock);
  if (get_place (id) < table->pools->len)
    pool = table->pools->pdata[get_place (id)];
  if (pool != NULL)
    pool->n_references++;
  pthread_mutex_unlock (&table->lock);
  return pool;
}
