/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Valgrind 3.19 does not see that io_uring writes to memory. */

#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "memcheck.h"

#ifdef HAVE_VALGRIND_MEMCHECK_H
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_DEFINED(address, size) ((void) 0)
#endif

static gpointer
get_pointer (guint64 address)
{
  return (gpointer) (guintptr) address;
}

/* @n: may be more than there is room for, with MSG_TRUNC */
static void
mark_message (const struct msghdr *message, gsize n)
{
  for (gsize i = 0; i < message->msg_iovlen; i++)
    {
      gsize n_here = MIN (n, message->msg_iov[i].iov_len);

      VALGRIND_MAKE_MEM_DEFINED (message->msg_iov[i].iov_base, n_here);
      n -= n_here;
    }
}

void
guring_memcheck_mark_result (const struct io_uring_sqe *sqe, gint32 res)
{
  if (res < 0)
    return;

  switch (sqe->opcode)
    {
    case IORING_OP_READ:
    case IORING_OP_RECV:
      VALGRIND_MAKE_MEM_DEFINED (get_pointer (sqe->addr), res);
      break;
    case IORING_OP_RECVMSG:
      mark_message (get_pointer (sqe->addr), (gsize) res);
      break;
    case IORING_OP_STATX:
      VALGRIND_MAKE_MEM_DEFINED (get_pointer (sqe->off), sizeof (struct statx));
      break;
    default:
      break;
    }
}
