/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 10: after fork() the ring is dead in the child, and the parent's is untouched. */

#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <unistd.h>

#include "support.h"

#define N_ITERATIONS 20
#define N_FOREIGN 64
#define MAX_FDS 16

static gchar byte;
static Record reading;
static guint64 reading_id;
static gchar *path; /* of a file to be loaded */
static struct __kernel_timespec an_hour = { .tv_sec = 3600 };

static void
setup (void)
{
  setup_ring ();
  make_pipe (ends);
  reading_id = queue_read_byte (ends[0], &byte, &reading);
  ck_assert_int_eq (guring_ring_submit (ring, NULL), 1);
}

/* The parent's operation is pending all the time and ends like any other. */
static void
teardown (void)
{
  assert_untouched (&reading);
  assert_counts (1, 0);
  write_byte (ends[1]);
  run_until (reading.n_final > 0);
  assert_ended_with (&reading, 1);
  close_pipe (ends);
  teardown_ring ();
}

static gboolean
is_closed_error (GError **error)
{
  gboolean matches = g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_CLOSED);

  g_clear_error (error);
  return matches;
}

/* Every call */

static void
expect_dead_ring (void)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  GError *error = NULL;
  GuringRequest nop;

  io_uring_prep_nop (&sqe);
  nop = request (&sqe, &record);
  child_assert (guring_ring_queue (ring, &sqe, record_completion, &record, record_notify, &error) ==
                0);
  child_assert (is_closed_error (&error));
  child_assert (!guring_ring_queue_chain (ring, &nop, 1, NULL, &error));
  child_assert (is_closed_error (&error));
  child_assert (guring_ring_submit (ring, &error) == -1);
  child_assert (is_closed_error (&error));
  child_assert (guring_ring_iterate (ring, TRUE, &error) == -1);
  child_assert (is_closed_error (&error));
  child_assert (!guring_ring_close (ring, -1, &error));
  child_assert (is_closed_error (&error));

  child_assert (!guring_ring_cancel (ring, reading_id));
  child_assert (guring_ring_get_uring (ring) == NULL);
  child_assert (!guring_ring_supports (ring, IORING_OP_NOP));
  child_assert (record.n_final + record.n_notified == 0);
  child_assert (reading.n_final + reading.n_notified == 0);
}

START_TEST (every_call_in_the_child_says_closed)
{
  run_in_child (expect_dead_ring);
}
END_TEST

static void
unref_ring (void)
{
  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &ring);
  g_object_unref (ring);
  child_assert (ring == NULL);
  child_assert (reading.n_final + reading.n_notified == 0);
}

START_TEST (unref_in_the_child_calls_nobody)
{
  run_in_child (unref_ring);
}
END_TEST

static void
unref_context (void)
{
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  child_assert (reading.n_final + reading.n_notified == 0);
  child_assert (guring_ring_get_uring (ring) == NULL);
  unref_ring ();
}

START_TEST (end_of_the_context_in_the_child_calls_nobody)
{
  run_in_child (unref_context);
}
END_TEST

/* The inherited context */

