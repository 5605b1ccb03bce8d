/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Copying files, compared with GIO. */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "file-support.h"

#define BIG ((20u << 20) + 12345)
#define GROWTH (1 << 20)
#define N_COPIES 1000
#define ALL                                                                                        \
  (G_FILE_COPY_OVERWRITE | G_FILE_COPY_BACKUP | G_FILE_COPY_NOFOLLOW_SYMLINKS |                    \
   G_FILE_COPY_ALL_METADATA | G_FILE_COPY_TARGET_DEFAULT_PERMS)

typedef struct
{
  guint n_calls;
  goffset current;
  goffset total;
  GThread *thread;
  GCancellable *to_cancel;
} Progress;

static void
on_progress (goffset current, goffset total, gpointer user_data)
{
  Progress *progress = user_data;

  ck_assert_int_ge (current, progress->current);
  progress->n_calls++;
  progress->current = current;
  progress->total = total;
  progress->thread = g_thread_self ();
  if (progress->to_cancel != NULL)
    g_cancellable_cancel (progress->to_cancel);
}

static gboolean
copy_with (const gchar *from,
           const gchar *to,
           GFileCopyFlags flags,
           Progress *progress,
           GCancellable *cancellable,
           GError **error)
{
  g_auto (Answer) answer = answer_for (from);
  g_auto (Answer) destination = answer_for (to);

  guring_file_copy_async (answer.file, destination.file, flags, 0, cancellable,
                          progress != NULL ? on_progress : NULL, progress, on_answer, &answer);
  return guring_file_copy_finish (answer.file, await_answer (&answer), error);
}

static gboolean
copy (const gchar *from, const gchar *to, GFileCopyFlags flags, GError **error)
{
  return copy_with (from, to, flags, NULL, NULL, error);
}

START_TEST (files_of_all_sizes_are_copied)
{
  const gsize sizes[] = {
    0, 1, 4095, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 20, 1 << 21, (1 << 21) + 1, BIG
  };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      Progress progress = { 0 };

      make ("file", sizes[i]);
      ck_assert (copy_with ("file", "copy", G_FILE_COPY_OVERWRITE, &progress, NULL, NULL));
      assert_new ("copy", sizes[i]);
      ck_assert_uint_gt (progress.n_calls, 0);
      ck_assert_int_eq (progress.current, (goffset) sizes[i]);
      ck_assert_int_eq (progress.total, (goffset) sizes[i]);
      ck_assert_ptr_eq (progress.thread, g_thread_self ());
    }
  ck_assert_uint_eq (count_names ("."), 2);
}
END_TEST

START_TEST (what_says_that_it_is_empty_is_copied)
{
  ck_assert (copy ("/proc/self/mountinfo", "copy", 0, NULL));
  ck_assert_int_gt (get_status ("copy").st_size, 0);
}
END_TEST

/* The same with GIO, each in a directory of its own */

static void
make_long_ago (const gchar *name)
{
  const struct timespec times[] = { { 1000, 5000 }, { 2000, 7000 } };

  ck_assert_int_eq (utimensat (AT_FDCWD, name, times, 0), 0);
}

static void
make_names (void)
{
  make ("file", 100000);
  ck_assert_int_eq (chmod ("file", 0640), 0);
  give_away ("file");
  setxattr ("file", "user.test", "value", 5, 0);
  make_long_ago ("file");
  make_old ("other");
  ck_assert_int_eq (chmod ("other", 0604), 0);
  make_long_ago ("other");
  ck_assert_int_eq (link ("other", "second"), 0);
  ck_assert_int_eq (symlink ("file", "link"), 0);
  ck_assert_int_eq (symlink ("loop", "loop"), 0);
  ck_assert_int_eq (symlink ("missing", "to-nowhere"), 0);
  ck_assert_int_eq (mkfifo ("pipe", 0600), 0);
  ck_assert_int_eq (mkdir ("directory", 0700), 0);
}

