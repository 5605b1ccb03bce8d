/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The temporary file of a replacement. Who is killed leaves it behind, so it has one of a few names
 * that follow from the file's, and the next replacement sweeps it; a lock, which ends with the
 * process, tells that it is in use. It is held until the file has its final name, or none. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary.h"

/* More than one because the kernel may still be working for one that was killed, and so because
 * several may replace a file at once. */
#define N_NAMES 4

gchar *
guring_temporary_get_path (const gchar *path, guint n_in_use)
{
  g_autofree gchar *directory = g_path_get_dirname (path);
  g_autofree gchar *name = g_path_get_basename (path);
  guint32 number = n_in_use < N_NAMES ? g_str_hash (name) + n_in_use : g_random_int ();

  return g_strdup_printf ("%s/.guring-%08x", directory, number);
}

static gboolean
lock (int fd)
{
  return flock (fd, LOCK_EX | LOCK_NB) == 0;
}

/* Between its making and its locking it may have been swept. Where there are no locks, there is no
 * sweeping. */
gboolean
guring_temporary_keep (int fd)
{
  struct stat status;

  if (!lock (fd))
    return errno != EWOULDBLOCK;
  return fstat (fd, &status) == 0 && status.st_nlink > 0;
}

/* The name may be another file's by now. */
static gboolean
is_still_there (int fd, const gchar *path)
{
  struct stat ours, theirs;

  return fstat (fd, &ours) == 0 && S_ISREG (ours.st_mode) && lstat (path, &theirs) == 0 &&
         ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

gboolean
guring_temporary_sweep (const gchar *temporary_path)
{
  int fd = open (temporary_path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  gboolean is_swept;

  if (fd < 0)
    return errno == ENOENT;

  is_swept = lock (fd) && is_still_there (fd, temporary_path) && unlink (temporary_path) == 0;
  close (fd);
  return is_swept;
}

void
guring_temporary_sweep_others (const gchar *path)
{
  for (guint i = 1; i < N_NAMES; i++)
    {
      g_autofree gchar *temporary_path = guring_temporary_get_path (path, i);

      guring_temporary_sweep (temporary_path);
    }
}
