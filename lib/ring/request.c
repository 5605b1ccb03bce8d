/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What may be queued: everything that the registry can keep its promises for. */

#include "config.h"

#include "backlog.h"
#include "request.h"
#include "restrictions.h"
#include "ring-private.h"

#define KNOWN_FLAGS                                                                                \
  (IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | GURING_LINK_FLAGS | IOSQE_ASYNC | IOSQE_BUFFER_SELECT |     \
   IOSQE_CQE_SKIP_SUCCESS)

/* IORING_RW_ATTR_FLAG_PI of newer headers: reads and writes may say this in the padding. */
#define RW_ATTRIBUTE_PI 1

/* IORING_RECVSEND_BUNDLE of newer headers (Linux 6.10). */
#define RECVSEND_BUNDLE (1 << 4)

/* IORING_OP_FIXED_FD_INSTALL of newer headers (Linux 6.8). */
#define FIXED_FD_INSTALL 54

static gboolean
refuse (GError **error, const gchar *message)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, message);
  return FALSE;
}

static gboolean
padding_is_zero (const struct io_uring_sqe *sqe)
{
  switch (sqe->opcode)
    {
    case IORING_OP_URING_CMD: /* its command lies there */
      return TRUE;
    case IORING_OP_READV:
    case IORING_OP_WRITEV:
    case IORING_OP_READ_FIXED:
    case IORING_OP_WRITE_FIXED:
    case IORING_OP_READ:
    case IORING_OP_WRITE:
      return (sqe->__pad2[0] & ~(guint64) RW_ATTRIBUTE_PI) == 0;
    default: /* newer opcodes may use it */
      return sqe->opcode > IORING_OP_SENDMSG_ZC || sqe->__pad2[0] == 0;
    }
}

static gboolean
is_zeroed (GuringRing *ring, const struct io_uring_sqe *sqe, GError **error)
{
  if (sqe->flags & ~KNOWN_FLAGS)
    return refuse (error, "The SQE has unknown flags; was it zeroed before io_uring_prep_*()?");

  if (!padding_is_zero (sqe))
    return refuse (error, "The SQE's padding is not zero; was it zeroed before "
                          "io_uring_prep_*()?");

  if (sqe->personality != 0 && !ring->uring_shared)
    return refuse (error, "The SQE names a personality and none was registered; was it zeroed "
                          "before io_uring_prep_*()?");

  if (sqe->user_data != 0)
    return refuse (error, "The SQE has a user_data, which the ring needs for the operation's id: "
                          "pass yours as an argument; or was the SQE not zeroed before "
                          "io_uring_prep_*()?");
  return TRUE;
}

static gboolean
returns_descriptor (const struct io_uring_sqe *sqe)
{
  switch (sqe->opcode)
    {
    case IORING_OP_OPENAT:
    case IORING_OP_OPENAT2:
    case IORING_OP_ACCEPT:
    case IORING_OP_SOCKET:
      return sqe->file_index == 0; /* else it goes to the table of direct descriptors */
    case FIXED_FD_INSTALL:
      return TRUE;
    default:
      return FALSE;
    }
}

/* Several buffers for one completion. */
static gboolean
bundles_from_group (GuringRing *ring, const struct io_uring_sqe *sqe)
{
  GuringBufferPool *pool;

  if ((sqe->flags & IOSQE_BUFFER_SELECT) == 0 || (sqe->ioprio & RECVSEND_BUNDLE) == 0 ||
      (sqe->opcode != IORING_OP_RECV && sqe->opcode != IORING_OP_SEND))
    return FALSE;

  pool = guring_buffer_table_lookup (ring->buffers, sqe->buf_group);
  if (pool == NULL)
    return FALSE;

  guring_buffer_pool_unref (pool);
  return TRUE;
}

static gboolean
keeps_promises (GuringRing *ring,
                const struct io_uring_sqe *sqe,
                GuringCompletionFunc func,
                GError **error)
{
  if (!is_zeroed (ring, sqe, error))
    return FALSE;

  /* If the failing member of a chain has it, the rest posts no CQE at all; and the ring refuses
   * IO_DRAIN from then on (measured on Linux 6.18). */
  if (sqe->flags & IOSQE_CQE_SKIP_SUCCESS)
    return refuse (error, "IOSQE_CQE_SKIP_SUCCESS would leave the operation without an end; "
                          "pass no callback function instead");

  if ((sqe->opcode == IORING_OP_POLL_REMOVE || sqe->opcode == IORING_OP_POLL_ADD) &&
      (sqe->len & IORING_POLL_UPDATE_USER_DATA))
    return refuse (error, "IORING_POLL_UPDATE_USER_DATA would change the operation's id; cancel "
                          "it and queue another");

  if (bundles_from_group (ring, sqe))
    return refuse (error, "IORING_RECVSEND_BUNDLE does not go with a GuringBufferGroup; leave it "
                          "out, or register buffers of your own");

  if (func == NULL && returns_descriptor (sqe))
    return refuse (error, "Without a callback function nobody could close the descriptor that "
                          "this operation returns");
  return TRUE;
}

/* A member of a chain is soft-linked to the next where the caller did not say that it is
 * hard-linked. */
guint8
guring_request_get_link_flags (const struct io_uring_sqe *sqe, GuringRequestPlace place)
{
  if ((place & GURING_REQUEST_LAST) || (sqe->flags & IOSQE_IO_HARDLINK))
    return 0;
  return IOSQE_IO_LINK;
}

gboolean
guring_request_is_allowed (GuringRing *ring,
                           const struct io_uring_sqe *sqe,
                           GuringCompletionFunc func,
                           GuringRequestPlace place,
                           GError **error)
{
  if ((place & GURING_REQUEST_FIRST) && sqe->opcode == IORING_OP_LINK_TIMEOUT)
    return refuse (error, "IORING_OP_LINK_TIMEOUT needs an operation before it in a chain: use "
                          "guring_ring_queue_chain()");

  if ((place & GURING_REQUEST_LAST) && (sqe->flags & GURING_LINK_FLAGS))
    return refuse (error, "IOSQE_IO_LINK or IOSQE_IO_HARDLINK with nothing to link to: use "
                          "guring_ring_queue_chain(), and no such flag on the last request");

  return keeps_promises (ring, sqe, func, error) &&
         guring_restrictions_allow (ring->restrictions, sqe->opcode,
                                    sqe->flags | guring_request_get_link_flags (sqe, place), error);
}

gboolean
guring_requests_are_valid (GuringRing *ring,
                           const GuringRequest *requests,
                           gsize n_requests,
                           GError **error)
{
  if (n_requests == 0)
    return refuse (error, "A chain needs at least one request");

  /* The kernel cuts a chain where a submission ends, without a word. */
  if (n_requests > ring->entries)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "A chain of %" G_GSIZE_FORMAT " requests does not fit a submission of %u; "
                   "make the ring with more entries",
                   n_requests, ring->entries);
      return FALSE;
    }

  for (gsize i = 0; i < n_requests; i++)
    {
      GuringRequestPlace place =
        (i == 0 ? GURING_REQUEST_FIRST : 0) | (i + 1 == n_requests ? GURING_REQUEST_LAST : 0);

      if (!guring_request_is_valid (ring, &requests[i].sqe, requests[i].func, place, error))
        {
          g_prefix_error (error, "Request %" G_GSIZE_FORMAT " of the chain: ", i + 1);
          return FALSE;
        }
    }
  return TRUE;
}
