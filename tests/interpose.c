/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "interpose-errors.h"
#include "interpose.h"

/* clang-format off */

/* Descriptors */

INTERPOSE (ssize_t, read, (int fd, void *buffer, size_t n), (fd, buffer, n), -1, READ_ERRORS)
INTERPOSE (ssize_t, pread, (int fd, void *buffer, size_t n, off_t offset),
           (fd, buffer, n, offset), -1, READ_ERRORS, ENXIO, EOVERFLOW)
INTERPOSE (ssize_t, write, (int fd, const void *buffer, size_t n), (fd, buffer, n), -1,
           WRITE_ERRORS)
INTERPOSE (ssize_t, pwrite, (int fd, const void *buffer, size_t n, off_t offset),
           (fd, buffer, n, offset), -1, WRITE_ERRORS)
INTERPOSE (ssize_t, writev, (int fd, const struct iovec *vectors, int n), (fd, vectors, n), -1,
           WRITE_ERRORS)
INTERPOSE (ssize_t, pwritev2,
           (int fd, const struct iovec *vectors, int n, off_t offset, int flags),
           (fd, vectors, n, offset, flags), -1, WRITE_ERRORS, EOPNOTSUPP)
INTERPOSE (ssize_t, splice,
           (int fd_in, off64_t *offset_in, int fd_out, off64_t *offset_out, size_t n,
            unsigned flags),
           (fd_in, offset_in, fd_out, offset_out, n, flags), -1, SPLICE_ERRORS)
INTERPOSE (int, fsync, (int fd), (fd), -1, FSYNC_ERRORS)
INTERPOSE (int, fdatasync, (int fd), (fd), -1, FSYNC_ERRORS)
INTERPOSE (int, ftruncate, (int fd, off_t size), (fd, size), -1, FTRUNCATE_ERRORS)
INTERPOSE (int, fallocate, (int fd, int mode, off_t offset, off_t size),
           (fd, mode, offset, size), -1, FALLOCATE_ERRORS)
INTERPOSE (off_t, lseek, (int fd, off_t offset, int whence), (fd, offset, whence), -1,
           LSEEK_ERRORS)
INTERPOSE (int, fstat, (int fd, struct stat *status), (fd, status), -1, FSTAT_ERRORS)
INTERPOSE (int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), -1, CHOWN_ERRORS)
INTERPOSE (int, fchmod, (int fd, mode_t mode), (fd, mode), -1, CHMOD_ERRORS)
INTERPOSE (int, futimens, (int fd, const struct timespec times[2]), (fd, times), -1,
           FUTIMENS_ERRORS)
INTERPOSE (ssize_t, flistxattr, (int fd, char *list, size_t size), (fd, list, size), -1,
           FLISTXATTR_ERRORS)
INTERPOSE (int, flock, (int fd, int operation), (fd, operation), -1, FLOCK_ERRORS)
INTERPOSE_IF (command == F_SETFL, int, fcntl, (int fd, int command, long argument),
              (fd, command, argument), -1, EPERM)
INTERPOSE_IF (request == FICLONE, int, ioctl, (int fd, unsigned long request, long argument),
              (fd, request, argument), -1, IOCTL_FICLONE_ERRORS)
INTERPOSE (int, poll, (struct pollfd *fds, nfds_t n, int timeout), (fds, n, timeout), -1,
           POLL_ERRORS)
INTERPOSE (gint, g_poll, (GPollFD *fds, guint n, gint timeout), (fds, n, timeout), -1,
           POLL_ERRORS)
INTERPOSE_IF ((flags & EFD_CLOEXEC) != 0, int, eventfd, (unsigned value, int flags),
              (value, flags), -1, EMFILE, ENFILE, ENODEV, ENOMEM)
INTERPOSE (int, eventfd_read, (int fd, eventfd_t *value), (fd, value), -1, EAGAIN, EINTR)

/* Sockets */

INTERPOSE (int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1,
           SOCKET_ERRORS)
INTERPOSE (int, listen, (int fd, int backlog), (fd, backlog), -1, LISTEN_ERRORS)
INTERPOSE (int, connect, (int fd, const struct sockaddr *address, socklen_t size),
           (fd, address, size), -1, CONNECT_ERRORS)
INTERPOSE (int, accept4, (int fd, struct sockaddr *address, socklen_t *size, int flags),
           (fd, address, size, flags), -1, ACCEPT_ERRORS)
INTERPOSE (ssize_t, recv, (int fd, void *buffer, size_t n, int flags), (fd, buffer, n, flags), -1,
           RECV_ERRORS)
