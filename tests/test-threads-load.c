/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Threads with a ring each, which cancel each other's operations, close each other's rings, drop
 * the last references on them, and call what is not theirs to call. For a moment, or for as many
 * minutes as GURING_MINUTES says. */

#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support.h"

#define N_THREADS 8
#define N_OPERATIONS 32 /* of a ring, at once */
#define N_TURNS 200     /* of each thread, without GURING_MINUTES */

typedef enum
{
  OWNED,
  OFFERED, /* nobody owns the context: who wants to may close the ring */
  TAKEN,   /* somebody does */
  CLOSED   /* and has */
} State;

typedef struct
{
  struct _Worker *worker;
  gboolean busy;
  guint n_final;
} Operation;

typedef struct _Worker
{
  GMainContext *context;
  GRand *random;
  Operation operations[N_OPERATIONS]; /* of the ring's owner, as the next three */
  guint64 n_queued;
  guint64 n_ended;
  guint64 n_notified;
  guint64 n_cancelled; /* of other threads, as the next three */
  guint64 n_refused;
  guint64 n_closed;
  GuringRing *held; /* another's, until the next turn */

  pthread_mutex_t lock; /* of all that follows */
  pthread_cond_t changed;
  State state;
  GuringRing *ring;
  guint64 ids[N_OPERATIONS];
} Worker;

static Worker workers[N_THREADS];
static pthread_barrier_t all_have_begun, all_have_ended;
static int never; /* is anything to be read */
static struct __kernel_timespec hour = { .tv_sec = 3600 };
static struct __kernel_timespec soon = { .tv_nsec = 100000 };

/* ThreadSanitizer does not see liburing unmap a ring, and would take the next one in its place for
 * the same. So it is told that one comes after the other. */

int
__real_io_uring_queue_init_params (unsigned entries, struct io_uring *, struct io_uring_params *);
int
__wrap_io_uring_queue_init_params (unsigned entries, struct io_uring *, struct io_uring_params *);
void __real_io_uring_queue_exit (struct io_uring *);
void __wrap_io_uring_queue_exit (struct io_uring *);

static pthread_mutex_t mappings = PTHREAD_MUTEX_INITIALIZER;

int
__wrap_io_uring_queue_init_params (unsigned entries,
                                   struct io_uring *uring,
                                   struct io_uring_params *params)
{
  int ret;

  pthread_mutex_lock (&mappings);
  ret = __real_io_uring_queue_init_params (entries, uring, params);
  pthread_mutex_unlock (&mappings);
  return ret;
}

void
__wrap_io_uring_queue_exit (struct io_uring *uring)
{
  pthread_mutex_lock (&mappings);
  __real_io_uring_queue_exit (uring);
  pthread_mutex_unlock (&mappings);
}

static guint
get_minutes (void)
{
  const gchar *minutes = g_getenv ("GURING_MINUTES");

  return minutes != NULL ? (guint) atoi (minutes) : 0;
}

static guint
below (Worker *worker, gint limit)
{
  return (guint) g_rand_int_range (worker->random, 0, limit);
}

/* As ck_assert(), which writes down where it was each time that it holds: for minutes that is a
 * lot. */
#define must(condition)                                                                            \
  do                                                                                               \
    if (!(condition))                                                                              \
      ck_abort_msg ("%s", #condition);                                                             \
  while (0)

/* Callbacks: in the thread that owns the context, which is not always the worker's */

static void
on_completion (GuringRing *its_ring, const GuringCompletion *completion, gpointer data)
{
  Operation *operation = data;

  must (g_main_context_is_owner (operation->worker->context));
  must (operation->busy);
  must (operation->n_final == 0);
  if (!guring_completion_is_final (completion))
    return;
  operation->n_final++;
  operation->worker->n_ended++;
}

static void
on_notify (gpointer data)
{
  Operation *operation = data;

  must (g_main_context_is_owner (operation->worker->context));
  must (operation->busy);
  must (operation->n_final == 1);
  operation->busy = FALSE;
  operation->worker->n_notified++;
}

static void
prepare (Worker *worker, struct io_uring_sqe *sqe)
{
  switch (below (worker, 5))
    {
    case 0:
      io_uring_prep_nop (sqe);
      break;
    case 1:
      io_uring_prep_timeout (sqe, &soon, 0, 0);
      break;
    case 2:
      io_uring_prep_timeout (sqe, &hour, 0, 0);
      break;
    case 3:
      io_uring_prep_poll_multishot (sqe, never, POLLIN);
      break;
    default:
      io_uring_prep_poll_add (sqe, never, POLLIN);
    }
}

/* What a worker does with its own */

static void
publish (Worker *worker, guint i, guint64 id)
{
  pthread_mutex_lock (&worker->lock);
  worker->ids[i] = id;
  pthread_mutex_unlock (&worker->lock);
}

static void
queue_some (Worker *worker)
{
  for (guint i = 0; i < N_OPERATIONS; i++)
    {
      Operation *operation = &worker->operations[i];
      struct io_uring_sqe sqe = { 0 };
      guint64 id;

      if (operation->busy || below (worker, 4) == 0)
        continue;

      *operation = (Operation){ worker, TRUE, 0 };
      prepare (worker, &sqe);
      id = guring_ring_queue (worker->ring, &sqe, on_completion, operation, on_notify, NULL);
      must (id != 0);
      worker->n_queued++;
      publish (worker, i, id);
    }
}

/* It wakes up: by this, or because somebody cancels. */
static void
sleep_a_moment (Worker *worker)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_timeout (&sqe, &soon, 0, 0);
  must (guring_ring_queue (worker->ring, &sqe, NULL, NULL, NULL, NULL) != 0);
  if (below (worker, 2) == 0)
    g_main_context_iteration (worker->context, TRUE);
  else
    must (guring_ring_iterate (worker->ring, TRUE, NULL) >= 0);
}

