/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 10: a ring belongs to the thread that owns its context. And the ring that a context has
 * by default. */

#include "config.h"

#include <pthread.h>
#include <unistd.h>

#include "support.h"

#define N_RINGS 4
#define N_OPERATIONS 2000

static gchar byte;

static guint64
queue_on (GuringRing *its_ring, Record *record)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  return guring_ring_queue (its_ring, &sqe, record_completion, record, record_notify, NULL);
}

static void
make_unowned (void)
{
  g_autoptr (GError) error = NULL;

  context = g_main_context_new ();
  ring = guring_ring_new (context, 8, &error);
  ck_assert_msg (ring != NULL, "%s", error != NULL ? error->message : "no error");
}

static void
drop_unowned (void)
{
  assert_counts (0, 0);
  g_clear_object (&ring);
  g_clear_pointer (&context, g_main_context_unref);
}

/* The wrong thread */

static void
assert_busy (GError **error)
{
  assert_error (*error, G_IO_ERROR_BUSY);
  g_clear_error (error);
}

static gpointer
call_while_owned (gpointer data)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  GError *error = NULL;
  GuringRequest nop;

  io_uring_prep_nop (&sqe);
  nop = request (&sqe, &record);
  ck_assert_uint_eq (guring_ring_queue (ring, &sqe, record_completion, &record, record_notify,
                                        &error),
                     0);
  assert_busy (&error);
  ck_assert (!guring_ring_queue_chain (ring, &nop, 1, NULL, &error));
  assert_busy (&error);
  ck_assert_int_eq (guring_ring_submit (ring, &error), -1);
  assert_busy (&error);
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, &error), -1);
  assert_busy (&error);
  ck_assert (!guring_ring_close (ring, -1, &error));
  assert_busy (&error);
  assert_untouched (&record);
  return NULL;
}

typedef struct
{
  int *ends;
  pid_t owner;
} Intruder;

static gpointer
call_while_owner_sleeps (gpointer data)
{
  Intruder *intruder = data;

  wait_until_asleep (intruder->owner);
  call_while_owned (NULL);
  write_byte (intruder->ends[1]);
  return NULL;
}

START_TEST (calls_while_another_thread_runs_the_loop_are_refused)
{
  GuringStatistics statistics;
  Record record = { 0 };
  Intruder intruder;
  int fds[2];
  GThread *thread;

  make_pipe (fds);
  intruder = (Intruder){ fds, getpid () };
  queue_read_byte (fds[0], &byte, &record);
  thread = g_thread_new ("intruder", call_while_owner_sleeps, &intruder);
  if (_i == 0)
    run_until (record.n_final > 0);
  else
    ck_assert_int_eq (guring_ring_iterate (ring, TRUE, NULL), 1);
  g_thread_join (thread);

  assert_ended_with (&record, 1);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.queued, 1);
  close_pipe (fds);
}
END_TEST

static void
join_intruder (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  record_completion (completed_ring, completion, data);
  g_thread_join (g_thread_new ("intruder", call_while_owned, NULL));
}

START_TEST (calls_while_a_callback_runs_in_another_thread_are_refused)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, join_intruder, &record, record_notify, NULL),
                     0);
  run_until (record.n_final > 0);
  assert_ended_with (&record, 0);
}
END_TEST

/* No thread at all */

static gpointer
use_unowned (gpointer data)
{
  Record records[2] = { 0 };
  struct io_uring_sqe sqe = { 0 };
  GuringRequest nop;

  io_uring_prep_nop (&sqe);
  nop = request (&sqe, &records[1]);
  ck_assert_uint_ne (queue_on (ring, &records[0]), 0);
  ck_assert (guring_ring_queue_chain (ring, &nop, 1, NULL, NULL));
  ck_assert_int_eq (guring_ring_submit (ring, NULL), 2);
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, NULL), 2);
  assert_ended_with (&records[0], 0);
  assert_ended_with (&records[1], 0);
  return NULL;
}

START_TEST (any_thread_may_use_a_ring_that_nobody_owns)
{
  make_unowned ();
  use_unowned (NULL);
  g_thread_join (g_thread_new ("user", use_unowned, NULL));
  use_unowned (NULL);
  drop_unowned ();
}
END_TEST

#define N_VISITS 2000

static gpointer
visit (gpointer records)
{
  for (guint i = 0; i < N_VISITS; i++)
    ck_assert_uint_ne (queue_on (ring, (Record *) records + i), 0);
  return NULL;
}

START_TEST (threads_may_meet_at_a_ring_that_nobody_owns)
{
  g_autofree Record *records = g_new0 (Record, 2 * N_VISITS);
  GThread *other;

  make_unowned ();
  other = g_thread_new ("visitor", visit, records);
  visit (records + N_VISITS);
  g_thread_join (other);
  while (guring_ring_iterate (ring, TRUE, NULL) > 0)
    ;
  for (guint i = 0; i < 2 * N_VISITS; i++)
    assert_ended_with (&records[i], 0);
  drop_unowned ();
}
END_TEST