static gboolean
set_true (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

static void
run_inherited_context (void)
{
  GSource *source = g_timeout_source_new (1);
  gboolean done = FALSE;
  guint n_busy = 0;
  GPollFD fds[MAX_FDS];
  gint priority, timeout;

  while (n_busy < N_ITERATIONS && g_main_context_iteration (context, FALSE))
    n_busy++;
  child_assert (n_busy < N_ITERATIONS);

  g_main_context_prepare (context, &priority);
  g_main_context_query (context, priority, &timeout, fds, MAX_FDS);
  child_assert (timeout == -1);
  g_main_context_check (context, priority, fds, 0);

  g_source_set_callback (source, set_true, &done, NULL);
  g_source_attach (source, context);
  run_until (done);
  child_assert (reading.n_final + reading.n_notified == 0);
  unref_ring ();
}

START_TEST (inherited_context_runs_on_without_the_ring)
{
  run_in_child (run_inherited_context);
}
END_TEST

/* With completions that the child could take for its own. */
START_TEST (inherited_context_leaves_the_parents_completions_alone)
{
  struct io_uring_sqe sqe = { 0 };
  Record nop = { 0 };

  io_uring_prep_nop (&sqe);
  queue (&sqe, &nop);
  ck_assert_int_eq (guring_ring_submit (ring, NULL), 1);
  run_in_child (run_inherited_context);
  assert_untouched (&nop);
  run_until (nop.n_final > 0);
  assert_ended_with (&nop, 0);
}
END_TEST

START_TEST (what_the_parent_had_queued_is_submitted_by_the_parent)
{
  struct io_uring_sqe sqe = { 0 };
  Record writing = { 0 };
  int other_ends[2];
  gchar bytes[2];

  make_pipe (other_ends);
  io_uring_prep_write (&sqe, other_ends[1], "x", 1, 0);
  queue (&sqe, &writing);
  run_in_child (run_inherited_context);

  run_until (writing.n_final > 0);
  assert_ended_with (&writing, 1);
  ck_assert_int_eq (read (other_ends[0], bytes, 2), 1);
  close_pipe (other_ends);
}
END_TEST

START_TEST (operations_of_each_kind_outlive_the_child)
{
  struct io_uring_sqe timeout = { 0 }, multishot = { 0 };
  Record timing = { 0 }, polling = { 0 };
  guint64 ids[2];

  io_uring_prep_timeout (&timeout, &an_hour, 0, 0);
  ids[0] = queue (&timeout, &timing);
  io_uring_prep_poll_multishot (&multishot, ends[1], POLLIN);
  ids[1] = queue (&multishot, &polling);
  ck_assert_int_eq (guring_ring_submit (ring, NULL), 2);

  run_in_child (expect_dead_ring);
  run_in_child (unref_ring);
  while (g_main_context_iteration (context, FALSE))
    ;
  assert_untouched (&timing);
  assert_untouched (&polling);

  ck_assert (guring_ring_cancel (ring, ids[0]));
  ck_assert (guring_ring_cancel (ring, ids[1]));
  run_until (timing.n_final > 0 && polling.n_final > 0);
  assert_ended_with (&timing, -ECANCELED);
  assert_ended_with (&polling, -ECANCELED);
}
END_TEST

/* A ring of its own */

static GuringRing *parents_default;

static void
use_default_ring (void)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  GuringRing *own = guring_ring_get_default (NULL);

  child_assert (own != NULL);
  child_assert (guring_ring_get_default (NULL) == own);

  io_uring_prep_nop (&sqe);
  child_assert (guring_ring_queue (own, &sqe, record_completion, &record, record_notify, NULL) !=
                0);
  run_until (record.n_final > 0);
  child_assert (record.res == 0 && record.n_final == 1 && record.n_notified == 1);
  child_assert (guring_ring_close (own, -1, NULL));
}

START_TEST (child_gets_a_default_ring_of_its_own)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  parents_default = guring_ring_get_default (NULL);
  ck_assert_ptr_nonnull (parents_default);
  run_in_child (use_default_ring);

  ck_assert_ptr_eq (guring_ring_get_default (NULL), parents_default);
  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (parents_default, &sqe, record_completion, &record,
                                        record_notify, NULL),
                     0);
  run_until (record.n_final > 0);
  assert_ended_with (&record, 0);
  ck_assert (guring_ring_close (parents_default, -1, NULL));
}
END_TEST

static void
make_own_ring_default (void)
{
  GuringRing *own = guring_ring_new (context, 8, NULL);
  g_autoptr (GError) error = NULL;

  child_assert (!guring_ring_make_default (parents_default, &error));
  child_assert (is_closed_error (&error));
  child_assert (guring_ring_make_default (own, NULL));
  child_assert (guring_ring_get_default (NULL) == own);
  child_assert (guring_ring_close (own, -1, NULL));
}

START_TEST (child_makes_its_own_the_default_ring)
{
  parents_default = guring_ring_new (context, 8, NULL);
  ck_assert (guring_ring_make_default (parents_default, NULL));
  run_in_child (make_own_ring_default);

  ck_assert_ptr_eq (guring_ring_get_default (NULL), parents_default);
  ck_assert (guring_ring_close (parents_default, -1, NULL));
  g_clear_object (&parents_default);
}
END_TEST

START_TEST (child_gets_a_default_ring_where_the_parent_has_none)
{
  run_in_child (use_default_ring);
}
END_TEST

/* Descriptors */

static void
close_all_descriptors (void)
{
  for (int fd = STDERR_FILENO + 1; fd < N_FOREIGN; fd++)
    close (fd);
}