static void
describe (GString *text, const gchar *name)
{
  struct stat status = get_status (name);
  g_autofree gchar *contents = NULL;
  gchar value[10] = "";
  gsize length = 0;

  g_string_append_printf (text, "%s %o %u %u %u", name, status.st_mode, status.st_uid,
                          status.st_gid, (guint) status.st_nlink);
  if (S_ISREG (status.st_mode) && g_file_get_contents (name, &contents, &length, NULL))
    {
      g_autofree gchar *sum =
        g_compute_checksum_for_data (G_CHECKSUM_MD5, (guchar *) contents, length);

      g_string_append_printf (text, " %s", sum);
    }
  if (status.st_mtim.tv_sec == 2000)
    g_string_append_printf (text, " modified %ld", status.st_mtim.tv_nsec);
  if (status.st_atim.tv_sec == 1000) /* not read since */
    g_string_append_printf (text, " accessed %ld", status.st_atim.tv_nsec);
  if (lgetxattr (name, "user.test", value, sizeof value - 1) > 0)
    g_string_append (text, value);
  g_string_append_c (text, '\n');
}

static int
compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(gchar *const *) a, *(gchar *const *) b);
}

/* Empties the directory. */
static gchar *
take_stock (void)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (".", 0, NULL);
  GString *text = g_string_new (NULL);
  const gchar *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (found, g_strdup (name));
  g_ptr_array_sort (found, compare);
  for (guint i = 0; i < found->len; i++)
    {
      describe (text, found->pdata[i]);
      ck_assert_int_eq (remove (found->pdata[i]), 0);
    }
  return g_string_free (text, FALSE);
}

static void
assert_copies_as_gio (const gchar *from, const gchar *to, GFileCopyFlags flags)
{
  g_autoptr (GFile) source = answer_for (from).file;
  g_autoptr (GFile) destination = answer_for (to).file;
  g_autoptr (GError) error = NULL, expected_error = NULL;
  g_autofree gchar *call = g_strdup_printf ("%s to %s, flags %x", from, to, flags);
  g_autofree gchar *stock = NULL, *expected = NULL;

  make_names ();
  copy (from, to, flags, &error);
  stock = take_stock ();
  make_names ();
  g_file_copy (source, destination, flags, NULL, NULL, NULL, &expected_error);
  expected = take_stock ();
  assert_same_error (error, expected_error, call);
  ck_assert_msg (strcmp (stock, expected) == 0, "%s: %s, not %s", call, stock, expected);
}

START_TEST (all_kinds_are_copied_as_gio_does)
{
  const gchar *from[] = { "file", "other",     "link",       "missing",   "loop",
                          "pipe", "directory", "file/below", "test:///x", "resource:///x" };
  const gchar *to[] = { "new",       "other", "link",        "to-nowhere", "pipe",
                        "directory", "file",  "missing/new", "other/x",    "test:///x" };
  const GFileCopyFlags flags[] = { 0,
                                   G_FILE_COPY_OVERWRITE,
                                   G_FILE_COPY_OVERWRITE | G_FILE_COPY_BACKUP,
                                   G_FILE_COPY_NOFOLLOW_SYMLINKS,
                                   G_FILE_COPY_ALL_METADATA,
                                   G_FILE_COPY_TARGET_DEFAULT_PERMS,
                                   ALL };
  GFileCopyFlags chosen = flags[_i];

  umask (0027);
  for (guint i = 0; i < G_N_ELEMENTS (from); i++)
    for (guint k = 0; k < G_N_ELEMENTS (to); k++)
      if (strcmp (to[k], "pipe") != 0) /* GIO would wait for its reader */
        assert_copies_as_gio (from[i], to[k], chosen);
}
END_TEST

static void
assert_private (goffset current, goffset total, gpointer cancellable)
{
  ck_assert_uint_eq (get_status ("copy").st_mode & 07777, 0600);
  g_cancellable_cancel (cancellable);
}

START_TEST (a_copy_is_private_from_the_start)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GFile) destination = g_file_new_for_path ("copy");

  umask (0);
  make ("file", BIG);
  ck_assert_int_eq (chmod ("file", 0600), 0);
  guring_file_copy_async (answer.file, destination, 0, 0, cancellable, assert_private, cancellable,
                          on_answer, &answer);
  ck_assert (!guring_file_copy_finish (answer.file, await_answer (&answer), NULL));
}
END_TEST

