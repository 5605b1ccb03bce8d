/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How a load goes: in few entries of the kernel, and whole at whatever moment something comes in
 * between. What it gives is in test-file.c. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io-support.h"

#define SIZE 5000
#define N_FILES 100
#define N_AT_ONCE 50 /* none has to wait for its turn */
#define N_WAITING 500
#define N_MOMENTS 6 /* more than a load has completions */

static GBytes *
load_finish (Answer *answer, GError **error)
{
  return guring_file_load_bytes_finish (answer->file, await_answer (answer), NULL, error);
}

static GBytes *
load (const gchar *name)
{
  g_auto (Answer) answer = answer_for (name);

  guring_file_load_bytes_async (answer.file, NULL, on_answer, &answer);
  return load_finish (&answer, NULL);
}

static void
assert_pattern (GBytes *bytes, gsize size)
{
  g_autoptr (GBytes) expected = make_pattern (size);

  assert_bytes (bytes, g_bytes_get_data (expected, NULL), size);
}

/* Entries of the kernel */

static guint64
count_entries (void)
{
  GuringRing *default_ring = guring_ring_get_default (NULL);
  GuringStatistics statistics = { 0 };

  if (default_ring != NULL)
    guring_ring_get_statistics (default_ring, &statistics);
  return statistics.enter_calls;
}

START_TEST (a_small_file_takes_two_entries)
{
  guint64 n_entries;

  make ("file", SIZE);
  assert_pattern (load ("file"), SIZE); /* the path is cached from here on */
  n_entries = count_entries ();
  for (guint i = 0; i < N_FILES; i++)
    assert_pattern (load ("file"), SIZE);
  ck_assert_uint_le (count_entries () - n_entries, 2 * N_FILES);
}
END_TEST

typedef struct
{
  GFile *file;
  guint n_left;
} Row;

static void
load_next (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  Row *row = user_data;

  if (result != NULL)
    assert_pattern (guring_file_load_bytes_finish (row->file, result, NULL, NULL), SIZE);
  if (--row->n_left > 0)
    guring_file_load_bytes_async (row->file, NULL, load_next, row);
}

START_TEST (so_do_files_in_a_row)
{
  g_auto (Answer) answer = answer_for ("file");
  Row row = { answer.file, N_FILES + 1 };
  guint64 n_entries;

  make ("file", SIZE);
  assert_pattern (load ("file"), SIZE);
  n_entries = count_entries ();
  load_next (NULL, NULL, &row);
  run_until (row.n_left == 0);
  ck_assert_uint_le (count_entries () - n_entries, 2 * N_FILES);
}
END_TEST

START_TEST (files_at_once_share_their_entries)
{
  Answer answers[N_AT_ONCE];
  guint64 n_entries;

  make ("file", SIZE);
  assert_pattern (load ("file"), SIZE);
  n_entries = count_entries ();
  for (guint i = 0; i < N_AT_ONCE; i++)
    {
      answers[i] = answer_for ("file");
      guring_file_load_bytes_async (answers[i].file, NULL, on_answer, &answers[i]);
    }
  for (guint i = 0; i < N_AT_ONCE; i++)
    {
      run_until (answers[i].n_calls > 0);
      assert_pattern (guring_file_load_bytes_finish (answers[i].file, answers[i].result, NULL,
                                                     NULL),
                      SIZE);
      answer_clear (&answers[i]);
    }
  ck_assert_uint_le (count_entries () - n_entries, 4);
}
END_TEST

START_TEST (what_may_not_have_the_size_that_it_says_is_read_once)
{
  GuringRing *default_ring = guring_ring_get_default (NULL);
  GuringStatistics statistics = { 0 };

  g_bytes_unref (load ("/sys/kernel/mm/ksm/run"));
  if (default_ring != NULL)
    guring_ring_get_statistics (default_ring, &statistics);
  ck_assert_uint_le (statistics.queued, 4); /* open, read, end of file, close */
}
END_TEST

/* Between the opening and the reading: the callback of a NOP that is submitted with the open runs
 * when fstat() has been asked and nothing has been read. Without io_uring it is not called. */

static void
queue_between (GuringCompletionFunc func, gpointer user_data)
{
  GuringRing *default_ring = guring_ring_get_default (NULL);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  if (default_ring != NULL)
    ck_assert_uint_ne (guring_ring_queue (default_ring, &sqe, func, user_data, NULL, NULL), 0);
}

