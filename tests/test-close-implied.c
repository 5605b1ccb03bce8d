/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 2 without guring_ring_close(): the end of the last reference, of the source or of the
 * context closes, in the thread of the ring. */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "close-support.h"

START_TEST (last_unref_closes)
{
  Record records[2] = { 0 };
  gchar bytes[2];

  queue_read_byte (ends[0], &bytes[0], &records[0]);
  assert_submits (1);
  queue_read_byte (ends[0], &bytes[1], &records[1]);

  drop_ring ();
  assert_ended_with (&records[0], -ECANCELED);
  assert_ended_with (&records[1], -ECANCELED);
}
END_TEST

START_TEST (destroying_the_source_closes)
{
  Record record = { 0 };
  gchar byte;

  queue_read_byte (ends[0], &byte, &record);
  assert_submits (1);
  g_source_destroy (guring_ring_get_source (ring));
  assert_ended_with (&record, -ECANCELED);
  assert_closed ();
  close_ring (-1);
}
END_TEST

START_TEST (ring_that_goes_leaves_no_descriptor)
{
  guint before;

  g_clear_object (&ring);
  before = count_descriptors ();

  ring = make_ring (8);
  ck_assert_uint_eq (count_descriptors (), before + 1);
  close_ring (-1);
  ck_assert_uint_eq (count_descriptors (), before);
  g_clear_object (&ring);

  ring = make_ring (8);
  g_clear_object (&ring);
  ck_assert_uint_eq (count_descriptors (), before);
}
END_TEST

START_TEST (wait_outside_of_the_loop_leaves_no_descriptor)
{
  Record record = { 0 };
  GThread *thread;
  gchar byte;
  guint before;

  g_clear_object (&ring);
  before = count_descriptors ();

  ring = make_ring (8);
  queue_read_byte (ends[0], &byte, &record);
  thread = write_byte_while_asleep (ends[1]);
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, NULL), 1);
  g_thread_join (thread);
  ck_assert_uint_gt (count_descriptors (), before + 1);
  close_ring (-1);
  ck_assert_uint_eq (count_descriptors (), before);
}
END_TEST

START_TEST (context_that_goes_first_closes_the_ring)
{
  GMainContext *own = g_main_context_new ();
  Record records[2] = { 0 };
  gchar bytes[2];
  int pipe_ends[2];

  make_pipe (pipe_ends);
  ring = guring_ring_new (own, 8, NULL);
  ck_assert_ptr_nonnull (ring);
  queue_read_byte (pipe_ends[0], &bytes[0], &records[0]);
  assert_submits (1);
  queue_read_byte (pipe_ends[0], &bytes[1], &records[1]);

  g_main_context_unref (own);
  assert_ended_with (&records[0], -ECANCELED);
  assert_ended_with (&records[1], -ECANCELED);
  assert_closed ();
  ck_assert (!guring_ring_cancel (ring, records[0].id));
  close_ring (-1);
  drop_ring ();
  close_pipe (pipe_ends);
}
END_TEST

/* The last reference, dropped in another thread */

typedef struct
{
  Record record;
  GThread *completed_in;
  GThread *notified_in;
} Witness;

static void
witness_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Witness *witness = data;

  record_completion (completed_ring, completion, &witness->record);
  witness->completed_in = g_thread_self ();
}

static void
witness_notify (gpointer data)
{
  Witness *witness = data;

  record_notify (&witness->record);
  witness->notified_in = g_thread_self ();
}

static gpointer
unref_while_owner_sleeps (gpointer data)
{
  wait_until_asleep (getpid ());
  g_object_unref (data);
  return NULL;
}

static gpointer
destroy_source_while_owner_sleeps (gpointer data)
{
  wait_until_asleep (getpid ());
  g_source_destroy (guring_ring_get_source (data));
  return NULL;
}

static gpointer (*const enders[]) (gpointer data) = {
  unref_while_owner_sleeps,
  destroy_source_while_owner_sleeps,
};

