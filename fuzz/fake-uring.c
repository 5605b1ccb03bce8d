/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1 /* as gcc says it */
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void) (address), (void) (size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void) (address), (void) (size))
#endif

#include "fake-uring.h"
#include "oracle.h"

#define CANCELLATION_BIT (G_GUINT64_CONSTANT (1) << 63)
#define MAX_IDLE_POLLS 1000
#define GUARD_SIZE 4096

int __real_g_poll (GPollFD *fds, guint n_fds, gint timeout);
int __wrap_g_poll (GPollFD *fds, guint n_fds, gint timeout);
gint64 __wrap_g_get_monotonic_time (void);
int __wrap_io_uring_queue_init_params (unsigned entries,
                                       struct io_uring *uring,
                                       struct io_uring_params *params);
void __wrap_io_uring_queue_exit (struct io_uring *uring);
int __wrap_io_uring_ring_dontfork (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_get_events (struct io_uring *uring);
struct io_uring_probe *__wrap_io_uring_get_probe_ring (struct io_uring *uring);
void __wrap_io_uring_free_probe (struct io_uring_probe *probe);
int __real_eventfd (unsigned value, int flags);
int __wrap_eventfd (unsigned value, int flags);
void *__real_mmap (void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap (void *address, size_t size, int protection, int flags, int fd, off_t offset);
int __real_munmap (void *address, size_t size);
int __wrap_munmap (void *address, size_t size);
int __real_madvise (void *address, size_t size, int advice);
int __wrap_madvise (void *address, size_t size, int advice);

FakeUring fake_uring;

static FakeUringMemory last_memory;
static int ring_fd = -1; /* never ready: just a number to be polled */
static gboolean has_lost_descriptor;
static gint64 now;
static unsigned last_cq_head;
static guint n_idle_polls;

/* The CQ */

static gboolean
is_readable (void)
{
  return fake_uring.memory->cq_tail != fake_uring.memory->cq_head || fake_uring.waiting->len > 0;
}

static gboolean
has_room (void)
{
  const FakeUringMemory *memory = fake_uring.memory;

  return memory->cq_tail - memory->cq_head < fake_uring.uring->cq.ring_entries;
}

static void
put (const struct io_uring_cqe *cqe)
{
  struct io_uring_cq *cq = &fake_uring.uring->cq;
  struct io_uring_cqe *slot = &cq->cqes[fake_uring.memory->cq_tail++ & cq->ring_mask];

  slot->user_data = cqe->user_data;
  slot->res = cqe->res;
  slot->flags = cqe->flags;
  g_array_append_vals (fake_uring.posted, cqe, 1);
}

static void
post (guint64 user_data, gint32 res, guint32 flags, gboolean deferred)
{
  const struct io_uring_cqe cqe = { .user_data = user_data, .res = res, .flags = flags };

  deferred = deferred && (fake_uring.uring->flags & IORING_SETUP_TASKRUN_FLAG);
  if (fake_uring.waiting->len == 0 && has_room () && !deferred)
    {
      put (&cqe);
      return;
    }

  fake_uring.memory->sq_flags |= has_room () ? IORING_SQ_TASKRUN : IORING_SQ_CQ_OVERFLOW;
  g_array_append_vals (fake_uring.waiting, &cqe, 1);
}

static void
post_waiting (void)
{
  guint n = 0;

  for (; n < fake_uring.waiting->len && has_room (); n++)
    put (&g_array_index (fake_uring.waiting, struct io_uring_cqe, n));
  if (n > 0)
    g_array_remove_range (fake_uring.waiting, 0, n);

  fake_uring.memory->sq_flags = fake_uring.waiting->len > 0 ? IORING_SQ_CQ_OVERFLOW : 0;
}

/* What becomes of requests */

static gboolean
forget_request (guint64 user_data)
{
  for (guint i = 0; i < fake_uring.requests->len; i++)
    if (g_array_index (fake_uring.requests, guint64, i) == user_data)
      {
        g_array_remove_index (fake_uring.requests, i);
        return TRUE;
      }
  return FALSE;
}

static void
answer_cancellation (guint64 user_data, gboolean deferred)
{
  static const gint32 results[] = { 0, 0, -ENOENT, -EALREADY, -EINVAL, 1 };
  FuzzInput *input = fake_uring.input;
  gint32 res = input_take_choice (input, results);
  guint64 target = user_data & ~CANCELLATION_BIT;
  gboolean answer_first = input_take_boolean (input);

  if (answer_first)
    post (user_data, res, 0, deferred);
  if (res == 0 && forget_request (target))
    post (target, -ECANCELED, 0, deferred);
  if (!answer_first)
    post (user_data, res, 0, deferred);
}

static void
complete (guint n, gboolean deferred)
{
  static const gint32 results[] = { 0, 1, 4096, -ECANCELED, -EINTR, -EAGAIN, -ETIME, G_MININT };
  FuzzInput *input = fake_uring.input;
  guint64 user_data = g_array_index (fake_uring.requests, guint64, n);
  guint32 flags;
  gint32 res;

  if (user_data & CANCELLATION_BIT)
    {
      g_array_remove_index (fake_uring.requests, n);
      answer_cancellation (user_data, deferred);
      return;
    }

  flags = input_take_byte (input); /* IORING_CQE_F_MORE among them */
  res = input_take_choice (input, results);
  if ((flags & IORING_CQE_F_MORE) == 0)
    g_array_remove_index (fake_uring.requests, n);
  post (user_data, res, flags, deferred);
}

/* What no request asked for */
static void
forge (gboolean deferred)
{
  static const guint64 masks[] = { 0, 0, CANCELLATION_BIT, G_GUINT64_CONSTANT (2) << 32, 1 };
  FuzzInput *input = fake_uring.input;
  guint64 user_data = input_take_boolean (input)
                        ? input_take_integer (input, sizeof user_data)
                        : fake_uring.funcs->choose_id (input) ^ input_take_choice (input, masks);
  guint32 flags = input_take_byte (input);

  post (user_data, (gint32) input_take_integer (input, 2) - 256, flags, deferred);
}

void
fake_uring_act (void)
{
  FuzzInput *input = fake_uring.input;
  guint8 choice = input_take_byte (input);
  gboolean deferred = (choice & 8) != 0;

  if (fake_uring.uring == NULL)
    return;

  if ((choice & 7) == 7)
    forge (deferred);
  else if (fake_uring.requests->len == 0)
    return;
  else if ((choice & 7) == 6)
    for (guint n = fake_uring.requests->len; n > 0 && fake_uring.requests->len > 0; n--)
      complete (0, deferred);
  else
    complete (input_take_below (input, fake_uring.requests->len), deferred);
}

/* io_uring_enter() */

/* Returns: how many of @n SQEs to take; @ret: what to return */
static guint
decide (guint n, int *ret)
{
  static const int transient[] = { EAGAIN, EBUSY, EINTR, ENOMEM };
  static const int final[] = { EBADF, EPERM, ENXIO, EOPNOTSUPP };
  guint8 choice = input_take_byte (fake_uring.input);

  fake_uring.n_enters++;
  *ret = (int) n;
  if (choice >= 0xfe && fake_uring.failure == 0)
    fake_uring.failure = input_take_choice (fake_uring.input, final);

  if (fake_uring.failure != 0)
    *ret = -fake_uring.failure;
  else if (choice >= 0xe0)
    *ret = -transient[choice % G_N_ELEMENTS (transient)];
  else if (choice >= 0xc0)
    *ret = (int) input_take_below (fake_uring.input, n + 1);
  return (guint) MAX (*ret, 0);
}

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  FakeUringMemory *memory = fake_uring.memory;
  struct io_uring_sqe sqes[256];
  guint n = uring->sq.sqe_tail - memory->sq_head;
  guint n_taken;
  guint8 at_once;
  int ret;

  oracle_holds ("the SQ is not overrun", n <= uring->sq.ring_entries, "%u SQEs", n);
  n_taken = decide (n, &ret);
  memory->sq_tail = uring->sq.sqe_head = uring->sq.sqe_tail;
  for (guint i = 0; i < n; i++)
    sqes[i] = uring->sq.sqes[(memory->sq_head + i) & uring->sq.ring_mask];
  fake_uring.funcs->submitting (sqes, n, n_taken);

  for (guint i = 0; i < n_taken; i++)
    {
      guint64 user_data = sqes[i].user_data;

      g_array_append_val (fake_uring.requests, user_data);
    }
  memory->sq_head += n_taken;

  if (fake_uring.failure == 0)
    post_waiting ();
  at_once = input_take_byte (fake_uring.input);
  for (guint i = 0; i < MIN (n_taken, 8) && fake_uring.requests->len > 0; i++)
    if (at_once >> i & 1)
      complete (fake_uring.requests->len - 1, FALSE);
  return ret;
}

int
__wrap_io_uring_get_events (struct io_uring *uring)
{
  int ret;

  if (fake_uring.memory->sq_flags & IORING_SQ_CQ_OVERFLOW)
    fake_uring.n_overflows++;
  decide (0, &ret);
  if (ret == 0)
    post_waiting ();
  return ret;
}

/* The ring's beginning and end */

static guint
round_up (guint n)
{
  return n > 1 ? 1u << g_bit_storage (n - 1) : 1;
}

static void
make_sq (struct io_uring_sq *sq, guint entries)
{
  sq->khead = &fake_uring.memory->sq_head;
  sq->ktail = &fake_uring.memory->sq_tail;
  sq->kflags = &fake_uring.memory->sq_flags;
  sq->ring_entries = entries;
  sq->ring_mask = entries - 1;
  sq->sqe_head = sq->sqe_tail = fake_uring.memory->sq_head;
  sq->sqes = g_new (struct io_uring_sqe, entries);
}

static void
make_cq (struct io_uring_cq *cq, guint entries)
{
  cq->khead = &fake_uring.memory->cq_head;
  cq->ktail = &fake_uring.memory->cq_tail;
  cq->ring_entries = entries;
  cq->ring_mask = entries - 1;
  cq->cqes = g_new (struct io_uring_cqe, entries);
}

static int
choose_setup_error (void)
{
  static const int errors[] = { EINVAL, ENOSYS, EPERM, EACCES, ENOMEM, EMFILE, ENFILE, EBUSY };
  guint8 choice = input_take_byte (fake_uring.input);

  return choice >= 0xe0 ? errors[choice % G_N_ELEMENTS (errors)] : 0;
}

int
__wrap_io_uring_queue_init_params (unsigned entries,
                                   struct io_uring *uring,
                                   struct io_uring_params *params)
{
  static const unsigned starts[] = { 0, G_MAXUINT - 2 }; /* the second wraps soon */
  guint cq_entries = params->flags & IORING_SETUP_CQSIZE ? params->cq_entries : 2 * entries;

  fake_uring.setup_error = fake_uring.uring != NULL ? EMFILE : choose_setup_error ();
  if (fake_uring.setup_error != 0)
    return -fake_uring.setup_error;

  fake_uring.memory = g_new0 (FakeUringMemory, 1);
  fake_uring.memory->sq_head = input_take_choice (fake_uring.input, starts);
  fake_uring.memory->sq_tail = fake_uring.memory->cq_head = fake_uring.memory->cq_tail =
    fake_uring.first_cqe = last_cq_head = fake_uring.memory->sq_head;

  *uring = (struct io_uring){ .flags = params->flags, .ring_fd = ring_fd };
  make_sq (&uring->sq, round_up (entries));
  make_cq (&uring->cq, round_up (cq_entries));
  fake_uring.uring = uring;
  return 0;
}

void
__wrap_io_uring_queue_exit (struct io_uring *uring)
{
  oracle_holds ("a ring is closed once", uring == fake_uring.uring, "not the one that is open");
  last_memory = *fake_uring.memory;
  g_free (fake_uring.memory);
  fake_uring.memory = &last_memory;
  g_free (uring->sq.sqes);
  g_free (uring->cq.cqes);
  fake_uring.uring = NULL;
}

int
__wrap_io_uring_ring_dontfork (struct io_uring *uring)
{
  return 0;
}

struct io_uring_probe *
__wrap_io_uring_get_probe_ring (struct io_uring *uring)
{
  guint n = input_take_below (fake_uring.input, IORING_OP_LAST + 1);
  struct io_uring_probe *probe;

  if (n == 0)
    return NULL;

  probe = g_malloc0 (sizeof *probe + n * sizeof probe->ops[0]);
  probe->ops_len = (guint8) n;
  for (guint i = 0; i < n; i++)
    probe->ops[i] = (struct io_uring_probe_op){ .op = (guint8) i, .flags = i & 1 };
  return probe;
}

void
__wrap_io_uring_free_probe (struct io_uring_probe *probe)
{
  g_free (probe);
}

/* Time */

gint64
__wrap_g_get_monotonic_time (void)
{
  return now;
}

static void
watch_for_spinning (void)
{
  n_idle_polls = last_cq_head == fake_uring.memory->cq_head ? n_idle_polls + 1 : 0;
  last_cq_head = fake_uring.memory->cq_head;
  oracle_holds ("nothing spins", n_idle_polls < MAX_IDLE_POLLS, "it looks and looks");
}

static void
pass_time (gint timeout)
{
  if (timeout > 0)
    {
      fake_uring_act ();
      now += timeout * G_GINT64_CONSTANT (1000);
    }
  else
    while (!is_readable ())
      {
        oracle_holds ("nothing hangs",
                      !input_is_empty (fake_uring.input) || fake_uring.requests->len > 0,
                      "it sleeps for ever with nothing in flight");
        fake_uring_act ();
      }
}

/* The descriptors that wake a thread up are real ones. */
static void
forget_wake_ups (const GPollFD *fds, guint n_fds)
{
  eventfd_t value;

  for (guint i = 0; i < n_fds; i++)
    if (fds[i].fd != ring_fd)
      eventfd_read (fds[i].fd, &value);
}

/* Returns: whether somebody woke it up */
static gboolean
let_others_act (GPollFD *fds, guint n_fds)
{
  if (input_take_below (fake_uring.input, 8) != 1)
    return FALSE;

  forget_wake_ups (fds, n_fds);
  if (!fake_uring.funcs->meanwhile ())
    return FALSE;

  oracle_holds ("wake-ups", __real_g_poll (fds, n_fds, 0) > 0,
                "there is something to be done, and it sleeps on");
  return TRUE;
}

/* Somebody closes the ring's descriptor. */
static void
perhaps_lose_descriptor (void)
{
  if (input_take_byte (fake_uring.input) != 0xff || fake_uring.failure != 0)
    return;

  fake_uring.failure = EBADF;
  has_lost_descriptor = TRUE;
}

static int
report (GPollFD *fds, guint n_fds)
{
  int n = 0;

  for (guint i = 0; i < n_fds; i++)
    {
      if (fds[i].fd == ring_fd)
        {
          perhaps_lose_descriptor ();
          fds[i].revents = has_lost_descriptor ? G_IO_NVAL : is_readable () ? G_IO_IN : 0;
        }
      n += fds[i].revents != 0;
    }
  return n;
}

int
fake_uring_poll (GPollFD *fds, guint n_fds, gint timeout)
{
  for (guint i = 0; i < n_fds; i++)
    fds[i].revents = 0;

  watch_for_spinning ();
  if (timeout != 0 && !is_readable ())
    {
      fake_uring.funcs->sleeping (timeout);
      if (!let_others_act (fds, n_fds))
        pass_time (timeout);
    }
  return report (fds, n_fds);
}

int
__wrap_g_poll (GPollFD *fds, guint n_fds, gint timeout)
{
  return fake_uring_poll (fds, n_fds, timeout);
}

/* What else a ring asks the system for */

static gboolean
fails (void)
{
  return fake_uring.fails && input_take_below (fake_uring.input, 4) == 3;
}

int
__wrap_eventfd (unsigned value, int flags)
{
  if (!fails ())
    return __real_eventfd (value, flags);

  errno = EMFILE;
  return -1;
}

/* The page of a fork guard, which a real mmap() would have to be cleared for each ring. */
static guint8 guard_page[GUARD_SIZE] __attribute__ ((aligned (GUARD_SIZE)));
static gboolean guard_is_mapped;

void *
__wrap_mmap (void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
  if (fake_uring.input == NULL || size != GUARD_SIZE || guard_is_mapped)
    return __real_mmap (address, size, protection, flags, fd, offset);
  if (fails ())
    {
      errno = ENOMEM;
      return MAP_FAILED;
    }

  guard_is_mapped = TRUE;
  ASAN_UNPOISON_MEMORY_REGION (guard_page, GUARD_SIZE);
  guard_page[0] = 0;
  return guard_page;
}

int
__wrap_munmap (void *address, size_t size)
{
  if (address != guard_page)
    return __real_munmap (address, size);

  oracle_holds ("unmapped once", guard_is_mapped, "twice");
  ASAN_POISON_MEMORY_REGION (guard_page, GUARD_SIZE);
  guard_is_mapped = FALSE;
  return 0;
}

int
__wrap_madvise (void *address, size_t size, int advice)
{
  if (address != guard_page)
    return __real_madvise (address, size, advice);
  if (!fails ())
    return 0;

  errno = EINVAL;
  return -1;
}

void
fake_uring_start (FuzzInput *input, const FakeUringFuncs *funcs)
{
  if (ring_fd < 0)
    {
      ring_fd = eventfd (0, EFD_CLOEXEC);
      fake_uring.requests = g_array_new (FALSE, FALSE, sizeof (guint64));
      fake_uring.posted = g_array_new (FALSE, FALSE, sizeof (struct io_uring_cqe));
      fake_uring.waiting = g_array_new (FALSE, FALSE, sizeof (struct io_uring_cqe));
    }

  g_array_set_size (fake_uring.requests, 0);
  g_array_set_size (fake_uring.posted, 0);
  g_array_set_size (fake_uring.waiting, 0);
  fake_uring.input = input;
  fake_uring.funcs = funcs;
  fake_uring.memory = &last_memory;
  last_memory = (FakeUringMemory){ 0 };
  fake_uring.first_cqe = 0;
  fake_uring.setup_error = fake_uring.failure = 0;
  fake_uring.n_enters = fake_uring.n_overflows = 0;
  has_lost_descriptor = FALSE;
  n_idle_polls = 0;
  now = G_USEC_PER_SEC;
}