static void
resize_file (GuringRing *default_ring, const GuringCompletion *completion, gpointer size)
{
  ck_assert_int_eq (truncate ("file", GPOINTER_TO_INT (size)), 0);
}

static void
replace_file (GuringRing *default_ring, const GuringCompletion *completion, gpointer size)
{
  make ("file", (gsize) GPOINTER_TO_INT (size));
}

static GBytes *
load_between (GuringCompletionFunc func, gpointer user_data)
{
  g_auto (Answer) answer = answer_for ("file");

  guring_file_load_bytes_async (answer.file, NULL, on_answer, &answer);
  queue_between (func, user_data);
  return load_finish (&answer, NULL);
}

START_TEST (a_file_that_changes_its_size_meanwhile_is_loaded_whole)
{
  const gint sizes[] = { 0, 1, SIZE - 1, SIZE + 1, 100000, 3 << 20 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GBytes) bytes = NULL;
      g_autofree gchar *contents = NULL;
      gsize length;

      make ("file", SIZE);
      g_bytes_unref (load ("file"));
      bytes = load_between (resize_file, GINT_TO_POINTER (sizes[i]));
      ck_assert_ptr_nonnull (bytes);
      ck_assert (g_file_get_contents ("file", &contents, &length, NULL));
      ck_assert_uint_eq (g_bytes_get_size (bytes), length);
      ck_assert_mem_eq (g_bytes_get_data (bytes, NULL), contents, length);
    }
}
END_TEST

typedef struct
{
  Answer answer;
  guint n_changes;
  guint64 n_queued; /* before */
} Restless;

static void
resize_again (GuringRing *default_ring, const GuringCompletion *completion, gpointer user_data)
{
  Restless *restless = user_data;
  GuringStatistics statistics;

  restless->n_changes++;
  guring_ring_get_statistics (default_ring, &statistics);
  ck_assert_uint_lt (statistics.queued - restless->n_queued - restless->n_changes, N_FILES);
  ck_assert_int_eq (truncate ("file", SIZE - restless->n_changes % 2), 0);
  if (restless->answer.n_calls == 0)
    queue_between (resize_again, restless);
}

START_TEST (a_file_that_changes_its_size_all_the_time_is_loaded_in_the_end)
{
  GuringRing *default_ring = guring_ring_get_default (NULL);
  Restless restless = { .answer = answer_for ("file") };
  g_autoptr (GBytes) bytes = NULL;
  GuringStatistics statistics;

  make ("file", SIZE);
  g_bytes_unref (load ("file"));
  if (default_ring != NULL)
    {
      guring_ring_get_statistics (default_ring, &statistics);
      restless.n_queued = statistics.queued;
    }
  guring_file_load_bytes_async (restless.answer.file, NULL, on_answer, &restless.answer);
  queue_between (resize_again, &restless);
  bytes = load_finish (&restless.answer, NULL);
  ck_assert_uint_ge (g_bytes_get_size (bytes), SIZE - 1);
  let_it_wait ();
  answer_clear (&restless.answer);
}
END_TEST

START_TEST (a_file_that_is_replaced_meanwhile_is_the_old_one)
{
  make ("file", SIZE);
  g_bytes_unref (load ("file"));
  assert_pattern (load_between (replace_file, GINT_TO_POINTER (SIZE - 1)), SIZE);
}
END_TEST

static void
cancel (GuringRing *default_ring, const GuringCompletion *completion, gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

START_TEST (a_load_is_cancelled_between_open_and_read)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GError) error = NULL;

  make ("file", SIZE);
  g_bytes_unref (load ("file"));
  guring_file_load_bytes_async (answer.file, cancellable, on_answer, &answer);
  queue_between (cancel, cancellable);
  if (guring_ring_get_default (NULL) == NULL)
    g_cancellable_cancel (cancellable);
  ck_assert_ptr_null (load_finish (&answer, &error));
  assert_error (error, G_IO_ERROR_CANCELLED);
}
END_TEST

static void
close_ring (GuringRing *default_ring, const GuringCompletion *completion, gpointer user_data)
{
  ck_assert (guring_ring_close (default_ring, -1, NULL));
}

