/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 10: a context that moves from one thread to another between its iterations takes its ring
 * along, with all that the ring has to do. Two threads live all the while and take turns. */

#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support.h"

#define N_TURNS 200
#define PATIENCE 10 /* iterations */

typedef void (*TurnFunc) (guint turn);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static guint next_turn;
static TurnFunc turn_func;
static pthread_t turns_thread; /* whose turn it is */

static Record records[N_TURNS];
static gchar bytes[N_TURNS];

static gpointer
take_turns (gpointer first)
{
  pthread_mutex_lock (&lock);
  for (guint turn = GPOINTER_TO_UINT (first); turn < N_TURNS; turn += 2)
    {
      while (next_turn != turn)
        pthread_cond_wait (&changed, &lock);
      turns_thread = pthread_self ();
      turn_func (turn);
      next_turn++;
      pthread_cond_broadcast (&changed);
    }
  while (next_turn < N_TURNS) /* what a thread has submitted ends when it exits */
    pthread_cond_wait (&changed, &lock);
  pthread_mutex_unlock (&lock);
  return NULL;
}

/* Turns 0, 2, 4, … in one thread, 1, 3, 5, … in another */
static void
alternate (TurnFunc func)
{
  GThread *threads[2];

  turn_func = func;
  for (guint i = 0; i < 2; i++)
    threads[i] = g_thread_new ("turns", take_turns, GUINT_TO_POINTER (i));
  for (guint i = 0; i < 2; i++)
    g_thread_join (threads[i]);
}

/* Nobody owns the context when no thread has its turn. */
static void
setup (void)
{
  g_autoptr (GError) error = NULL;

  context = g_main_context_new ();
  ring = guring_ring_new (context, 8, &error);
  ck_assert_msg (ring != NULL, "%s", error != NULL ? error->message : "no error");
  make_pipe (ends);
}

static void
teardown (void)
{
  close_pipe (ends);
  if (ring != NULL)
    assert_counts (0, 0);
  g_clear_object (&ring);
  g_clear_pointer (&context, g_main_context_unref);
}

static void
on_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer record)
{
  ck_assert (pthread_equal (turns_thread, pthread_self ()));
  record_completion (completed_ring, completion, record);
}

static void
on_notify (gpointer record)
{
  ck_assert (pthread_equal (turns_thread, pthread_self ()));
  record_notify (record);
}

static guint64
queue_here (const struct io_uring_sqe *sqe, Record *record)
{
  g_autoptr (GError) error = NULL;
  guint64 id = guring_ring_queue (ring, sqe, on_completion, record, on_notify, &error);

  ck_assert_msg (id != 0, "%s", error != NULL ? error->message : "no error");
  return id;
}

static guint64
queue_read (guint i)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, ends[0], &bytes[i], 1, 0);
  return queue_here (&sqe, &records[i]);
}

/* Submits, as nothing is ready. */
static void
iterate_once (void)
{
  g_main_context_iteration (context, FALSE);
}

/* Each thread ends what the other has in flight. */
static void
end_the_other_s_read (guint turn)
{
  if (turn > 0)
    {
      assert_counts (1, 0);
      write_byte (ends[1]);
      run_until (records[turn - 1].n_final > 0);
      assert_ended_with (&records[turn - 1], 1);
    }
  if (turn + 1 < N_TURNS)
    {
      queue_read (turn);
      iterate_once ();
    }
}

START_TEST (operations_in_flight_move)
{
  alternate (end_the_other_s_read);
}
END_TEST

/* What is queued in one thread is submitted and ended in the other. */
static void
end_the_other_s_backlog (guint turn)
{
  if (turn > 0)
    run_until (records[turn - 1].n_final > 0);
  if (turn + 1 < N_TURNS)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_nop (&sqe);
      queue_here (&sqe, &records[turn]);
      assert_counts (0, 1);
    }
}

START_TEST (operations_that_wait_to_be_submitted_move)
{
  alternate (end_the_other_s_backlog);
  for (guint i = 0; i + 1 < N_TURNS; i++)
    assert_ended_with (&records[i], 0);
}
END_TEST

static guint64 last_id;

static void
cancel_the_other_s_read (guint turn)
{
  if (turn > 0)
    {
      ck_assert (guring_ring_cancel (ring, last_id));
      run_until (records[turn - 1].n_final > 0);
      assert_ended_with (&records[turn - 1], -ECANCELED);
    }
  if (turn + 1 < N_TURNS)
    {
      last_id = queue_read (turn);
      iterate_once ();
    }
}

START_TEST (operations_are_cancelled_from_where_they_moved_to)
{
  alternate (cancel_the_other_s_read);
}
END_TEST

static int waited_for;

static void
hear_of_one_event (guint turn)
{
  guint before = records[0].n_more;
  eventfd_t value;

  if (turn == 0)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_poll_multishot (&sqe, waited_for, POLLIN);
      last_id = queue_here (&sqe, &records[0]);
      iterate_once ();
    }
  ck_assert_int_eq (eventfd_write (waited_for, 1), 0);
  run_until (records[0].n_more > before);
  ck_assert_int_eq (eventfd_read (waited_for, &value), 0);

  if (turn + 1 == N_TURNS)
    {
      guring_ring_cancel (ring, last_id);
      run_until (records[0].n_final > 0);
      assert_ended_with (&records[0], -ECANCELED);
    }
}