/* Not all descriptors: ThreadSanitizer talks to its symbolizer when it has met a suppression. */
static guint
count_rings (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const gchar *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *path = g_build_filename ("/proc/self/fd", name, NULL);
      g_autofree gchar *target = g_file_read_link (path, NULL);

      n += target != NULL && strstr (target, "[io_uring]") != NULL;
    }
  return n;
}

START_TEST (what_another_thread_ends_is_closed_in_the_owners)
{
  Witness witness = { .record = { 0 } };
  struct io_uring_sqe sqe = { 0 };
  GThread *thread;

  ck_assert_uint_eq (count_rings (), 1);
  prepare_waiting_read (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, witness_completion, &witness, witness_notify,
                                        NULL),
                     0);
  thread = g_thread_new ("ender", enders[_i], ring);

  run_until (witness.record.n_notified > 0);
  g_thread_join (thread);
  if (enders[_i] != unref_while_owner_sleeps)
    g_object_unref (ring);
  ring = NULL;
  assert_ended_with (&witness.record, -ECANCELED);
  ck_assert_ptr_eq (witness.completed_in, g_thread_self ());
  ck_assert_ptr_eq (witness.notified_in, g_thread_self ());
  ck_assert_uint_eq (count_rings (), 0);
}
END_TEST

static void
note_end (gpointer ended)
{
  *(gboolean *) ended = TRUE;
}

/* g_object_unref() may still look at it there. */
START_TEST (what_another_thread_drops_is_freed_later)
{
  gboolean ended = FALSE;
  GThread *thread;

  g_object_set_data_full (G_OBJECT (ring), "end", &ended, note_end);
  thread = g_thread_new ("unref", unref_while_owner_sleeps, g_steal_pointer (&ring));
  run_until (count_rings () == 0);
  g_thread_join (thread);
  while (g_main_context_iteration (context, FALSE))
    continue;
  ck_assert (!ended);
  run_until (ended);
}
END_TEST

START_TEST (unref_from_another_thread_is_noticed_by_the_end_of_the_context)
{
  Witness witness = { .record = { 0 } };
  struct io_uring_sqe sqe = { 0 };
  GThread *thread;

  context = g_main_context_new ();
  ring = guring_ring_new (context, 8, NULL);
  ck_assert_ptr_nonnull (ring);
  prepare_waiting_timeout (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, witness_completion, &witness, witness_notify,
                                        NULL),
                     0);

  ck_assert (g_main_context_acquire (context));
  thread =
    g_thread_new ("unref", (GThreadFunc) (GCallback) g_object_unref, g_steal_pointer (&ring));
  g_thread_join (thread);
  assert_untouched (&witness.record);
  g_main_context_release (context);

  g_main_context_unref (context);
  assert_ended_with (&witness.record, -ECANCELED);
  ck_assert_ptr_eq (witness.completed_in, g_thread_self ());
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, last_unref_closes);
  tcase_add_test (tcase, destroying_the_source_closes);
  tcase_add_test (tcase, ring_that_goes_leaves_no_descriptor);
  tcase_add_test (tcase, wait_outside_of_the_loop_leaves_no_descriptor);
  tcase_add_loop_test (tcase, what_another_thread_ends_is_closed_in_the_owners, 0,
                       G_N_ELEMENTS (enders));
  tcase_add_test (tcase, what_another_thread_drops_is_freed_later);
}

int
main (void)
{
  Suite *suite = suite_create ("close-implied");
  TCase *with_ring = add_case (suite, "ring");
  TCase *without_context = add_case (suite, "context");

  tcase_add_checked_fixture (with_ring, setup_ring_and_pipe, teardown_ring_and_pipe);
  add_tests (with_ring);
  tcase_add_test (without_context, context_that_goes_first_closes_the_ring);
  tcase_add_test (without_context, unref_from_another_thread_is_noticed_by_the_end_of_the_context);
  return run_suite (suite);
}
