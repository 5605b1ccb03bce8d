/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <pthread.h>

#include "faults.h"
#include "tests/interpose.h"

#define N_FAULTS 6
#define MAX_BROKEN 8

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
static guint64 n_fired;

/* Not what may say that there is no such file, or that GIO does better: that is no failure. */
static const int any_errors[] = { EIO, ENOSPC, EINTR, ENOMEM };
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

void
faults_stop (void)
{
  faults_disarm ();
  next = N_FAULTS;
  n_broken = 0;
  have_broken = FALSE;
}

guint64
faults_get_count (void)
{
  return n_fired;
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
      n_fired++;
    }
  pthread_mutex_unlock (&lock);
  return error_number;
}

/* Not those that end a file or say what becomes of it: the harnesses would see that. */
static gboolean
may_fail (const Interposed *function)
{
  static const gchar *const names[] = {
    "eventfd",
    "fsync",
    "ftruncate",
    "g_try_malloc",
    "g_try_realloc",
    "io_uring_get_probe_ring",
    "io_uring_register_buf_ring",
    "madvise",
    "mkdirat",
    "mmap",
    "openat",
    "pread",
    "pwrite",
    "read",
    "renameat2",
    "statx",
    "write",
    NULL,
  };

  return g_strv_contains (names, function->name);
}

int
interpose_decide (const Interposed *function)
{
  return may_fail (function) ? fail (any_errors, G_N_ELEMENTS (any_errors)) : 0;
}

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

/* And has something in flight */
static gboolean
is_broken (GuringRing *ring)
{
  struct io_uring *uring = guring_ring_get_uring (ring);
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  for (guint i = 0; i < n_broken && uring != NULL && statistics.in_flight > 0; i++)
    if (broken[i] == uring)
      return TRUE;
  return FALSE;
}

void
faults_rescue (GuringRing *ring)
{
  while (is_broken (ring))
    interpose_rescue (ring);
}