/* The others see no ring, or the whole of it. */
static void
set_ring (Worker *worker, GuringRing *its_ring)
{
  pthread_mutex_lock (&worker->lock);
  worker->ring = its_ring;
  pthread_mutex_unlock (&worker->lock);
}

/* Another thread may have the last reference. The ring is closed before, as g_object_unref()
 * touches an object once more after its dispose() has found another owner, who may be through with
 * it by then (GLib 2.74). */
static void
drop_own_ring (Worker *worker, GuringRing *its_ring)
{
  set_ring (worker, NULL);
  must (guring_ring_close (its_ring, -1, NULL));
  g_object_unref (its_ring);
  must (worker->n_ended == worker->n_queued && worker->n_notified == worker->n_queued);
}

static void
offer (Worker *worker)
{
  GuringRing *its_ring = worker->ring;
  gboolean is_closed;

  pthread_mutex_lock (&worker->lock);
  g_main_context_release (worker->context);
  worker->state = OFFERED;
  pthread_mutex_unlock (&worker->lock);
  g_thread_yield ();
  pthread_mutex_lock (&worker->lock);
  while (worker->state == TAKEN)
    pthread_cond_wait (&worker->changed, &worker->lock);
  while (!g_main_context_acquire (worker->context)) /* whoever drops an older ring closes it */
    g_thread_yield ();
  is_closed = worker->state == CLOSED;
  if (is_closed)
    worker->ring = NULL;
  worker->state = OWNED;
  pthread_mutex_unlock (&worker->lock);
  if (is_closed)
    drop_own_ring (worker, its_ring);
}

/* And with others' */

static void
take_and_close (Worker *victim, GuringRing *its_ring)
{
  must (guring_ring_close (its_ring, -1, NULL));
  pthread_mutex_lock (&victim->lock);
  must (victim->n_ended == victim->n_queued);
  victim->state = CLOSED;
  pthread_cond_broadcast (&victim->changed);
  pthread_mutex_unlock (&victim->lock);
}

static void
assert_refused (GuringRing *its_ring)
{
  struct io_uring_sqe sqe = { 0 };
  g_autoptr (GError) error = NULL;

  io_uring_prep_nop (&sqe);
  must (guring_ring_queue (its_ring, &sqe, NULL, NULL, NULL, &error) == 0);
  must (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BUSY));
  must (guring_ring_iterate (its_ring, FALSE, NULL) == -1);
  must (!guring_ring_close (its_ring, -1, NULL));
}

/* Returns: (transfer full): its ring, if there is one; @id: that of any operation */
static GuringRing *
look_at (Worker *worker, Worker *victim, guint64 *id, gboolean *is_taken)
{
  GuringRing *its_ring = NULL;

  pthread_mutex_lock (&victim->lock);
  if (victim->ring != NULL)
    {
      its_ring = g_object_ref (victim->ring);
      *id = victim->ids[below (worker, N_OPERATIONS)];
      if (victim->state == OWNED && below (worker, 4) == 0)
        {
          assert_refused (its_ring); /* locked: it stays owned */
          worker->n_refused++;
        }
      *is_taken = victim->state == OFFERED;
      if (*is_taken)
        victim->state = TAKEN;
    }
  pthread_mutex_unlock (&victim->lock);
  return its_ring;
}

