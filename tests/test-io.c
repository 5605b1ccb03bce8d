/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The contract of all asynchronous calls: who calls back, where, when and with what. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io-support.h"

#define N_ROUNDS 300
#define N_PROBES 20

static void
start_opening (GCancellable *cancellable, Reply *reply)
{
  guring_open_async ("/dev/null", O_RDONLY, 0, G_PRIORITY_DEFAULT, cancellable, on_reply, reply);
}

static void
finish_opening (Reply *reply)
{
  g_autoptr (GError) error = NULL;
  gint fd = guring_open_finish (reply->result, &error);

  ck_assert_msg (fd >= 0, "%s", error != NULL ? error->message : "no error");
  close (fd);
}

START_TEST (callback_never_comes_from_within_the_call)
{
  g_autoptr (GCancellable) cancelled = make_cancelled ();
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abc", 3);
  g_auto (Reply) failed = { 0 };
  g_auto (Reply) cancelled_reply = { 0 };
  g_auto (Reply) written = { 0 };

  guring_read_async (CLOSED_FD, 1, 0, 0, NULL, on_reply, &failed);
  guring_read_async (0, 1, 0, 0, cancelled, on_reply, &cancelled_reply);
  guring_write_async (CLOSED_FD, bytes, 0, 0, NULL, on_reply, &written);
  ck_assert_uint_eq (failed.n_calls + cancelled_reply.n_calls + written.n_calls, 0);
  run_until (failed.n_calls > 0 && cancelled_reply.n_calls > 0 && written.n_calls > 0);
  let_it_wait ();
  ck_assert_uint_eq (failed.n_calls + cancelled_reply.n_calls + written.n_calls, 3);
}
END_TEST

static void
count_one (gpointer n)
{
  g_atomic_int_inc ((gint *) n);
}

static void
count_object (gpointer n, GObject *object)
{
  count_one (n);
}

/* The end of such a call shows in what it lets go. */
START_TEST (callback_may_be_missing)
{
  GCancellable *cancelled = make_cancelled ();
  int fd = make_file ("file", "");
  struct stat status;
  gint n_freed = 0;

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new_with_free_func ("abc", 3, count_one, &n_freed);

      guring_write_async (i == 0 ? fd : CLOSED_FD, bytes, 0, 0, NULL, NULL, NULL);
    }
  g_object_weak_ref (G_OBJECT (cancelled), count_object, &n_freed);
  guring_mkdir_async ("cancelled", 0700, 0, cancelled, NULL, NULL);
  g_object_unref (cancelled);
  while (g_atomic_int_get (&n_freed) < 3)
    let_it_wait ();

  ck_assert_int_eq (fstat (fd, &status), 0);
  ck_assert_int_eq (status.st_size, 3);
  ck_assert (!g_file_test ("cancelled", G_FILE_TEST_EXISTS));
  close (fd);
}
END_TEST

typedef struct
{
  Reply replies[13];
  int fds[2];
  gchar byte;
} All;

static void
start_all (All *all)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abc", 3);
  Reply *reply = all->replies;

  start_opening (NULL, reply++);
  guring_close_async (CLOSED_FD, 0, NULL, on_reply, reply++);
  guring_read_async (CLOSED_FD, 1, 0, 0, NULL, on_reply, reply++);
  guring_read_into_async (CLOSED_FD, &all->byte, 1, 0, 0, NULL, on_reply, reply++);
  guring_write_async (CLOSED_FD, bytes, 0, 0, NULL, on_reply, reply++);
  guring_splice_async (CLOSED_FD, 0, CLOSED_FD, 0, 1, 0, 0, NULL, on_reply, reply++);
  guring_fsync_async (CLOSED_FD, FALSE, 0, NULL, on_reply, reply++);
  guring_fallocate_async (CLOSED_FD, 0, 0, 1, 0, NULL, on_reply, reply++);
  guring_statx_async (AT_FDCWD, "none", 0, 0, 0, NULL, on_reply, reply++);
  guring_rename_async ("none", "other", 0, 0, NULL, on_reply, reply++);
  guring_unlink_async ("none", 0, 0, NULL, on_reply, reply++);
  guring_mkdir_async ("none/none", 0700, 0, NULL, on_reply, reply++);
  start_opening (NULL, reply++);
}

/* The fixture counts. A call without a callback has ended when it has let go of its cancellable. */
START_TEST (a_descriptor_that_nobody_asks_for_is_closed)
{
  GCancellable *cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };

  g_object_add_weak_pointer (G_OBJECT (cancellable), (gpointer *) &cancellable);
  guring_open_async (".", O_RDONLY, 0, 0, cancellable, NULL, NULL);
  g_object_unref (cancellable);
  guring_open_async (".", O_RDONLY, 0, 0, NULL, on_reply, &reply);
  await (&reply);
  run_until (cancellable == NULL);
}
END_TEST

