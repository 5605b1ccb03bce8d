/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What an SQE asks for, done by system calls: the same arguments, the same result. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "perform.h"

#define FILE_POSITION ((guint64) -1)

static gpointer
get_pointer (guint64 address)
{
  return (gpointer) (guintptr) address;
}

/* As io_uring does it, a pipe or socket has no offset whatever the SQE says. */
static gssize
perform_read (const struct io_uring_sqe *sqe)
{
  gpointer buffer = get_pointer (sqe->addr);
  gssize n = -1;

  if (sqe->off != FILE_POSITION)
    n = pread (sqe->fd, buffer, sqe->len, (off_t) sqe->off);
  if (sqe->off == FILE_POSITION || (n < 0 && errno == ESPIPE))
    n = read (sqe->fd, buffer, sqe->len);
  return n;
}

static gssize
perform_write (const struct io_uring_sqe *sqe)
{
  gconstpointer buffer = get_pointer (sqe->addr);
  gssize n = -1;

  if (sqe->off != FILE_POSITION)
    n = pwrite (sqe->fd, buffer, sqe->len, (off_t) sqe->off);
  if (sqe->off == FILE_POSITION || (n < 0 && errno == ESPIPE))
    n = write (sqe->fd, buffer, sqe->len);
  return n;
}

static gssize
perform_writev (const struct io_uring_sqe *sqe)
{
  return pwritev2 (sqe->fd, get_pointer (sqe->addr), (int) sqe->len, (off_t) sqe->off, 0);
}

static gssize
perform_splice (const struct io_uring_sqe *sqe)
{
  off64_t offset_in = (off64_t) sqe->splice_off_in;
  off64_t offset_out = (off64_t) sqe->off;

  return splice (sqe->splice_fd_in, offset_in == -1 ? NULL : &offset_in, sqe->fd,
                 offset_out == -1 ? NULL : &offset_out, sqe->len, sqe->splice_flags);
}

/* poll() passes over what is negative, and would not end. */
static gssize
perform_poll (const struct io_uring_sqe *sqe)
{
  struct pollfd fd = { sqe->fd, (short) sqe->poll_events, 0 };

  if (sqe->fd < 0)
    {
      errno = EBADF;
      return -1;
    }

  return poll (&fd, 1, -1) < 0 ? -1 : fd.revents;
}

static gssize
perform_fsync (const struct io_uring_sqe *sqe)
{
  return sqe->fsync_flags & IORING_FSYNC_DATASYNC ? fdatasync (sqe->fd) : fsync (sqe->fd);
}

/* Operations on names */
static gssize
perform_on_path (const struct io_uring_sqe *sqe)
{
  const gchar *path = get_pointer (sqe->addr);

  switch (sqe->opcode)
    {
    case IORING_OP_OPENAT:
      return openat (sqe->fd, path, (int) sqe->open_flags, sqe->len);
    case IORING_OP_STATX:
      return statx (sqe->fd, path, (int) sqe->statx_flags, sqe->len, get_pointer (sqe->off));
    case IORING_OP_RENAMEAT:
      return renameat2 (sqe->fd, path, (int) sqe->len, get_pointer (sqe->addr2), sqe->rename_flags);
    case IORING_OP_LINKAT:
      return linkat (sqe->fd, path, (int) sqe->len, get_pointer (sqe->addr2),
                     (int) sqe->hardlink_flags);
    case IORING_OP_UNLINKAT:
      return unlinkat (sqe->fd, path, (int) sqe->unlink_flags);
    case IORING_OP_MKDIRAT:
      return mkdirat (sqe->fd, path, sqe->len);
    default:
      errno = EOPNOTSUPP;
      return -1;
    }
}

static gssize
perform (const struct io_uring_sqe *sqe)
{
  switch (sqe->opcode)
    {
    case IORING_OP_READ:
      return perform_read (sqe);
    case IORING_OP_WRITE:
      return perform_write (sqe);
    case IORING_OP_POLL_ADD:
      return perform_poll (sqe);
    case IORING_OP_WRITEV:
      return perform_writev (sqe);
    case IORING_OP_SENDMSG:
      return sendmsg (sqe->fd, get_pointer (sqe->addr), (int) sqe->msg_flags);
    case IORING_OP_RECVMSG:
      return recvmsg (sqe->fd, get_pointer (sqe->addr), (int) sqe->msg_flags);
    case IORING_OP_SEND:
      return send (sqe->fd, get_pointer (sqe->addr), sqe->len, (int) sqe->msg_flags);
    case IORING_OP_RECV:
      return recv (sqe->fd, get_pointer (sqe->addr), sqe->len, (int) sqe->msg_flags);
    case IORING_OP_CONNECT:
      return connect (sqe->fd, get_pointer (sqe->addr), (socklen_t) sqe->off);
    case IORING_OP_SPLICE:
      return perform_splice (sqe);
    case IORING_OP_FSYNC:
      return perform_fsync (sqe);
    case IORING_OP_FALLOCATE:
      return fallocate (sqe->fd, (int) sqe->len, (off_t) sqe->off, (off_t) sqe->addr);
    case IORING_OP_CLOSE:
      return close (sqe->fd);
    case GURING_OP_FTRUNCATE:
      return ftruncate (sqe->fd, (off_t) sqe->off);
    default:
      return perform_on_path (sqe);
    }
}

/* Returns: the result, or a negated errno. May block. */
gint32
guring_perform (const struct io_uring_sqe *sqe)
{
  gssize result;

  do
    result = perform (sqe);
  while (result < 0 && errno == EINTR && sqe->opcode != IORING_OP_CLOSE);

  return (gint32) (result < 0 ? -errno : result);
}
