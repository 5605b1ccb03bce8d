/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define N_FAULTS 6

typedef struct
{
  guint n_before; /* calls that do not fail */
  guint which;
} Fault;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Fault faults[N_FAULTS];
static guint next = N_FAULTS;
static gboolean armed;
static gboolean fired;

static const int any_errors[] = { EIO, ENOSPC, EINTR, ENOMEM };
static const int submit_errors[] = { EAGAIN, EBUSY, EINTR }; /* what passes */

void
faults_start (FuzzInput *input)
{
  for (guint i = 0; i < N_FAULTS; i++)
    {
      faults[i].n_before = input_take_below (input, 24);
      faults[i].which = input_take_byte (input);
    }
  next = 0;
}

static void
set_armed (gboolean value)
{
  pthread_mutex_lock (&lock);
  fired = fired && !value;
  armed = value;
  pthread_mutex_unlock (&lock);
}

void
faults_arm (void)
{
  set_armed (TRUE);
}

void
faults_disarm (void)
{
  set_armed (FALSE);
}

gboolean
faults_have_fired (void)
{
  gboolean value;

  pthread_mutex_lock (&lock);
  value = fired;
  pthread_mutex_unlock (&lock);
  return value;
}

/* Returns: an errno, 0 if the call is to be made */
static int
fail (const int *errors, guint n_errors)
{
  int error_number = 0;

  pthread_mutex_lock (&lock);
  if (armed && next < N_FAULTS && faults[next].n_before-- == 0)
    {
      error_number = errors[faults[next++].which % n_errors];
      fired = TRUE;
    }
  pthread_mutex_unlock (&lock);
  return error_number;
}

#define WRAP(type, name, parameters, arguments, errors, failed)                                    \
  type __real_##name parameters;                                                                   \
  type __wrap_##name parameters;                                                                   \
  type __wrap_##name parameters                                                                    \
  {                                                                                                \
    int error_number = fail (errors, G_N_ELEMENTS (errors));                                       \
                                                                                                   \
    if (error_number == 0)                                                                         \
      return __real_##name arguments;                                                              \
    errno = error_number;                                                                          \
    return failed;                                                                                 \
  }

/* clang-format off */
WRAP (ssize_t, read, (int fd, void *buffer, size_t n), (fd, buffer, n), any_errors, -1)
WRAP (ssize_t, pread, (int fd, void *buffer, size_t n, off_t offset), (fd, buffer, n, offset),
      any_errors, -1)
WRAP (ssize_t, write, (int fd, const void *buffer, size_t n), (fd, buffer, n), any_errors, -1)
WRAP (ssize_t, pwrite, (int fd, const void *buffer, size_t n, off_t offset),
      (fd, buffer, n, offset), any_errors, -1)
WRAP (int, openat, (int fd, const char *path, int flags, mode_t mode), (fd, path, flags, mode),
      any_errors, -1)
WRAP (int, statx, (int fd, const char *path, int flags, unsigned mask, struct statx *status),
      (fd, path, flags, mask, status), any_errors, -1)
WRAP (int, renameat2,
      (int fd, const char *path, int new_fd, const char *new_path, unsigned flags),
      (fd, path, new_fd, new_path, flags), any_errors, -1)
WRAP (int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode), any_errors, -1)
WRAP (int, fsync, (int fd), (fd), any_errors, -1)
WRAP (int, ftruncate, (int fd, off_t size), (fd, size), any_errors, -1)
WRAP (int, io_uring_submit, (struct io_uring *uring), (uring), submit_errors, -error_number)
WRAP (int, io_uring_get_events, (struct io_uring *uring), (uring), submit_errors, -error_number)
WRAP (int, io_uring_register_buf_ring,
      (struct io_uring *uring, struct io_uring_buf_reg *registration, unsigned flags),
      (uring, registration, flags), any_errors, -error_number)
WRAP (gpointer, g_try_malloc, (gsize size), (size), any_errors, NULL)
WRAP (gpointer, g_try_realloc, (gpointer old, gsize size), (old, size), any_errors, NULL)
/* clang-format on */