static void
unref_beside_foreign_descriptors (void)
{
  int fds[N_FOREIGN];

  close_all_descriptors ();
  for (guint i = 0; i < N_FOREIGN; i++)
    fds[i] = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  unref_ring ();
  for (guint i = 0; i < N_FOREIGN; i++)
    child_assert (fcntl (fds[i], F_GETFD) >= 0);
}

/* So that the ring has an eventfd too. */
static void
wait_outside_of_the_loop (void)
{
  Record record = { 0 };
  int other_ends[2];
  gchar other;
  GThread *thread;

  make_pipe (other_ends);
  queue_read_byte (other_ends[0], &other, &record);
  thread = write_byte_while_asleep (other_ends[1]);
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, NULL), 1);
  g_thread_join (thread);
  assert_ended_with (&record, 1);
  close_pipe (other_ends);
}

START_TEST (foreign_descriptors_of_the_child_stay_open)
{
  wait_outside_of_the_loop ();
  run_in_child (unref_beside_foreign_descriptors);
}
END_TEST

static int inherited_fd;

static void
unref_beside_own_io_uring (void)
{
  struct io_uring own;

  close_all_descriptors ();
  child_assert (io_uring_queue_init (2, &own, 0) == 0);
  if (own.ring_fd != inherited_fd)
    child_assert (dup2 (own.ring_fd, inherited_fd) == inherited_fd);

  unref_ring ();
  child_assert (fcntl (inherited_fd, F_GETFD) >= 0);
}

START_TEST (own_io_uring_of_the_child_stays_open)
{
  inherited_fd = guring_ring_get_uring (ring)->ring_fd;
  run_in_child (unref_beside_own_io_uring);
}
END_TEST

static void
unref_closes_inherited (void)
{
  child_assert (fcntl (inherited_fd, F_GETFD) >= 0);
  unref_ring ();
  child_assert (fcntl (inherited_fd, F_GETFD) < 0);
}

START_TEST (unref_in_the_child_closes_the_inherited_descriptor)
{
  inherited_fd = guring_ring_get_uring (ring)->ring_fd;
  run_in_child (unref_closes_inherited);
}
END_TEST

/* Within a callback, with others behind it */

typedef struct
{
  Record record;
  Record behind[4];
  gboolean returns; /* the child returns from the callback */
  pid_t child;
} Forker;

static void
fork_in_callback (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Forker *forker = data;

  record_completion (completed_ring, completion, &forker->record);
  forker->child = fork ();
  ck_assert_int_ge (forker->child, 0);
  if (forker->child == 0)
    {
      expect_dead_ring ();
      if (!forker->returns)
        end_child ();
    }
}

static void
expect_no_more_callbacks (const Forker *forker)
{
  child_assert (forker->record.n_notified == 0);
  for (guint i = 0; i < G_N_ELEMENTS (forker->behind); i++)
    child_assert (forker->behind[i].n_final + forker->behind[i].n_notified == 0);
}

static void
queue_forker (Forker *forker)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, fork_in_callback, forker, record_notify, NULL),
                     0);
  for (guint i = 0; i < G_N_ELEMENTS (forker->behind); i++)
    queue (&sqe, &forker->behind[i]);
}

START_TEST (fork_in_a_callback)
{
  Forker forker = { .returns = _i & 1 };

  queue_forker (&forker);
  if (_i & 2)
    guring_ring_iterate (ring, TRUE, NULL);
  else
    run_until (forker.record.n_final > 0);
  if (forker.child == 0)
    {
      expect_no_more_callbacks (&forker);
      run_inherited_context ();
      expect_no_more_callbacks (&forker);
      end_child ();
    }

  wait_for_child (forker.child);
  run_until (forker.behind[3].n_final > 0);
  assert_ended_with (&forker.record, 0);
  for (guint i = 0; i < G_N_ELEMENTS (forker.behind); i++)
    assert_ended_with (&forker.behind[i], 0);
}
END_TEST

/* Files */

static void
on_loaded (GObject *file, GAsyncResult *result, gpointer bytes)
{
  *(GBytes **) bytes = guring_file_load_bytes_finish (G_FILE (file), result, NULL, NULL);
}

static GBytes *
load_in_context (GFile *file, GMainContext *main_context)
{
  GBytes *bytes = NULL;

  guring_file_load_bytes_async (file, NULL, on_loaded, &bytes);
  while (bytes == NULL)
    g_main_context_iteration (main_context, TRUE);
  return bytes;
}