START_TEST (a_ring_that_closes_between_open_and_read_ends_the_load)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  gboolean on_ring = guring_ring_get_default (NULL) != NULL;

  make ("file", SIZE);
  g_bytes_unref (load ("file"));
  guring_file_load_bytes_async (answer.file, NULL, on_answer, &answer);
  queue_between (close_ring, NULL);
  bytes = load_finish (&answer, &error);
  ck_assert_int_eq (bytes == NULL, on_ring);
  if (on_ring)
    assert_error (error, G_IO_ERROR_CANCELLED);
}
END_TEST

/* At all moments: the ring takes one completion at a time. */

static void
step (guint n_completions)
{
  GuringRing *default_ring = guring_ring_get_default (NULL);

  if (default_ring == NULL)
    return;

  g_object_set (default_ring, "dispatch-budget", 1, NULL);
  for (guint i = 0; i < n_completions; i++)
    ck_assert_int_ge (guring_ring_iterate (default_ring, FALSE, NULL), 0);
}

START_TEST (a_load_is_cancelled_at_each_moment)
{
  make ("file", SIZE);
  for (guint i = 0; i < N_MOMENTS; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_auto (Answer) answer = answer_for ("file");
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = NULL;
      gboolean was_loaded;

      guring_file_load_bytes_async (answer.file, cancellable, on_answer, &answer);
      step (i);
      was_loaded = answer.n_calls > 0;
      g_cancellable_cancel (cancellable);
      run_until (answer.n_calls > 0);
      bytes = guring_file_load_bytes_finish (answer.file, answer.result, NULL,
                                             was_loaded ? NULL : &error);
      ck_assert_int_eq (bytes != NULL, was_loaded);
      if (!was_loaded)
        assert_error (error, G_IO_ERROR_CANCELLED);
    }
}
END_TEST

START_TEST (a_load_ends_when_its_ring_closes_at_any_moment)
{
  make ("file", SIZE);
  for (guint i = 0; i < N_MOMENTS; i++)
    {
      g_auto (Answer) answer = answer_for ("file");
      GuringRing *default_ring = guring_ring_get_default (NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = NULL;

      guring_file_load_bytes_async (answer.file, NULL, on_answer, &answer);
      step (i);
      if (default_ring != NULL)
        {
          ck_assert (guring_ring_close (default_ring, -1, NULL));
          ck_assert_uint_eq (answer.n_calls, 1);
        }
      run_until (answer.n_calls > 0);
      bytes = guring_file_load_bytes_finish (answer.file, answer.result, NULL, &error);
      if (bytes == NULL)
        assert_error (error, G_IO_ERROR_CANCELLED);
      else
        ck_assert_uint_eq (g_bytes_get_size (bytes), SIZE);
    }
}
END_TEST

/* What waits, and what others have */

static gpointer
write_to_fifo (gpointer data)
{
  int fd = open ("fifo", O_WRONLY | O_CLOEXEC);

  ck_assert_int_eq (write (fd, "later", 5), 5);
  close (fd);
  return NULL;
}

START_TEST (a_fifo_without_a_writer_is_waited_for)
{
  g_auto (Answer) answer = answer_for ("fifo");
  GThread *thread;

  ck_assert_int_eq (mkfifo ("fifo", 0600), 0);
  guring_file_load_bytes_async (answer.file, NULL, on_answer, &answer);
  let_it_wait ();
  ck_assert_uint_eq (answer.n_calls, 0);
  thread = g_thread_new (NULL, write_to_fifo, NULL);
  assert_bytes (load_finish (&answer, NULL), "later", 5);
  g_thread_join (thread);
}
END_TEST

START_TEST (wait_for_a_writer_is_cancelled)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Answer) answer = answer_for ("fifo");
  g_autoptr (GError) error = NULL;
  int fd;

  ck_assert_int_eq (mkfifo ("fifo", 0600), 0);
  guring_file_load_bytes_async (answer.file, cancellable, on_answer, &answer);
  let_it_wait ();
  g_cancellable_cancel (cancellable);
  fd = open ("fifo", O_RDWR | O_CLOEXEC); /* lets a worker thread go */
  ck_assert_ptr_null (load_finish (&answer, &error));
  assert_error (error, G_IO_ERROR_CANCELLED);
  close (fd);
}
END_TEST