START_TEST (multishot_operation_moves)
{
  waited_for = eventfd (0, EFD_CLOEXEC);
  alternate (hear_of_one_event);
  close (waited_for);
}
END_TEST

/* Blocked in the kernel, not in the main loop */
static void
wait_for_the_other_s_read (guint turn)
{
  if (turn > 0)
    {
      write_byte (ends[1]);
      while (records[turn - 1].n_final == 0)
        iterate_ring (TRUE);
      assert_ended_with (&records[turn - 1], 1);
    }
  if (turn + 1 < N_TURNS)
    {
      queue_read (turn);
      assert_submits (1);
    }
}

START_TEST (ring_without_a_loop_moves)
{
  alternate (wait_for_the_other_s_read);
}
END_TEST

/* Its end */

static void
close_with_the_other_s_read (guint turn)
{
  if (turn == 0)
    {
      queue_read (0);
      iterate_once ();
    }
  if (turn == 1)
    {
      ck_assert (guring_ring_close (ring, -1, NULL));
      assert_ended_with (&records[0], -ECANCELED);
    }
}

START_TEST (ring_is_closed_where_it_moved_to)
{
  alternate (close_with_the_other_s_read);
}
END_TEST

static void
drop_context_with_the_other_s_read (guint turn)
{
  if (turn == 0)
    {
      queue_read (0);
      iterate_once ();
    }
  if (turn == 1)
    {
      g_clear_pointer (&context, g_main_context_unref);
      assert_ended_with (&records[0], -ECANCELED);
    }
}

START_TEST (context_goes_where_it_moved_to)
{
  alternate (drop_context_with_the_other_s_read);
}
END_TEST

/* The maker is gone */

static gpointer
make_and_exit (gpointer data)
{
  ring = guring_ring_new (context, 8, NULL);
  return NULL;
}

static gpointer
run_and_close (gpointer data)
{
  turns_thread = pthread_self ();
  end_the_other_s_read (0);
  end_the_other_s_read (1);
  ck_assert (guring_ring_close (ring, -1, NULL));
  assert_ended_with (&records[1], -ECANCELED);
  return NULL;
}

START_TEST (ring_outlives_the_thread_that_made_it)
{
  g_clear_object (&ring);
  g_thread_join (g_thread_new ("maker", make_and_exit, NULL));
  ck_assert_ptr_nonnull (ring);
  g_thread_join (g_thread_new ("user", run_and_close, NULL));
}
END_TEST

static gpointer
wait_and_exit (gpointer data)
{
  struct io_uring_sqe sqe = { 0 };

  turns_thread = pthread_self ();
  io_uring_prep_poll_multishot (&sqe, waited_for, POLLIN);
  queue_here (&sqe, &records[0]);
  iterate_once ();
  ck_assert_int_eq (eventfd_write (waited_for, 1), 0);
  run_until (records[0].n_more > 0);
  return NULL;
}

/* The kernel ends it in the thread that exits, and leaves IORING_SQ_TASKRUN behind. */
START_TEST (loop_sleeps_when_a_thread_that_submitted_has_exited)
{
  gboolean is_busy = TRUE;

  waited_for = eventfd (0, EFD_CLOEXEC);
  g_thread_join (g_thread_new ("waiter", wait_and_exit, NULL));
  turns_thread = pthread_self ();
  ck_assert_int_eq (eventfd_write (waited_for, 1), 0);
  run_until (records[0].n_final > 0);
  assert_ended_with (&records[0], -ECANCELED);
  for (guint i = 0; i < PATIENCE && is_busy; i++)
    is_busy = g_main_context_iteration (context, FALSE);
  ck_assert (!is_busy);
  close (waited_for);
}
END_TEST

/* The default ring */

static GuringRing *
get_default (void)
{
  GuringRing *its_ring;

  g_main_context_push_thread_default (context);
  its_ring = guring_ring_get_default (NULL);
  g_main_context_pop_thread_default (context);
  ck_assert_ptr_nonnull (its_ring);
  return its_ring;
}

static GuringRing *default_ring;

/* Every tenth is closed: by this thread, or by the other. */
static void
ask_for_the_default_ring (guint turn)
{
  GuringRing *its_ring = get_default ();

  if (turn % 10 == 0)
    {
      if (default_ring != NULL)
        ck_assert (guring_ring_close (its_ring, -1, NULL));
      default_ring = get_default ();
    }
  ck_assert_ptr_eq (get_default (), default_ring);
}

START_TEST (default_ring_moves)
{
  alternate (ask_for_the_default_ring);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, operations_in_flight_move);
  tcase_add_test (tcase, operations_that_wait_to_be_submitted_move);
  tcase_add_test (tcase, operations_are_cancelled_from_where_they_moved_to);
  tcase_add_test (tcase, multishot_operation_moves);
  tcase_add_test (tcase, ring_without_a_loop_moves);
  tcase_add_test (tcase, ring_is_closed_where_it_moved_to);
  tcase_add_test (tcase, context_goes_where_it_moved_to);
  tcase_add_test (tcase, ring_outlives_the_thread_that_made_it);
  tcase_add_test (tcase, loop_sleeps_when_a_thread_that_submitted_has_exited);
  tcase_add_test (tcase, default_ring_moves);
}

int
main (void)
{
  Suite *suite = suite_create ("threads-move");
  TCase *tcase = add_case (suite, "moves");

  tcase_add_checked_fixture (tcase, setup, teardown);
  add_tests (tcase);
  return run_suite (suite);
}