START_TEST (results_are_tagged_with_the_function)
{
  const gpointer tags[] = {
    guring_open_async,  guring_close_async,  guring_read_async,   guring_read_into_async,
    guring_write_async, guring_splice_async, guring_fsync_async,  guring_fallocate_async,
    guring_statx_async, guring_rename_async, guring_unlink_async, guring_mkdir_async,
    guring_open_async,
  };
  All all = { 0 };

  start_all (&all);
  for (guint i = 0; i < G_N_ELEMENTS (tags); i++)
    {
      run_until (all.replies[i].n_calls > 0);
      for (guint j = 0; j < G_N_ELEMENTS (tags); j++)
        ck_assert (g_async_result_is_tagged (all.replies[i].result, tags[j]) ==
                   (tags[i] == tags[j]));
    }
  finish_opening (&all.replies[0]);
  finish_opening (&all.replies[12]);
  for (guint i = 0; i < G_N_ELEMENTS (tags); i++)
    reply_clear (&all.replies[i]);
}
END_TEST

/* Which context */

static gpointer
open_from_nowhere (gpointer reply)
{
  start_opening (NULL, reply);
  return NULL;
}

/* The fixture wants the descriptors back; the default context itself stays. */
static void
close_ring_of_default_context (void)
{
  GuringRing *its_ring;

  g_main_context_pop_thread_default (context);
  its_ring = guring_ring_get_default (NULL);
  if (its_ring != NULL)
    ck_assert (guring_ring_close (its_ring, -1, NULL));
  g_main_context_push_thread_default (context);
}

/* Its thread-default context is the default one, which another thread runs. */
START_TEST (a_thread_without_a_context_is_answered_in_the_default_one)
{
  g_auto (Reply) reply = { 0 };

  ck_assert (g_main_context_acquire (NULL));
  g_thread_join (g_thread_new ("nowhere", open_from_nowhere, &reply));
  while (reply.n_calls == 0)
    g_main_context_iteration (NULL, TRUE);
  g_main_context_release (NULL);

  finish_opening (&reply);
  close_ring_of_default_context ();
}
END_TEST

/* Also what takes more than one step, as a read up to the end, or one that waits. */
START_TEST (callback_comes_in_the_context_of_the_call)
{
  g_autoptr (GMainContext) other = g_main_context_new ();
  g_auto (Reply) ended = { 0 };
  g_auto (Reply) waited = { 0 };
  int fd = make_file ("file", "abc");
  int fds[2];

  ck_assert_int_eq (pipe2 (fds, O_CLOEXEC | O_NONBLOCK), 0);
  g_main_context_push_thread_default (other);
  guring_read_async (fd, 10, 0, 0, NULL, on_reply, &ended);
  guring_read_async (fds[0], 10, 0, 0, NULL, on_reply, &waited);
  g_main_context_pop_thread_default (other);

  let_it_wait ();
  ck_assert_uint_eq (ended.n_calls + waited.n_calls, 0);
  while (ended.n_calls == 0)
    g_main_context_iteration (other, TRUE);
  write_byte (fds[1]);
  while (waited.n_calls == 0)
    g_main_context_iteration (other, TRUE);

  ck_assert_ptr_eq (ended.context, other); /* thread-default there, as with a GTask */
  ck_assert_ptr_eq (waited.context, other);
  assert_bytes (guring_read_finish (ended.result, NULL), "abc", 3);
  assert_bytes (guring_read_finish (waited.result, NULL), "x", 1);
  close_pipe (fds);
  close (fd);
}
END_TEST

START_TEST (result_outlives_its_context)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  GMainContext *other = g_main_context_new ();

  g_main_context_push_thread_default (other);
  start_opening (cancellable, &reply);
  while (reply.n_calls == 0)
    g_main_context_iteration (other, TRUE);
  g_main_context_pop_thread_default (other);
  g_main_context_unref (other);

  g_cancellable_cancel (cancellable);
  finish_opening (&reply);
}
END_TEST

typedef struct
{
  guint n_left;
  guint n_done;
  GMainContext *context;
  gpointer thread;
} Chain;

static void
on_link (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  Chain *chain = user_data;
  gint fd = guring_open_finish (result, NULL);

  ck_assert_int_ge (fd, 0);
  close (fd);
  ck_assert_ptr_eq (g_main_context_get_thread_default (), chain->context);
  ck_assert_ptr_eq (g_thread_self (), chain->thread);
  chain->n_done++;
  if (--chain->n_left > 0)
    guring_open_async ("/dev/null", O_RDONLY, 0, 0, NULL, on_link, chain);
}

static void
run_chain (GMainContext *its_context)
{
  Chain chain = { N_ROUNDS, 0, its_context, g_thread_self () };

  guring_open_async ("/dev/null", O_RDONLY, 0, 0, NULL, on_link, &chain);
  while (chain.n_left > 0)
    g_main_context_iteration (its_context, TRUE);
  ck_assert_uint_eq (chain.n_done, N_ROUNDS);
}

static gpointer
run_chain_in_thread (gpointer unused)
{
  g_autoptr (GMainContext) its_context = g_main_context_new ();

  g_main_context_push_thread_default (its_context);
  run_chain (its_context);
  g_main_context_pop_thread_default (its_context);
  return NULL;
}

START_TEST (threads_have_their_own_contexts_at_the_same_time)
{
  GThread *threads[2];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("chain", run_chain_in_thread, NULL);
  run_chain (context);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}