START_TEST (a_few_descriptors_are_enough_for_files_in_a_row)
{
  g_auto (Answer) answer = answer_for ("file");
  Row row = { answer.file, N_FILES };

  make ("file", SIZE);
  assert_pattern (load ("file"), SIZE);
  limit_descriptors (count_descriptors () + 8);
  load_next (NULL, NULL, &row);
  run_until (row.n_left == 0);
  raise_descriptor_limit ();
}
END_TEST

/* More than are under way at once: the others wait for their turn. */

static Answer *
start_many (const gchar *name, GCancellable *even, GCancellable *odd)
{
  Answer *answers = g_new0 (Answer, N_WAITING);

  for (guint i = 0; i < N_WAITING; i++)
    {
      answers[i] = answer_for (name);
      guring_file_load_bytes_async (answers[i].file, i % 2 != 0 ? odd : even, on_answer,
                                    &answers[i]);
    }
  return answers;
}

START_TEST (more_are_loaded_than_there_are_descriptors)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree Answer *answers = NULL;

  make ("file", SIZE);
  limit_descriptors (256);
  answers = start_many ("file", NULL, cancellable);
  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < N_WAITING; i++)
    {
      g_autoptr (GError) error = NULL;
      GBytes *bytes;

      run_until (answers[i].n_calls > 0);
      bytes = guring_file_load_bytes_finish (answers[i].file, answers[i].result, NULL, &error);
      if (i % 2 != 0)
        assert_error (error, G_IO_ERROR_CANCELLED);
      else
        assert_pattern (bytes, SIZE);
      answer_clear (&answers[i]);
    }
  raise_descriptor_limit ();
}
END_TEST

static void
assert_none_ended (const Answer *answers)
{
  for (guint i = 0; i < N_WAITING; i++)
    ck_assert_uint_eq (answers[i].n_calls, 0);
}

START_TEST (what_waits_for_its_turn_is_cancelled)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new (), all = g_cancellable_new ();
  g_autofree Answer *answers = NULL;
  g_auto (Answer) last = answer_for ("file");
  g_autoptr (GError) error = NULL;
  GThread *thread;
  int fd;

  make ("file", SIZE);
  ck_assert_int_eq (mkfifo ("fifo", 0600), 0);
  answers = start_many ("fifo", all, all);
  guring_file_load_bytes_async (last.file, cancellable, on_answer, &last);
  let_it_wait ();
  ck_assert_uint_eq (last.n_calls, 0);

  thread = g_thread_new (NULL, cancel_in_thread, cancellable);
  ck_assert_ptr_null (load_finish (&last, &error));
  assert_error (error, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  assert_none_ended (answers);

  g_cancellable_cancel (all);
  fd = open ("fifo", O_RDWR | O_CLOEXEC); /* lets worker threads go */
  for (guint i = 0; i < N_WAITING; i++)
    {
      run_until (answers[i].n_calls > 0);
      answer_clear (&answers[i]);
    }
  close (fd);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_small_file_takes_two_entries);
  tcase_add_test (tcase, so_do_files_in_a_row);
  tcase_add_test (tcase, files_at_once_share_their_entries);
  tcase_add_test (tcase, what_may_not_have_the_size_that_it_says_is_read_once);
  tcase_add_test (tcase, a_file_that_changes_its_size_meanwhile_is_loaded_whole);
  tcase_add_test (tcase, a_file_that_changes_its_size_all_the_time_is_loaded_in_the_end);
  tcase_add_test (tcase, a_file_that_is_replaced_meanwhile_is_the_old_one);
  tcase_add_test (tcase, a_load_is_cancelled_between_open_and_read);
  tcase_add_test (tcase, a_ring_that_closes_between_open_and_read_ends_the_load);
  tcase_add_test (tcase, a_load_is_cancelled_at_each_moment);
  tcase_add_test (tcase, a_load_ends_when_its_ring_closes_at_any_moment);
  tcase_add_test (tcase, a_fifo_without_a_writer_is_waited_for);
  tcase_add_test (tcase, wait_for_a_writer_is_cancelled);
  tcase_add_test (tcase, a_few_descriptors_are_enough_for_files_in_a_row);
  tcase_add_test (tcase, more_are_loaded_than_there_are_descriptors);
  tcase_add_test (tcase, what_waits_for_its_turn_is_cancelled);
}

int
main (void)
{
  Suite *suite = suite_create ("file-load");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
