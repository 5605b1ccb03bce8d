/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define N_FAULTS 6
#define MAX_BROKEN 8
#define RESCUER (G_GUINT64_CONSTANT (1) << 62) /* no operation's id */

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
static guint n_spared;
static FaultsBrokeFunc broke;
static const struct io_uring *broken[MAX_BROKEN];
static guint n_broken;
static gboolean have_broken;

static const int any_errors[] = { EIO, ENOSPC, EINTR, ENOMEM };
static const int memory_errors[] = { ENOMEM };
static const int descriptor_errors[] = { EMFILE, ENFILE };
static const int setup_errors[] = { EINVAL, ENOMEM, EMFILE, EPERM };
static const int enter_errors[] = { EAGAIN, EBUSY, EINTR, ENOMEM, EAGAIN, EBUSY, EBADF, EPERM };

void
faults_start (FuzzInput *input)
{
  for (guint i = 0; i < N_FAULTS; i++)
    {
      faults[i].n_before = input_take_below (input, 24);
      faults[i].which = input_take_byte (input);
    }
  next = 0;
  n_broken = 0;
  have_broken = FALSE;
}

static void
set_armed (gboolean value)
{
  pthread_mutex_lock (&lock);
  fired = fired && !value;
  __atomic_store_n (&armed, value, __ATOMIC_RELAXED);
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

/* A broken ring stays an excuse. */
gboolean
faults_have_fired (void)
{
  gboolean value;

  pthread_mutex_lock (&lock);
  value = fired || have_broken;
  pthread_mutex_unlock (&lock);
  return value;
}

gboolean
faults_may_come (void)
{
  return TRUE;
}

void
faults_listen (FaultsBrokeFunc func)
{
  broke = func;
}

void
faults_begin_sparing (void)
{
  n_spared++;
}

void
faults_end_sparing (void)
{
  n_spared--;
}

/* Returns: an errno, 0 if the call is to be made */
static int
fail (const int *errors, guint n_errors)
{
  int error_number = 0;

  if (!__atomic_load_n (&armed, __ATOMIC_RELAXED))
    return 0;

  pthread_mutex_lock (&lock);
  if (armed && next < N_FAULTS && faults[next].n_before-- == 0)
    {
      error_number = errors[faults[next++].which % n_errors];
      fired = TRUE;
    }
  pthread_mutex_unlock (&lock);
  return error_number;
}

/* Where the library calls it as others do: @condition */
#define WRAP_IF(condition, type, name, parameters, arguments, errors, failed)                      \
  type __real_##name parameters;                                                                   \
  type __wrap_##name parameters;                                                                   \
  type __wrap_##name parameters                                                                    \
  {                                                                                                \
    int error_number = (condition) ? fail (errors, G_N_ELEMENTS (errors)) : 0;                     \
                                                                                                   \
    if (error_number == 0)                                                                         \
      return __real_##name arguments;                                                              \
    errno = error_number;                                                                          \
    return failed;                                                                                 \
  }

#define WRAP(type, name, parameters, arguments, errors, failed)                                    \
  WRAP_IF (TRUE, type, name, parameters, arguments, errors, failed)

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
WRAP (int, io_uring_register_buf_ring,
      (struct io_uring *uring, struct io_uring_buf_reg *registration, unsigned flags),
      (uring, registration, flags), any_errors, -error_number)
WRAP (struct io_uring_probe *, io_uring_get_probe_ring, (struct io_uring *uring), (uring),
      memory_errors, NULL)
WRAP (gpointer, g_try_malloc, (gsize size), (size), memory_errors, NULL)
WRAP (gpointer, g_try_realloc, (gpointer old, gsize size), (old, size), memory_errors, NULL)
WRAP_IF ((flags & EFD_CLOEXEC) != 0, int, eventfd, (unsigned value, int flags), (value, flags),
         descriptor_errors, -1)
WRAP_IF (flags == (MAP_PRIVATE | MAP_ANONYMOUS), void *, mmap,
         (void *address, size_t size, int protection, int flags, int fd, off_t offset),
         (address, size, protection, flags, fd, offset), memory_errors, MAP_FAILED)
WRAP_IF (advice == MADV_WIPEONFORK, int, madvise, (void *address, size_t size, int advice),
         (address, size, advice), memory_errors, -1)
/* clang-format on */

/* Rings that break */

int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);
int __real_io_uring_get_events (struct io_uring *uring);
int __wrap_io_uring_get_events (struct io_uring *uring);

static gboolean
is_final (int error_number)
{
  return error_number == EBADF || error_number == EPERM;
}

static int
fail_to_enter (const struct io_uring *uring)
{
  int error_number = fail (enter_errors, G_N_ELEMENTS (enter_errors));

  if (!is_final (error_number))
    return error_number;
  if (n_spared > 0 || n_broken == MAX_BROKEN)
    return EAGAIN;

  broken[n_broken++] = uring;
  have_broken = TRUE;
  if (broke != NULL)
    broke (uring);
  return error_number;
}

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  int error_number = fail_to_enter (uring);

  return error_number != 0 ? -error_number : __real_io_uring_submit (uring);
}

int
__wrap_io_uring_get_events (struct io_uring *uring)
{
  int error_number = fail_to_enter (uring);

  return error_number != 0 ? -error_number : __real_io_uring_get_events (uring);
}

/* Another ring may have been in the same place. */
int
faults_fail_setup (const struct io_uring *uring)
{
  for (guint i = 0; i < n_broken; i++)
    if (broken[i] == uring)
      broken[i] = NULL;
  return fail (setup_errors, G_N_ELEMENTS (setup_errors));
}

/* Returns: (nullable): that of a ring which is broken, and has something in flight */
static struct io_uring *
get_broken (GuringRing *ring)
{
  struct io_uring *uring = guring_ring_get_uring (ring);
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  for (guint i = 0; i < n_broken && statistics.in_flight > 0; i++)
    if (broken[i] == uring)
      return uring;
  return NULL;
}

void
faults_rescue (GuringRing *ring)
{
  struct io_uring *uring;

  while ((uring = get_broken (ring)) != NULL)
    {
      struct io_uring_sqe *sqe = io_uring_get_sqe (uring);
      struct pollfd fd = { .fd = uring->ring_fd, .events = POLLIN };

      *sqe = (struct io_uring_sqe){ 0 };
      io_uring_prep_cancel64 (sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
      sqe->user_data = RESCUER;
      __real_io_uring_submit (uring);
      poll (&fd, 1, 1);
      __real_io_uring_get_events (uring);
      guring_ring_iterate (ring, FALSE, NULL);
    }
}
