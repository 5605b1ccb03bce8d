/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The public object of a pool of buffers. */

#include "config.h"

#include "buffer-table.h"
#include "ownership.h"
#include "restrictions.h"
#include "ring-private.h"

#define MAX_BUFFERS 32768u /* of the kernel, see io_uring_register(2) */

/**
 * GuringBufferGroup: (skip)
 *
 * Buffers from which the kernel takes one when there is something to receive, so that thousands of
 * idle connections need none. Any operation can select from it: recv, recvmsg and their multishot
 * kinds, read. What it received comes as #GBytes, without a copy; their buffer returns to the group
 * with the last g_bytes_unref(), in any thread.
 *
 * |[<!-- language="C" -->
 * static void
 * receive (Connection *connection)
 * {
 *   struct io_uring_sqe sqe = { 0 };
 *
 *   io_uring_prep_recv_multishot (&sqe, connection->fd, NULL, 0, 0);
 *   io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
 *   sqe.buf_group = guring_buffer_group_get_id (connection->group);
 *   guring_ring_queue (connection->ring, &sqe, on_received, connection, NULL, NULL);
 * }
 *
 * static void
 * on_received (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
 * {
 *   Connection *connection = user_data;
 *   g_autoptr (GBytes) bytes = guring_buffer_group_take_bytes (connection->group, completion);
 *
 *   if (bytes != NULL)
 *     process (connection, bytes); // may keep them
 *   if (!guring_completion_is_final (completion))
 *     return;
 *
 *   if (completion->res > 0 || completion->res == -ENOBUFS)
 *     receive (connection); // the kernel ended it, or outran us: go on
 *   else
 *     hang_up (connection, completion->res);
 * }
 * ]|
 *
 * Running dry: #GBytes may be kept for as long as you like. When they hold three quarters of the
 * buffers, the next ones are copies. So nobody starves the group, but the kernel may fill all that
 * is left before the callbacks see the first: then an operation ends with `-ENOBUFS`. Nothing was
 * received by it and nothing is lost; queue it again, as above.
 *
 * A buffer that no callback takes is the kernel's again after the callback.
 *
 * The group may be dropped, and the ring closed, at any time: operations in flight and #GBytes keep
 * what they need. In a forked child the #GBytes are there too.
 *
 * Not for `IORING_RECVSEND_BUNDLE`, which fills several buffers for one completion:
 * guring_ring_queue() refuses it with a group of this kind. Buffer rings that the application
 * registers by itself (guring_ring_get_uring()) are its own affair.
 *
 * Since: 0.1
 */
struct _GuringBufferGroup
{
  GObject parent_instance;

  GuringBufferPool *pool;
};

G_DEFINE_FINAL_TYPE (GuringBufferGroup, guring_buffer_group, G_TYPE_OBJECT)

static void
guring_buffer_group_init (GuringBufferGroup *group)
{
}

static void
guring_buffer_group_finalize (GObject *object)
{
  GuringBufferGroup *group = GURING_BUFFER_GROUP (object);

  g_clear_pointer (&group->pool, guring_buffer_pool_unref);

  G_OBJECT_CLASS (guring_buffer_group_parent_class)->finalize (object);
}

static void
guring_buffer_group_class_init (GuringBufferGroupClass *class)
{
  G_OBJECT_CLASS (class)->finalize = guring_buffer_group_finalize;
}

static gboolean
are_valid (guint n_buffers, gsize buffer_size, GError **error)
{
  if (n_buffers > 0 && n_buffers <= MAX_BUFFERS && buffer_size > 0 &&
      buffer_size <= MIN (G_MAXINT32, G_MAXSSIZE / 2 / MAX_BUFFERS))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "A group can't have %u buffers of %" G_GSIZE_FORMAT " bytes: from 1 to %u, none of "
               "them empty or larger than a completion can tell",
               n_buffers, buffer_size, MAX_BUFFERS);
  return FALSE;
}

static guint
round_up (guint n)
{
  return n == 1 ? 1 : 1u << g_bit_storage (n - 1);
}

static GuringBufferPool *
make_pool (GuringRing *ring, guint n_buffers, gsize buffer_size, GError **error)
{
  if (!guring_restrictions_allow_register (ring->restrictions, IORING_REGISTER_PBUF_RING, error) ||
      !guring_restrictions_allow_register (ring->restrictions, IORING_UNREGISTER_PBUF_RING, error))
    return NULL;

  if (ring->buffers == NULL)
    ring->buffers = guring_buffer_table_new (&ring->uring, error);
  if (ring->buffers == NULL)
    return NULL;

  return guring_buffer_pool_new (ring->buffers, round_up (n_buffers), buffer_size, error);
}