/* What fails */

START_TEST (a_read_only_file_system_is_told)
{
  g_autoptr (GError) error = NULL;

  if (!mount_tmpfs ("mount", MS_RDONLY))
    return;

  make_old ("file");
  ck_assert (!copy ("file", "mount/new", 0, &error));
  assert_error (error, G_IO_ERROR_READ_ONLY);
}
END_TEST

static void
truncate_file (goffset current, goffset total, gpointer user_data)
{
  ck_assert_int_eq (truncate ("file", 5 << 18), 0);
}

START_TEST (a_source_that_shrinks_ends_earlier)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GFile) destination = g_file_new_for_path ("copy");

  make ("file", BIG);
  guring_file_copy_async (answer.file, destination, 0, 0, NULL, truncate_file, NULL, on_answer,
                          &answer);
  ck_assert (guring_file_copy_finish (answer.file, await_answer (&answer), NULL));
  ck_assert_int_ge (get_status ("copy").st_size, 5 << 18);
}
END_TEST

static void
append_and_unlink_once (goffset current, goffset total, gpointer done)
{
  g_autoptr (GBytes) all = make_pattern (BIG + GROWTH);
  const gchar *data = g_bytes_get_data (all, NULL);
  int fd;

  if (*(gboolean *) done)
    return;

  *(gboolean *) done = TRUE;
  fd = open ("file", O_WRONLY | O_APPEND | O_CLOEXEC);
  ck_assert_int_eq (write (fd, data + BIG, GROWTH), GROWTH);
  ck_assert_int_eq (close (fd), 0);
  ck_assert_int_eq (unlink ("file"), 0);
}

START_TEST (a_source_that_grows_and_vanishes_is_copied_to_its_end)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GFile) destination = g_file_new_for_path ("copy");
  gboolean done = FALSE;

  make ("file", BIG);
  guring_file_copy_async (answer.file, destination, 0, 0, NULL, append_and_unlink_once, &done,
                          on_answer, &answer);
  ck_assert (guring_file_copy_finish (answer.file, await_answer (&answer), NULL));
  ck_assert (done);
  assert_new ("copy", BIG + GROWTH);
}
END_TEST

/* Returns: whether it ended before it was cancelled */
static gboolean
cancel_after (guint n_iterations, gboolean exists)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GFile) destination = g_file_new_for_path ("copy");
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gboolean in_time;

  unlink ("copy");
  if (exists)
    make_old ("copy");
  if (n_iterations == 0)
    g_cancellable_cancel (cancellable);
  guring_file_copy_async (answer.file, destination, G_FILE_COPY_OVERWRITE, 0, cancellable, NULL,
                          NULL, on_answer, &answer);
  for (guint i = 0; i < n_iterations && answer.n_calls == 0; i++)
    g_main_context_iteration (context, TRUE);
  in_time = answer.n_calls == 0;
  g_cancellable_cancel (cancellable);
  run_until (answer.n_calls > 0);

  if (guring_file_copy_finish (answer.file, answer.result, &error))
    {
      assert_new ("copy", 3 << 20);
      return !in_time;
    }
  ck_assert (in_time);
  assert_error (error, G_IO_ERROR_CANCELLED);
  ck_assert_int_eq (is_old ("copy"), exists);
  ck_assert_uint_eq (count_names ("."), exists ? 2 : 1);
  return FALSE;
}

START_TEST (wherever_it_is_cancelled_the_destination_is_old_or_new)
{
  guint n_iterations = 0;

  make ("file", 3 << 20);
  while (!cancel_after (n_iterations, _i))
    n_iterations++;
  ck_assert_uint_gt (n_iterations, 0);
}
END_TEST

START_TEST (the_progress_callback_may_cancel)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Progress progress = { .to_cancel = cancellable };
  g_autoptr (GError) error = NULL;

  make ("file", BIG);
  ck_assert (!copy_with ("file", "copy", 0, &progress, cancellable, &error));
  assert_cancelled (&error);
  ck_assert_uint_eq (count_names ("."), 1);
}
END_TEST