static void
load_in_child (void)
{
  g_autoptr (GMainContext) own = g_main_context_new ();
  g_autoptr (GFile) file = g_file_new_for_path (path);

  g_main_context_push_thread_default (own);
  child_assert (g_bytes_get_size (load_in_context (file, own)) == 5);
  g_main_context_pop_thread_default (own);
}

START_TEST (load_goes_on_while_the_child_loads)
{
  g_autoptr (GFile) file = NULL;
  g_autoptr (GBytes) bytes = NULL;
  GuringRing *default_ring = guring_ring_get_default (NULL);

  close (g_file_open_tmp (NULL, &path, NULL));
  ck_assert (g_file_set_contents (path, "whole", 5, NULL));
  file = g_file_new_for_path (path);
  g_object_set (default_ring, "dispatch-budget", 1, NULL);
  guring_file_load_bytes_async (file, NULL, on_loaded, &bytes);
  ck_assert_int_eq (guring_ring_iterate (default_ring, TRUE, NULL), 1); /* it is open */
  ck_assert_ptr_null (bytes);
  run_in_child (load_in_child);
  run_until (bytes != NULL);
  ck_assert_uint_eq (g_bytes_get_size (bytes), 5);
  g_clear_pointer (&bytes, g_bytes_unref);
  ck_assert_int_eq (g_remove (path), 0);
  g_clear_pointer (&path, g_free);
}
END_TEST

/* What the parent has in flight goes by the position of its file: nothing to wait for in the
 * child. */

static void
on_read_in_child (GObject *source_object, GAsyncResult *result, gpointer bytes)
{
  *(GBytes **) bytes = guring_read_finish (result, NULL);
}

static int others[2];

static void
read_in_child (void)
{
  g_autoptr (GBytes) bytes = NULL;
  int file = open (path, O_RDONLY | O_CLOEXEC);

  child_assert (dup2 (file, others[0]) == others[0]);
  guring_read_async (others[0], 5, -1, 0, NULL, on_read_in_child, &bytes);
  while (bytes == NULL)
    g_main_context_iteration (context, TRUE);
  child_assert (g_bytes_get_size (bytes) == 5);
}

START_TEST (read_of_the_parent_keeps_no_child_waiting)
{
  g_autoptr (GBytes) bytes = NULL;

  make_pipe (others);
  close (g_file_open_tmp (NULL, &path, NULL));
  ck_assert (g_file_set_contents (path, "whole", 5, NULL));
  guring_read_async (others[0], 1, -1, 0, NULL, on_read_in_child, &bytes);
  while (g_main_context_iteration (context, FALSE))
    ;
  ck_assert_ptr_null (bytes);
  run_in_child (read_in_child);
  write_byte (others[1]);
  run_until (bytes != NULL);
  ck_assert_uint_eq (g_bytes_get_size (bytes), 1);
  g_clear_pointer (&bytes, g_bytes_unref);
  close_pipe (others);
  ck_assert_int_eq (g_remove (path), 0);
  g_clear_pointer (&path, g_free);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, every_call_in_the_child_says_closed);
  tcase_add_test (tcase, unref_in_the_child_calls_nobody);
  tcase_add_test (tcase, end_of_the_context_in_the_child_calls_nobody);
  tcase_add_test (tcase, inherited_context_runs_on_without_the_ring);
  tcase_add_test (tcase, inherited_context_leaves_the_parents_completions_alone);
  tcase_add_test (tcase, what_the_parent_had_queued_is_submitted_by_the_parent);
  tcase_add_test (tcase, operations_of_each_kind_outlive_the_child);
  tcase_add_test (tcase, child_gets_a_default_ring_of_its_own);
  tcase_add_test (tcase, child_makes_its_own_the_default_ring);
  tcase_add_test (tcase, child_gets_a_default_ring_where_the_parent_has_none);
  tcase_add_test (tcase, foreign_descriptors_of_the_child_stay_open);
  tcase_add_test (tcase, own_io_uring_of_the_child_stays_open);
  tcase_add_test (tcase, unref_in_the_child_closes_the_inherited_descriptor);
  tcase_add_test (tcase, load_goes_on_while_the_child_loads);
  tcase_add_test (tcase, read_of_the_parent_keeps_no_child_waiting);
  tcase_add_loop_test (tcase, fork_in_a_callback, 0, 4);
}

int
main (void)
{
  Suite *suite = suite_create ("fork");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup, teardown);
  add_tests (tcase);
  return run_suite (suite);
}