static gpointer
close_unowned (gpointer data)
{
  return GINT_TO_POINTER (guring_ring_close (ring, -1, NULL));
}

START_TEST (any_thread_may_close_a_ring_that_nobody_owns)
{
  Record record = { 0 };

  make_unowned ();
  ck_assert_uint_ne (queue_on (ring, &record), 0);
  ck_assert (GPOINTER_TO_INT (g_thread_join (g_thread_new ("close", close_unowned, NULL))));
  assert_ended_with (&record, -ECANCELED);
  drop_unowned ();
}
END_TEST

START_TEST (ring_made_in_one_thread_runs_in_another)
{
  Record record = { 0 };

  make_unowned ();
  ck_assert_uint_ne (queue_on (ring, &record), 0);
  g_thread_join (g_thread_new ("loop", run_until_ended, &record));
  assert_ended_with (&record, 0);
  drop_unowned ();
}
END_TEST

START_TEST (ring_moves_with_its_context)
{
  make_unowned ();
  for (guint i = 0; i < 10; i++)
    {
      Record record = { 0 };

      ck_assert_uint_ne (queue_on (ring, &record), 0);
      if (i % 2 == 0)
        run_until (record.n_final > 0);
      else
        g_thread_join (g_thread_new ("loop", run_until_ended, &record));
      assert_ended_with (&record, 0);
    }
  drop_unowned ();
}
END_TEST

/* The kernel cancels what a thread has submitted when that thread exits: it ends all the same. */
static gpointer
submit_and_exit (gpointer data)
{
  ck_assert_int_eq (guring_ring_submit (ring, NULL), 1);
  return NULL;
}

START_TEST (operation_of_a_thread_that_exited_ends)
{
  Record record = { 0 };
  int fds[2];

  make_pipe (fds);
  make_unowned ();
  queue_read_byte (fds[0], &byte, &record);
  g_thread_join (g_thread_new ("submit", submit_and_exit, NULL));
  write_byte (fds[1]); /* for kernels that let it go on */
  run_until (record.n_final > 0);
  assert_ended (&record);
  ck_assert (record.res == -ECANCELED || record.res == 1);
  drop_unowned ();
  close_pipe (fds);
}
END_TEST

typedef struct
{
  GMainContext *context;
  GuringRing *ring;
  Record records[N_OPERATIONS];
  guint n_ended;
  GThread *thread;
  gboolean strayed; /* a callback ran in another thread */
} Worker;

static pthread_barrier_t all_have_ended;

static void
count_worker (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Worker *worker = data;

  worker->strayed |= g_thread_self () != worker->thread || completed_ring != worker->ring;
  worker->n_ended++;
}

static gpointer
run_worker (gpointer data)
{
  Worker *worker = data;
  struct io_uring_sqe sqe = { 0 };

  worker->thread = g_thread_self ();
  worker->context = g_main_context_new ();
  g_main_context_push_thread_default (worker->context);
  worker->ring = make_ring (8);

  io_uring_prep_nop (&sqe);
  for (guint i = 0; i < N_OPERATIONS; i++)
    ck_assert_uint_ne (guring_ring_queue (worker->ring, &sqe, count_worker, worker, NULL, NULL), 0);
  while (worker->n_ended < N_OPERATIONS)
    g_main_context_iteration (worker->context, TRUE);

  /* So long each has its ring. ThreadSanitizer does not see liburing unmap one, and would take the
   * next in its place for the same. */
  pthread_barrier_wait (&all_have_ended);
  g_object_unref (worker->ring);
  g_main_context_pop_thread_default (worker->context);
  g_main_context_unref (worker->context);
  return NULL;
}

START_TEST (threads_with_a_ring_each_do_not_meet)
{
  g_autofree Worker *workers = g_new0 (Worker, N_RINGS);
  GThread *threads[N_RINGS];

  pthread_barrier_init (&all_have_ended, NULL, N_RINGS);
  for (guint i = 0; i < N_RINGS; i++)
    threads[i] = g_thread_new ("worker", run_worker, &workers[i]);
  for (guint i = 0; i < N_RINGS; i++)
    {
      g_thread_join (threads[i]);
      ck_assert_uint_eq (workers[i].n_ended, N_OPERATIONS);
      ck_assert (!workers[i].strayed);
    }
  pthread_barrier_destroy (&all_have_ended);
}
END_TEST

/* The default ring */

static GuringRing *
get_default (void)
{
  g_autoptr (GError) error = NULL;
  GuringRing *its_ring = guring_ring_get_default (&error);

  ck_assert_msg (its_ring != NULL, "%s", error != NULL ? error->message : "no error");
  return its_ring;
}

START_TEST (context_has_one_default_ring)
{
  GuringRing *its_ring = get_default ();
  Record record = { 0 };

  ck_assert_ptr_ne (its_ring, ring);
  ck_assert_ptr_eq (get_default (), its_ring);
  ck_assert_uint_ne (queue_on (its_ring, &record), 0);
  run_until (record.n_final > 0);
  assert_ended_with (&record, 0);
  ck_assert_ptr_eq (get_default (), its_ring);
}
END_TEST