static void
copy_big (GMainContext *own, gpointer data)
{
  Progress progress = { 0 };

  ck_assert (copy_with ("file", "copy", 0, &progress, NULL, NULL));
  ck_assert_ptr_eq (progress.thread, g_thread_self ());
}

START_TEST (another_thread_has_its_own_context)
{
  make ("file", BIG);
  run_in_threads (1, copy_big, NULL);
  assert_new ("copy", BIG);
}
END_TEST

START_TEST (an_application_may_push_a_context)
{
  make ("file", BIG);
  run_in_own_context (copy_big, NULL);
  assert_new ("copy", BIG);
}
END_TEST

START_TEST (many_are_copied_at_once)
{
  Answer answers[30] = { 0 };

  make ("file", 1 << 20);
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree gchar *name = g_strdup_printf ("copy%u", i / 2);
      g_autoptr (GFile) destination = g_file_new_for_path (name);

      answers[i] = answer_for ("file");
      guring_file_copy_async (answers[i].file, destination, G_FILE_COPY_OVERWRITE, 0, NULL, NULL,
                              NULL, on_answer, &answers[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      g_autofree gchar *name = g_strdup_printf ("copy%u", i / 2);

      run_until (answers[i].n_calls > 0);
      ck_assert (guring_file_copy_finish (answers[i].file, answers[i].result, NULL));
      answer_clear (&answers[i]);
      assert_new (name, 1 << 20);
    }
  ck_assert_uint_eq (count_names ("."), 1 + G_N_ELEMENTS (answers) / 2);
}
END_TEST

/* As many wait for their turn as need more descriptors than there are. A result that is kept keeps
 * none. */
START_TEST (more_are_copied_than_there_are_descriptors)
{
  g_autofree Answer *answers = g_new0 (Answer, N_COPIES);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  make ("file", 10);
  limit_descriptors (256);
  for (guint i = 0; i < N_COPIES; i++)
    {
      g_autofree gchar *name = g_strdup_printf ("copy%u", i);
      g_autoptr (GFile) destination = g_file_new_for_path (name);

      answers[i] = answer_for ("file");
      guring_file_copy_async (answers[i].file, destination, 0, 0, i % 2 != 0 ? cancellable : NULL,
                              NULL, NULL, on_answer, &answers[i]);
    }
  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < N_COPIES; i++)
    run_until (answers[i].n_calls > 0);
  for (guint i = 0; i < N_COPIES; i++)
    {
      g_autoptr (GError) error = NULL;

      if (guring_file_copy_finish (answers[i].file, answers[i].result, &error))
        ck_assert_uint_eq (i % 2, 0);
      else
        assert_error (error, i % 2 != 0 ? G_IO_ERROR_CANCELLED : -1);
      answer_clear (&answers[i]);
    }
  ck_assert_uint_eq (count_names ("."), 1 + N_COPIES / 2);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, files_of_all_sizes_are_copied);
  tcase_add_test (tcase, what_says_that_it_is_empty_is_copied);
  tcase_add_loop_test (tcase, all_kinds_are_copied_as_gio_does, 0, 7);
  tcase_add_test (tcase, a_copy_is_private_from_the_start);
  tcase_add_test (tcase, a_read_only_file_system_is_told);
  tcase_add_test (tcase, a_source_that_shrinks_ends_earlier);
  tcase_add_test (tcase, a_source_that_grows_and_vanishes_is_copied_to_its_end);
  tcase_add_loop_test (tcase, wherever_it_is_cancelled_the_destination_is_old_or_new, 0, 2);
  tcase_add_test (tcase, the_progress_callback_may_cancel);
  tcase_add_test (tcase, another_thread_has_its_own_context);
  tcase_add_test (tcase, an_application_may_push_a_context);
  tcase_add_test (tcase, many_are_copied_at_once);
  tcase_add_test (tcase, more_are_copied_than_there_are_descriptors);
}

int
main (void)
{
  Suite *suite = suite_create ("file-copy");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
