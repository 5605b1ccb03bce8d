/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The buffers of a group, on their way from the kernel to whoever holds them and back. */

#include "config.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer-table.h"

static const gchar *
explain (int error_number)
{
  switch (error_number)
    {
    case EINVAL:
      return "the kernel has no rings of provided buffers, which need Linux 5.19";
    case EPERM:
    case EACCES:
    case ENOSYS:
      return "a seccomp filter or security module refuses it: allow io_uring_register in the "
             "container's seccomp profile";
    case ENOMEM:
      return "no memory, or too much of it is locked: raise RLIMIT_MEMLOCK with ulimit -l, or ask "
             "for fewer or smaller buffers";
    case EEXIST:
      return "all 65536 ids of buffer groups are in use: drop some";
    default:
      return "the kernel refuses this buffer group";
    }
}

static void
set_error (GError **error, const gchar *what, int error_number)
{
  GIOErrorEnum code = error_number == EINVAL   ? G_IO_ERROR_NOT_SUPPORTED
                      : error_number == ENOMEM ? G_IO_ERROR_NO_SPACE
                                               : g_io_error_from_errno (error_number);

  g_set_error (error, G_IO_ERROR, (gint) code, "%s: %s: %s", what, g_strerror (error_number),
               explain (error_number));
}

/* A forked child has a private copy of all, and the parent's stays where the kernel knows it: a
 * fork() copies pinned pages for the child at once. */
static gboolean
map (GuringBufferPool *pool, GError **error)
{
  gsize page_size = (gsize) sysconf (_SC_PAGESIZE);
  gsize ring_size = pool->n_buffers * sizeof (struct io_uring_buf);
  guint8 *start;

  ring_size = (ring_size + page_size - 1) & ~(page_size - 1);
  pool->mapped_size = ring_size + pool->n_buffers * pool->buffer_size;
  start =
    mmap (NULL, pool->mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED)
    {
      set_error (error, "Could not map the buffers", errno);
      return FALSE;
    }

  pool->ring = (struct io_uring_buf_ring *) (gpointer) start;
  pool->memory = start + ring_size;
  return TRUE;
}

static guint8 *
get_data (const GuringBufferPool *pool, guint index)
{
  return pool->memory + index * pool->buffer_size;
}

/* With the table's lock held. After the ring's end nobody will look there. */
static void
give_to_kernel (GuringBufferPool *pool, guint index)
{
  io_uring_buf_ring_add (pool->ring, get_data (pool, index), (unsigned) pool->buffer_size,
                         (unsigned short) index, io_uring_buf_ring_mask (pool->n_buffers), 0);
  io_uring_buf_ring_advance (pool->ring, 1);
}

static void
unmap_and_free (GuringBufferPool *pool)
{
  munmap (pool->ring, pool->mapped_size);
  g_free (pool);
}

/* @n_buffers: a power of two */
GuringBufferPool *
guring_buffer_pool_new (GuringBufferTable *table,
                        guint n_buffers,
                        gsize buffer_size,
                        GError **error)
{
  GuringBufferPool *pool =
    g_malloc0 (sizeof (GuringBufferPool) + n_buffers * sizeof (GuringBuffer));
  int ret;

  pool->table = table;
  pool->n_references = 1;
  pool->n_buffers = n_buffers;
  pool->buffer_size = buffer_size;
  if (!map (pool, error))
    {
      g_free (pool);
      return NULL;
    }

  ret = guring_buffer_table_register (table, pool);
  if (ret < 0)
    {
      set_error (error, "Could not register the buffers", -ret);
      unmap_and_free (pool);
      return NULL;
    }

  for (guint i = 0; i < n_buffers; i++)
    {
      pool->buffers[i].pool = pool;
      give_to_kernel (pool, i);
    }
  return pool;
}