/**
 * guring_buffer_group_new: (skip)
 * @ring: the ring whose operations will select from it; no reference is kept
 * @n_buffers: how many, rounded up to a power of two; at most 32768
 * @buffer_size: of each, in bytes
 * @error: return location for the error
 *
 * Makes a group of buffers and registers it with the ring's io_uring. Many operations may share it:
 * it needs as many buffers as are to be received between two turns of the main loop, and as many
 * again as are kept.
 *
 * To be called by the thread that owns the ring's context, or by any while none does. It may be
 * dropped in any thread.
 *
 * Returns: (transfer full): the group. On %NULL, @error is %G_IO_ERROR_NOT_SUPPORTED
 *   where the kernel does not have it (before Linux 5.19), %G_IO_ERROR_INVALID_ARGUMENT,
 *   %G_IO_ERROR_NO_SPACE (memory, RLIMIT_MEMLOCK), %G_IO_ERROR_PERMISSION_DENIED (a seccomp
 *   filter), %G_IO_ERROR_CLOSED (the ring, or in a forked child), %G_IO_ERROR_BUSY (another thread
 *   owns the context)
 *
 * Since: 0.1
 */
GuringBufferGroup *
guring_buffer_group_new (GuringRing *ring, guint n_buffers, gsize buffer_size, GError **error)
{
  GuringBufferGroup *group = NULL;
  GuringBufferPool *pool = NULL;
  GuringOwnership ownership;

  g_return_val_if_fail (GURING_IS_RING (ring), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (!are_valid (n_buffers, buffer_size, error) ||
      !guring_ownership_acquire (ring, &ownership, error))
    return NULL;

  if (guring_ring_is_usable (ring, error))
    pool = make_pool (ring, n_buffers, buffer_size, error);
  guring_ownership_release (ring, &ownership);

  if (pool != NULL)
    {
      group = g_object_new (GURING_TYPE_BUFFER_GROUP, NULL);
      group->pool = pool;
    }
  return group;
}

/**
 * guring_buffer_group_get_id: (skip)
 * @group: a buffer group
 *
 * Gets what an SQE with `IOSQE_BUFFER_SELECT` must have as its `buf_group`. Any thread.
 *
 * The library counts from 65535 down and passes over what the application has registered; ids from
 * 0 up are the application's.
 *
 * Returns: the id, unique in the ring
 *
 * Since: 0.1
 */
guint16
guring_buffer_group_get_id (GuringBufferGroup *group)
{
  g_return_val_if_fail (GURING_IS_BUFFER_GROUP (group), 0);

  return group->pool->id;
}

/**
 * guring_buffer_group_get_n_buffers: (skip)
 * @group: a buffer group
 *
 * Gets the number of buffers. Any thread.
 *
 * Returns: how many, a power of two
 *
 * Since: 0.1
 */
guint
guring_buffer_group_get_n_buffers (GuringBufferGroup *group)
{
  g_return_val_if_fail (GURING_IS_BUFFER_GROUP (group), 0);

  return group->pool->n_buffers;
}

/**
 * guring_buffer_group_get_buffer_size: (skip)
 * @group: a buffer group
 *
 * Gets the size of each buffer. Any thread.
 *
 * Returns: the size in bytes
 *
 * Since: 0.1
 */
gsize
guring_buffer_group_get_buffer_size (GuringBufferGroup *group)
{
  g_return_val_if_fail (GURING_IS_BUFFER_GROUP (group), 0);

  return group->pool->buffer_size;
}

/**
 * guring_buffer_group_take_bytes: (skip)
 * @group: the group that the operation selects from
 * @completion: what the callback was called with
 *
 * Takes what a completion brought, once: `res` bytes. To be called in the operation's
 * #GuringCompletionFunc; after that the buffer is the kernel's again.
 *
 * The bytes may outlive group and ring, and be dropped in any thread.
 *
 * Returns: (transfer full) (nullable): what was received; %NULL if the completion has no buffer of
 *   this group (any more), if `res` is 0 (at the end of a stream) or an error, and in a forked
 *   child
 *
 * Since: 0.1
 */
GBytes *
guring_buffer_group_take_bytes (GuringBufferGroup *group, const GuringCompletion *completion)
{
  g_return_val_if_fail (GURING_IS_BUFFER_GROUP (group), NULL);
  g_return_val_if_fail (completion != NULL, NULL);

  return guring_buffer_pool_take_bytes (group->pool, completion);
}
