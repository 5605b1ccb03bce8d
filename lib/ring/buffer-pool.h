/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

typedef struct _GuringBufferTable GuringBufferTable;
typedef struct _GuringBufferPool GuringBufferPool;
typedef struct _GuringArrival GuringArrival;

typedef struct
{
  GuringBufferPool *pool;
} GuringBuffer;

/* The memory of a buffer group. The group, each operation that selects from it, and each GBytes
 * that lies in it hold a reference; the kernel knows it as long as there is one. */
struct _GuringBufferPool
{
  GuringBufferTable *table;
  guint n_references; /* with the table's lock, like n_held and the tail of the ring */
  guint n_held;       /* by GBytes */
  guint16 id;
  guint n_buffers;
  gsize buffer_size;
  gsize mapped_size;
  struct io_uring_buf_ring *ring; /* what the kernel takes from; the buffers stand behind it */
  guint8 *memory;
  GuringBuffer buffers[]; /* what a GBytes has as its user data */
};

/* A completion with a buffer, while its callback runs. They may nest. */
struct _GuringArrival
{
  GuringArrival *outer;
  GuringBufferPool *pool;
  const GuringCompletion *completion;
  gboolean taken;
};

GuringBufferPool *guring_buffer_pool_new (GuringBufferTable *table,
                                          guint n_buffers,
                                          gsize buffer_size,
                                          GError **error);
void guring_buffer_pool_unref (GuringBufferPool *pool);
GBytes *guring_buffer_pool_take_bytes (GuringBufferPool *pool, const GuringCompletion *completion);
void guring_arrival_begin (GuringArrival *arrival,
                           GuringBufferPool *pool,
                           const GuringCompletion *completion);
void guring_arrival_end (GuringArrival *arrival);

G_END_DECLS