START_TEST (another_context_has_another_default_ring)
{
  GMainContext *other = g_main_context_new ();
  GuringRing *first = get_default ();
  GuringRing *second;

  g_main_context_push_thread_default (other);
  second = get_default ();
  ck_assert_ptr_ne (first, second);
  g_main_context_pop_thread_default (other);
  ck_assert_ptr_eq (get_default (), first);
  g_main_context_unref (other);
  ck_assert_ptr_eq (get_default (), first);
}
END_TEST

START_TEST (default_ring_dies_with_its_context)
{
  GMainContext *other = g_main_context_new ();
  guint before = count_descriptors ();
  Record record = { 0 };
  GuringRing *its_ring;

  g_main_context_push_thread_default (other);
  its_ring = get_default ();
  ck_assert_uint_ne (queue_on (its_ring, &record), 0);
  g_object_add_weak_pointer (G_OBJECT (its_ring), (gpointer *) &its_ring);
  g_main_context_pop_thread_default (other);
  ck_assert_ptr_nonnull (its_ring);
  assert_untouched (&record);

  g_main_context_unref (other);
  ck_assert_ptr_null (its_ring);
  assert_ended_with (&record, -ECANCELED);
  ck_assert_uint_lt (count_descriptors (), before);
}
END_TEST

START_TEST (closed_default_ring_is_replaced)
{
  GuringRing *first = get_default ();
  Record record = { 0 };

  g_object_add_weak_pointer (G_OBJECT (first), (gpointer *) &first);
  ck_assert (guring_ring_close (first, -1, NULL));
  ck_assert_ptr_null (first);

  ck_assert_uint_ne (queue_on (get_default (), &record), 0);
  run_until (record.n_final > 0);
  assert_ended_with (&record, 0);
}
END_TEST

static gpointer
get_default_in_thread (gpointer data)
{
  GMainContext *other = g_main_context_new ();
  GuringRing *its_ring;
  GMainContext *its_context;

  g_main_context_push_thread_default (other);
  its_ring = get_default ();
  g_object_get (its_ring, "context", &its_context, NULL);
  ck_assert_ptr_eq (its_context, other);
  g_main_context_unref (its_context);
  g_main_context_pop_thread_default (other);
  g_main_context_unref (other);
  return NULL;
}

START_TEST (threads_get_their_own_default_rings)
{
  GThread *threads[N_RINGS];

  for (guint i = 0; i < N_RINGS; i++)
    threads[i] = g_thread_new ("default", get_default_in_thread, NULL);
  for (guint i = 0; i < N_RINGS; i++)
    g_thread_join (threads[i]);
  ck_assert_ptr_eq (get_default (), get_default ());
}
END_TEST

static gpointer
get_a_stranger_s_default (gpointer data)
{
  g_autoptr (GError) error = NULL;
  GuringRing *its_ring = guring_ring_get_default (&error);

  if (its_ring == NULL)
    assert_error (error, G_IO_ERROR_BUSY);
  return its_ring;
}

START_TEST (a_thread_gets_the_default_ring_only_while_nobody_else_has_it)
{
  ck_assert (g_main_context_acquire (NULL));
  ck_assert_ptr_null (g_thread_join (g_thread_new ("stranger", get_a_stranger_s_default, NULL)));
  g_main_context_release (NULL);

  ck_assert_ptr_nonnull (g_thread_join (g_thread_new ("stranger", get_a_stranger_s_default, NULL)));
}
END_TEST

static void
add_default_ring (TCase *tcase)
{
  tcase_add_test (tcase, context_has_one_default_ring);
  tcase_add_test (tcase, another_context_has_another_default_ring);
  tcase_add_test (tcase, default_ring_dies_with_its_context);
  tcase_add_test (tcase, closed_default_ring_is_replaced);
  tcase_add_test (tcase, threads_get_their_own_default_rings);
  tcase_add_test (tcase, a_thread_gets_the_default_ring_only_while_nobody_else_has_it);
}

int
main (void)
{
  Suite *suite = suite_create ("threads");
  TCase *owned = add_ring_case (suite, "owned");
  TCase *unowned = add_case (suite, "unowned");

  tcase_add_loop_test (owned, calls_while_another_thread_runs_the_loop_are_refused, 0, 2);
  tcase_add_test (owned, calls_while_a_callback_runs_in_another_thread_are_refused);
  add_default_ring (add_ring_case (suite, "default"));

  tcase_add_test (unowned, any_thread_may_use_a_ring_that_nobody_owns);
  tcase_add_test (unowned, threads_may_meet_at_a_ring_that_nobody_owns);
  tcase_add_test (unowned, any_thread_may_close_a_ring_that_nobody_owns);
  tcase_add_test (unowned, ring_made_in_one_thread_runs_in_another);
  tcase_add_test (unowned, ring_moves_with_its_context);
  tcase_add_test (unowned, operation_of_a_thread_that_exited_ends);
  tcase_add_test (unowned, threads_with_a_ring_each_do_not_meet);
  return run_suite (suite);
}