END_TEST

static void
run_nested (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  gint *fd = user_data;
  g_auto (Reply) inner = { 0 };

  start_opening (NULL, &inner);
  await (&inner);
  finish_opening (&inner);
  *fd = guring_open_finish (result, NULL);
}

START_TEST (callback_may_run_the_loop)
{
  gint fd = -1;

  guring_open_async ("/dev/null", O_RDONLY, 0, 0, NULL, run_nested, &fd);
  run_until (fd >= 0);
  close (fd);
}
END_TEST

/* Cancellation */

/* Either it was opened or it was cancelled: the fixture sees a descriptor that is lost. */
START_TEST (cancellation_from_a_thread_races_harmlessly)
{
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_auto (Reply) reply = { 0 };
      GError *error = NULL;
      GThread *thread = g_thread_new ("cancel", cancel_in_thread, cancellable);
      gint fd;

      start_opening (cancellable, &reply);
      fd = guring_open_finish (await (&reply), &error);
      if (fd >= 0)
        close (fd);
      else
        assert_cancelled (&error);
      ck_assert (g_thread_join (thread) == NULL);
    }
}
END_TEST

START_TEST (one_cancellable_ends_many)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree Reply *replies = g_new0 (Reply, N_ROUNDS);
  GError *error = NULL;
  int fds[2];

  make_pipe (fds);
  for (guint i = 0; i < N_ROUNDS; i++)
    guring_read_async (fds[0], 1, 0, 0, cancellable, on_reply, &replies[i]);
  let_it_wait ();
  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < N_ROUNDS; i++)
    {
      run_until (replies[i].n_calls > 0);
      ck_assert_ptr_null (guring_read_finish (replies[i].result, &error));
      assert_cancelled (&error);
      reply_clear (&replies[i]);
    }
  close_pipe (fds);
}
END_TEST

static void
cancel_in_callback (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  g_cancellable_cancel (user_data);
  close (guring_open_finish (result, NULL));
}

START_TEST (callback_may_cancel_others)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  GError *error = NULL;
  int fds[2];

  make_pipe (fds);
  guring_read_async (fds[0], 1, 0, 0, cancellable, on_reply, &reply);
  guring_open_async (".", O_RDONLY, 0, 0, cancellable, cancel_in_callback, cancellable);
  ck_assert_ptr_null (guring_read_finish (await (&reply), &error));
  assert_cancelled (&error);
  close_pipe (fds);
}
END_TEST

/* It is not for the cancellable to keep what has ended. */
START_TEST (nothing_stays_with_the_cancellable)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gulong probe;

  for (guint i = 0; i < N_PROBES; i++)
    {
      g_auto (Reply) reply = { 0 };

      start_opening (cancellable, &reply);
      await (&reply);
      finish_opening (&reply);
    }
  probe =
    g_signal_handler_find (cancellable, G_SIGNAL_MATCH_ID,
                           g_signal_lookup ("cancelled", G_TYPE_CANCELLABLE), 0, NULL, NULL, NULL);
  ck_assert_uint_eq (probe, 0);
}
END_TEST

START_TEST (a_descriptor_is_closed_when_its_ring_closes_first)
{
  GuringRing *default_ring = guring_ring_get_default (NULL);
  g_auto (Reply) reply = { 0 };
  int fds[2];

  make_pipe (fds);
  guring_close_async (fds[0], G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  if (default_ring != NULL)
    ck_assert (guring_ring_close (default_ring, -1, NULL));
  run_until (reply.n_calls > 0);
  ck_assert (guring_close_finish (reply.result, NULL));
  close (fds[1]);
}
END_TEST

static void
add_callback_tests (TCase *tcase)
{
  tcase_add_test (tcase, callback_never_comes_from_within_the_call);
  tcase_add_test (tcase, callback_may_be_missing);
  tcase_add_test (tcase, a_descriptor_is_closed_when_its_ring_closes_first);
  tcase_add_test (tcase, a_descriptor_that_nobody_asks_for_is_closed);
  tcase_add_test (tcase, results_are_tagged_with_the_function);
  tcase_add_test (tcase, a_thread_without_a_context_is_answered_in_the_default_one);
  tcase_add_test (tcase, callback_comes_in_the_context_of_the_call);
  tcase_add_test (tcase, result_outlives_its_context);
  tcase_add_test (tcase, threads_have_their_own_contexts_at_the_same_time);
  tcase_add_test (tcase, callback_may_run_the_loop);
}

static void
add_cancellation_tests (TCase *tcase)
{
  tcase_add_test (tcase, cancellation_from_a_thread_races_harmlessly);
  tcase_add_test (tcase, one_cancellable_ends_many);
  tcase_add_test (tcase, callback_may_cancel_others);
  tcase_add_test (tcase, nothing_stays_with_the_cancellable);
}

int
main (void)
{
  Suite *suite = suite_create ("io");

  add_io_tests (suite, add_callback_tests);
  add_io_tests (suite, add_cancellation_tests);
  return run_suite_without_io_uring (suite);
}