INTERPOSE (ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags),
           -1, RECV_ERRORS)
INTERPOSE (ssize_t, send, (int fd, const void *buffer, size_t n, int flags),
           (fd, buffer, n, flags), -1, SEND_ERRORS)
INTERPOSE (ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
           (fd, message, flags), -1, SEND_ERRORS)

/* Names */

INTERPOSE (int, open, (const char *path, int flags, mode_t mode), (path, flags, mode), -1,
           OPEN_ERRORS)
INTERPOSE (int, openat, (int fd, const char *path, int flags, mode_t mode),
           (fd, path, flags, mode), -1, OPEN_ERRORS)
INTERPOSE (int, statx, (int fd, const char *path, int flags, unsigned mask, struct statx *status),
           (fd, path, flags, mask, status), -1, STAT_ERRORS)
INTERPOSE (int, lstat, (const char *path, struct stat *status), (path, status), -1, STAT_ERRORS,
           EOVERFLOW)
INTERPOSE (int, rename, (const char *path, const char *new_path), (path, new_path), -1,
           RENAME_ERRORS)
INTERPOSE (int, renameat2,
           (int fd, const char *path, int new_fd, const char *new_path, unsigned flags),
           (fd, path, new_fd, new_path, flags), -1, RENAME_ERRORS)
INTERPOSE (int, linkat,
           (int fd, const char *path, int new_fd, const char *new_path, int flags),
           (fd, path, new_fd, new_path, flags), -1, LINK_ERRORS)
INTERPOSE (int, unlink, (const char *path), (path), -1, UNLINK_ERRORS)
INTERPOSE (int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags), -1,
           UNLINK_ERRORS, EINVAL)
INTERPOSE (int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), -1,
           MKDIR_ERRORS)
INTERPOSE (char *, realpath, (const char *path, char *resolved), (path, resolved), NULL,
           REALPATH_ERRORS)

/* Memory: elsewhere GLib aborts when there is none */

INTERPOSE (gpointer, g_try_malloc, (gsize size), (size), NULL, ENOMEM)
INTERPOSE (gpointer, g_try_realloc, (gpointer old, gsize size), (old, size), NULL, ENOMEM)
INTERPOSE_IF (flags == (MAP_PRIVATE | MAP_ANONYMOUS), void *, mmap,
              (void *address, size_t size, int protection, int flags, int fd, off_t offset),
              (address, size, protection, flags, fd, offset), MAP_FAILED, MMAP_ERRORS)
INTERPOSE_IF (advice == MADV_WIPEONFORK, int, madvise, (void *address, size_t size, int advice),
              (address, size, advice), -1, MADVISE_ERRORS)

/* liburing */

INTERPOSE (struct io_uring_probe *, io_uring_get_probe_ring, (struct io_uring *uring), (uring),
           NULL, ENOMEM)
INTERPOSE (int, io_uring_ring_dontfork, (struct io_uring *uring), (uring), -error_number,
           MADVISE_ERRORS)
INTERPOSE (int, io_uring_register,
           (unsigned fd, unsigned opcode, const void *argument, unsigned n),
           (fd, opcode, argument, n), -error_number, REGISTER_ERRORS)
INTERPOSE (int, io_uring_register_buf_ring,
           (struct io_uring *uring, struct io_uring_buf_reg *registration, unsigned flags),
           (uring, registration, flags), -error_number, REGISTER_BUF_RING_ERRORS)
INTERPOSE (int, io_uring_unregister_buf_ring, (struct io_uring *uring, int group), (uring, group),
           -error_number, EINVAL, ENOENT, ENOMEM)

/* clang-format on */

#define RESCUER (G_GUINT64_CONSTANT (1) << 62) /* no operation's id */

int __real_io_uring_submit (struct io_uring *uring);
int __real_io_uring_get_events (struct io_uring *uring);
int __real_poll (struct pollfd *fds, nfds_t n, int timeout);

void
interpose_rescue (GuringRing *ring)
{
  struct io_uring *uring = guring_ring_get_uring (ring);
  struct io_uring_sqe *sqe = io_uring_get_sqe (uring);
  struct pollfd fd = { .fd = uring->ring_fd, .events = POLLIN };

  *sqe = (struct io_uring_sqe){ 0 };
  io_uring_prep_cancel64 (sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
  sqe->user_data = RESCUER;
  __real_io_uring_submit (uring);
  __real_poll (&fd, 1, 1);
  __real_io_uring_get_events (uring);
  guring_ring_iterate (ring, FALSE, NULL);
}