static void
intrude (Worker *worker)
{
  Worker *victim = &workers[below (worker, N_THREADS)];
  gboolean is_taken = FALSE;
  guint64 id = 0;
  GuringRing *its_ring;

  g_clear_object (&worker->held);
  if (victim == worker)
    return;

  its_ring = look_at (worker, victim, &id, &is_taken);
  if (is_taken)
    {
      take_and_close (victim, its_ring);
      worker->n_closed++;
    }
  else if (its_ring != NULL && guring_ring_cancel (its_ring, id))
    worker->n_cancelled++;
  worker->held = its_ring;
}

static void
take_turn (Worker *worker)
{
  if (worker->ring == NULL)
    set_ring (worker, guring_ring_new (NULL, N_OPERATIONS, NULL));
  must (worker->ring != NULL);
  queue_some (worker);
  if (below (worker, 8) == 0)
    sleep_a_moment (worker);
  else
    g_main_context_iteration (worker->context, FALSE);
  for (guint i = 0; i < 4; i++)
    intrude (worker);
  if (below (worker, 8) == 0)
    offer (worker);
  else if (below (worker, 16) == 0)
    drop_own_ring (worker, worker->ring);
}

static gpointer
run (gpointer data)
{
  Worker *worker = data;
  gint64 end = g_get_monotonic_time () + get_minutes () * 60 * G_TIME_SPAN_SECOND;

  worker->context = g_main_context_new ();
  g_main_context_push_thread_default (worker->context);
  pthread_barrier_wait (&all_have_begun);
  for (guint i = 0; i < N_TURNS || g_get_monotonic_time () < end; i++)
    take_turn (worker);

  if (worker->ring != NULL)
    drop_own_ring (worker, worker->ring);
  g_clear_object (&worker->held);

  /* No context goes while others may hold a ring of it. */
  pthread_barrier_wait (&all_have_ended);
  while (g_main_context_iteration (worker->context, FALSE))
    ;
  g_main_context_pop_thread_default (worker->context);
  g_main_context_unref (worker->context);
  return NULL;
}

static void
init_worker (guint i)
{
  Worker *worker = &workers[i];

  worker->random = g_rand_new_with_seed (i);
  pthread_mutex_init (&worker->lock, NULL);
  pthread_cond_init (&worker->changed, NULL);
}

/* Adds up what they have done. */
static void
finish_worker (guint i)
{
  const Worker *worker = &workers[i];

  ck_assert_uint_eq (worker->n_ended, worker->n_queued);
  ck_assert_uint_eq (worker->n_notified, worker->n_queued);
  if (i > 0)
    {
      workers[0].n_queued += worker->n_queued;
      workers[0].n_cancelled += worker->n_cancelled;
      workers[0].n_refused += worker->n_refused;
      workers[0].n_closed += worker->n_closed;
    }
  g_rand_free (worker->random);
}

/* Not all descriptors: ThreadSanitizer has some of its own. */
static guint
count_rings (void)
{
  guint n = 0;

  for (gint fd = 0; fd < 1024; fd++)
    {
      g_autofree gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd);
      g_autofree gchar *what = g_file_read_link (path, NULL);

      n += what != NULL && strstr (what, "io_uring") != NULL;
    }
  return n;
}

START_TEST (threads_cancel_and_close_what_others_have)
{
  GThread *threads[N_THREADS];

  never = eventfd (0, EFD_CLOEXEC);
  pthread_barrier_init (&all_have_begun, NULL, N_THREADS);
  pthread_barrier_init (&all_have_ended, NULL, N_THREADS);
  for (guint i = 0; i < N_THREADS; i++)
    init_worker (i);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("worker", run, &workers[i]);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < N_THREADS; i++)
    finish_worker (i);

  g_print ("# %" G_GUINT64_FORMAT " operations, %" G_GUINT64_FORMAT
           " cancellations and %" G_GUINT64_FORMAT " closes in other threads, %" G_GUINT64_FORMAT
           " refused\n",
           workers[0].n_queued, workers[0].n_cancelled, workers[0].n_closed, workers[0].n_refused);
  ck_assert_uint_gt (workers[0].n_cancelled, 0);
  ck_assert_uint_gt (workers[0].n_closed, 0);
  ck_assert_uint_gt (workers[0].n_refused, 0);
  close (never);
  ck_assert_uint_eq (count_rings (), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("threads-load");
  TCase *tcase = add_case (suite, "load");

  tcase_set_timeout (tcase, 600 + 60 * get_minutes ());
  tcase_add_test (tcase, threads_cancel_and_close_what_others_have);
  return run_suite (suite);
}