/* With the table's lock held, which it releases. */
static void
unref_and_unlock (GuringBufferPool *pool)
{
  GuringBufferTable *table = pool->table;
  gboolean is_last = --pool->n_references == 0;

  if (is_last)
    guring_buffer_table_unregister (table, pool);
  pthread_mutex_unlock (&table->lock);
  if (!is_last)
    return;

  unmap_and_free (pool);
  guring_buffer_table_unref (table);
}

/* Any thread. A forked child leaves it be. */
void
guring_buffer_pool_unref (GuringBufferPool *pool)
{
  if (guring_fork_guard_is_child (pool->table->fork_guard))
    return;

  pthread_mutex_lock (&pool->table->lock);
  unref_and_unlock (pool);
}

/* The end of a GBytes, in any thread, and in forked children. */
static void
return_held (gpointer user_data)
{
  GuringBuffer *buffer = user_data;
  GuringBufferPool *pool = buffer->pool;

  if (guring_fork_guard_is_child (pool->table->fork_guard))
    return;

  pthread_mutex_lock (&pool->table->lock);
  give_to_kernel (pool, (guint) (buffer - pool->buffers));
  pool->n_held--;
  unref_and_unlock (pool);
}

/* A quarter of the buffers stays between kernel and callbacks, or whoever holds on to the others
 * would starve the ring.
 *
 * Returns: whether the buffer may leave for as long as somebody wants it */
static gboolean
hold (GuringBufferPool *pool)
{
  gboolean may;

  pthread_mutex_lock (&pool->table->lock);
  may = pool->n_held < pool->n_buffers * 3 / 4;
  if (may)
    {
      pool->n_held++;
      pool->n_references++;
    }
  pthread_mutex_unlock (&pool->table->lock);
  return may;
}

static void
return_arrived (GuringBufferPool *pool, guint index)
{
  pthread_mutex_lock (&pool->table->lock);
  give_to_kernel (pool, index);
  pthread_mutex_unlock (&pool->table->lock);
}

static guint
get_index (const GuringCompletion *completion)
{
  return completion->flags >> IORING_CQE_BUFFER_SHIFT;
}

static GuringArrival *
find_arrival (GuringBufferPool *pool, const GuringCompletion *completion)
{
  GuringArrival *arrival = pool->table->arrivals;

  while (arrival != NULL && (arrival->pool != pool || arrival->completion->id != completion->id ||
                             arrival->completion->flags != completion->flags))
    arrival = arrival->outer;
  return arrival;
}

/* Returns: (transfer full) (nullable) */
GBytes *
guring_buffer_pool_take_bytes (GuringBufferPool *pool, const GuringCompletion *completion)
{
  guint index = get_index (completion);
  GuringArrival *arrival;
  GBytes *bytes;

  if (completion->res <= 0 || guring_fork_guard_is_child (pool->table->fork_guard))
    return NULL;

  arrival = find_arrival (pool, completion);
  if (arrival == NULL || arrival->taken)
    return NULL;

  arrival->taken = TRUE;
  if (hold (pool))
    return g_bytes_new_with_free_func (get_data (pool, index), (gsize) completion->res, return_held,
                                       &pool->buffers[index]);

  bytes = g_bytes_new (get_data (pool, index), (gsize) completion->res);
  return_arrived (pool, index);
  return bytes;
}

void
guring_arrival_begin (GuringArrival *arrival,
                      GuringBufferPool *pool,
                      const GuringCompletion *completion)
{
  *arrival = (GuringArrival){ pool->table->arrivals, pool, completion, FALSE };
  pool->table->arrivals = arrival;
}

/* What the callback did not take is the kernel's again; unless it has returned in a forked child.
 */
void
guring_arrival_end (GuringArrival *arrival)
{
  GuringBufferPool *pool = arrival->pool;

  pool->table->arrivals = arrival->outer;
  if (!arrival->taken && !guring_fork_guard_is_child (pool->table->fork_guard))
    return_arrived (pool, get_index (arrival->completion));
}
