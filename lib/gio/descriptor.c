/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What streams in both directions ask of their descriptor, by plain system calls. */

#include "config.h"

#include <errno.h>
#include <glib-unix.h>
#include <liburing.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"

void
guring_descriptor_set_error (GError **error, const gchar *verb)
{
  int error_number = errno;

  g_set_error (error, G_IO_ERROR, (gint) g_io_error_from_errno (error_number), "Could not %s: %s",
               verb, g_strerror (error_number));
}

/* Readiness */

/* What poll() does not always call ready. What cannot be asked may be one that makes its caller
 * wait, and that could not be cancelled in a worker thread. */
gboolean
guring_descriptor_can_poll (int fd)
{
  struct stat status;

  if (fstat (fd, &status) != 0)
    return errno != EBADF;
  return !S_ISREG (status.st_mode) && !S_ISDIR (status.st_mode) && !S_ISBLK (status.st_mode);
}

gboolean
guring_descriptor_is_ready (int fd, GIOCondition condition)
{
  GPollFD poll_fd = { fd, (gushort) condition, 0 };

  return g_poll (&poll_fd, 1, 0) > 0;
}

static gboolean
wait_for_either (GPollFD *fds, guint n_fds, GCancellable *cancellable)
{
  gint n;

  do
    n = g_poll (fds, n_fds, -1);
  while (n < 0 ? errno == EINTR : fds[0].revents == 0 && !g_cancellable_is_cancelled (cancellable));

  return n > 0;
}

/* Returns: whether it is ready; %FALSE with the error also if it is so when cancelled */
gboolean
guring_descriptor_wait (int fd, GIOCondition condition, GCancellable *cancellable, GError **error)
{
  GPollFD fds[2] = { { fd, (gushort) condition, 0 } };

  if (guring_descriptor_can_poll (fd))
    {
      gboolean has_fd = g_cancellable_make_pollfd (cancellable, &fds[1]);
      gboolean waited = wait_for_either (fds, has_fd ? 2 : 1, cancellable);

      if (!waited)
        guring_descriptor_set_error (error, "poll");
      if (has_fd)
        g_cancellable_release_fd (cancellable);
      if (!waited)
        return FALSE;
    }
  return !g_cancellable_set_error_if_cancelled (cancellable, error);
}

GSource *
guring_descriptor_create_source (int fd,
                                 GIOCondition condition,
                                 gpointer pollable_stream,
                                 GCancellable *cancellable)
{
  g_autoptr (GSource) source = g_unix_fd_source_new (fd, condition);

  return g_pollable_source_new_full (pollable_stream, source, cancellable);
}

/* A terminal that is ready may still not take all of a write. The kernel, to which it looks as if
 * it never made anybody wait, would do that in io_uring_enter(). */
guint8
guring_descriptor_get_write_flags (int fd)
{
  struct stat status;

  return fstat (fd, &status) == 0 && S_ISCHR (status.st_mode) ? IOSQE_ASYNC : 0;
}

/* Position */

gboolean
guring_descriptor_can_seek (int fd)
{
  return lseek (fd, 0, SEEK_CUR) >= 0;
}

goffset
guring_descriptor_tell (int fd)
{
  return MAX (lseek (fd, 0, SEEK_CUR), 0);
}

gboolean
guring_descriptor_seek (int fd, goffset offset, GSeekType type, GError **error)
{
  static const int whences[] = {
    [G_SEEK_CUR] = SEEK_CUR,
    [G_SEEK_SET] = SEEK_SET,
    [G_SEEK_END] = SEEK_END,
  };

  if (lseek (fd, offset, whences[type]) >= 0)
    return TRUE;

  guring_descriptor_set_error (error, "seek");
  return FALSE;
}

gboolean
guring_descriptor_truncate (int fd, goffset size, GError **error)
{
  int result;

  do
    result = ftruncate (fd, size);
  while (result < 0 && errno == EINTR);

  if (result < 0)
    guring_descriptor_set_error (error, "truncate");
  return result == 0;
}

/* It is gone whatever close(2) says. */
gboolean
guring_descriptor_close (int fd, GError **error)
{
  if (close (fd) == 0)
    return TRUE;

  guring_descriptor_set_error (error, "close");
  return FALSE;
}
