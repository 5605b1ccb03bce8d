/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Replacing what a file holds: the old or the new contents, and GIO's results. */

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "file-support.h"

#define BIG (3u << 20)
#define N_REPLACED 500

static gboolean
replace_by (const gchar *name,
            gsize size,
            const gchar *etag,
            GFileCreateFlags flags,
            gchar **new_etag,
            GError **error)
{
  g_auto (Answer) answer = answer_for (name);
  g_autoptr (GBytes) bytes = make_pattern (size);

  guring_file_replace_contents_bytes_async (answer.file, bytes, etag, FALSE, flags, NULL, on_answer,
                                            &answer);
  return guring_file_replace_contents_bytes_finish (answer.file, await_answer (&answer), new_etag,
                                                    error);
}

static gboolean
replace (const gchar *name, gsize size)
{
  g_autoptr (GError) error = NULL;
  gboolean replaced = replace_by (name, size, NULL, G_FILE_CREATE_NONE, NULL, &error);

  ck_assert_msg (replaced, "%s", error != NULL ? error->message : "no error");
  return replaced;
}

START_TEST (files_of_all_sizes_are_made_and_replaced)
{
  const gsize sizes[] = { 0, 1, 4096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, BIG, 0 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      ck_assert (replace ("file", sizes[i]));
      assert_new ("file", sizes[i]);
    }
  ck_assert_uint_eq (count_names ("."), 1);
}
END_TEST

START_TEST (a_replaced_file_is_another_one)
{
  ino_t inode;

  make_old ("file");
  inode = get_status ("file").st_ino;
  ck_assert (replace ("file", BIG));
  ck_assert_uint_ne (get_status ("file").st_ino, inode);
}
END_TEST

START_TEST (a_new_file_has_the_permissions_that_were_asked_for)
{
  umask (0027);
  ck_assert (replace ("file", 1));
  ck_assert_uint_eq (get_status ("file").st_mode & 07777, 0640);
  ck_assert (replace_by ("private", 1, NULL, G_FILE_CREATE_PRIVATE, NULL, NULL));
  ck_assert_uint_eq (get_status ("private").st_mode & 07777, 0600);
}
END_TEST

START_TEST (permissions_and_owner_are_kept)
{
  struct stat old, new;

  umask (0077);
  make_old ("file");
  ck_assert_int_eq (chmod ("file", 0754), 0);
  give_away ("file");
  old = get_status ("file");
  ck_assert (replace ("file", BIG));
  new = get_status ("file");
  ck_assert_uint_eq (new.st_mode, old.st_mode);
  ck_assert_uint_eq (new.st_uid, old.st_uid);
  ck_assert_uint_eq (new.st_gid, old.st_gid);
}
END_TEST

START_TEST (symbolic_links_are_followed)
{
  make_old ("file");
  ck_assert_int_eq (symlink ("file", "link"), 0);
  ck_assert_int_eq (symlink ("link", "link-to-link"), 0);
  ck_assert (replace ("link-to-link", BIG));
  ck_assert (S_ISLNK (get_status ("link-to-link").st_mode));
  ck_assert (S_ISLNK (get_status ("link").st_mode));
  ck_assert (S_ISREG (get_status ("file").st_mode));
  assert_new ("file", BIG);
  ck_assert_uint_eq (count_names ("."), 3);
}
END_TEST

START_TEST (a_link_that_leads_nowhere_gets_its_file)
{
  ck_assert_int_eq (symlink ("missing", "link"), 0);
  ck_assert (replace ("link", 1000));
  ck_assert (S_ISLNK (get_status ("link").st_mode));
  assert_new ("missing", 1000);
}
END_TEST

START_TEST (other_names_of_the_file_see_the_new_contents)
{
  make_old ("file");
  ck_assert_int_eq (link ("file", "other"), 0);
  ck_assert (replace ("file", 1000));
  assert_new ("other", 1000);
  ck_assert_uint_eq (get_status ("file").st_nlink, 2);
}
END_TEST

START_TEST (the_etag_guards_the_file)
{
  g_autofree gchar *etag = NULL;
  g_autofree gchar *next = NULL;
  g_autoptr (GFile) file = g_file_new_for_path ("file");
  g_autoptr (GFileInfo) info = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert (replace_by ("file", 1, "1:2:3", 0, &etag, NULL)); /* there is none yet */
  ck_assert (!replace_by ("file", 2, "1:2:3", 0, NULL, &error));
  assert_error (error, G_IO_ERROR_WRONG_ETAG);
  assert_new ("file", 1);
  ck_assert (replace_by ("file", 3, etag, 0, &next, NULL));
  assert_new ("file", 3);
  info = g_file_query_info (file, G_FILE_ATTRIBUTE_ETAG_VALUE, 0, NULL, NULL);
  ck_assert_str_eq (next, g_file_info_get_etag (info));
  ck_assert_uint_eq (count_names ("."), 1);
  ck_assert (replace_by ("file", 4, "", 0, NULL, NULL)); /* an empty one is none, as in GIO */
}
END_TEST

static void
assert_fails_as_gio (const gchar *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) expected = NULL;
  g_auto (Answer) answer = answer_for (name);

  ck_assert_msg (!replace_by (name, 100000, NULL, 0, NULL, &error), "%s", name);
  ck_assert (
    !g_file_replace_contents (answer.file, "new", 3, NULL, FALSE, 0, NULL, NULL, &expected));
  ck_assert_msg (g_error_matches (error, expected->domain, expected->code), "%s: %s, not %s", name,
                 error->message, expected->message);
}

START_TEST (what_cannot_be_replaced_gives_gios_errors)
{
  const gchar *names[] = { ".",    "/",    "missing/file", "file/below",
                           "loop", "pipe", "test:///x",    "resource:///x" };

  int fd;

  make_old ("file");
  ck_assert_int_eq (symlink ("loop", "loop"), 0);
  ck_assert_int_eq (mkfifo ("pipe", 0600), 0);
  fd = open ("pipe", O_RDWR | O_CLOEXEC);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    assert_fails_as_gio (names[i]);
  close (fd);
  ck_assert (is_old ("file"));
  ck_assert_uint_eq (count_names ("."), 3);
}
END_TEST

START_TEST (a_pipe_that_nobody_reads_is_not_waited_for)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) stream_error = NULL;

  ck_assert_int_eq (mkfifo ("pipe", 0600), 0);
  ck_assert (!replace_by ("pipe", 1, NULL, 0, NULL, &error));
  assert_error (error, G_IO_ERROR_NOT_REGULAR_FILE);
  ck_assert_ptr_null (file_replace ("pipe", NULL, FALSE, 0, &stream_error));
  assert_error (stream_error, G_IO_ERROR_NOT_REGULAR_FILE);
}
END_TEST

static int leased_fd;

static void
give_up_lease (int signal_number)
{
  fcntl (leased_fd, F_SETLEASE, F_UNLCK);
}

START_TEST (a_lease_is_waited_for)
{
  const struct sigaction action = { .sa_handler = give_up_lease };
  struct sigaction before;

  make_old ("file");
  leased_fd = open ("file", O_RDONLY | O_CLOEXEC);
  ck_assert_int_eq (sigaction (SIGIO, &action, &before), 0);
  ck_assert_int_eq (fcntl (leased_fd, F_SETLEASE, F_RDLCK), 0);
  ck_assert (replace ("file", 1));
  assert_new ("file", 1);
  sigaction (SIGIO, &before, NULL);
  close (leased_fd);
}
END_TEST

START_TEST (a_read_only_file_system_is_told)
{
  if (!mount_tmpfs ("mount", 0))
    return;

  make_old ("mount/file");
  ck_assert_int_eq (mount ("none", "mount", "none", MS_REMOUNT | MS_RDONLY, NULL), 0);
  assert_fails_as_gio ("mount/file");
  assert_fails_as_gio ("mount/new");
  ck_assert (is_old ("mount/file"));
}
END_TEST

START_TEST (a_backup_is_made)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GBytes) bytes = make_pattern (1000);

  make_old ("file");
  guring_file_replace_contents_bytes_async (answer.file, bytes, NULL, TRUE, 0, NULL, on_answer,
                                            &answer);
  run_until (answer.n_calls > 0);
  ck_assert (guring_file_replace_contents_bytes_finish (answer.file, answer.result, NULL, NULL));
  ck_assert (is_old ("file~"));
  assert_new ("file", 1000);
}
END_TEST

/* Returns: 1 if it ended before it was cancelled */
static guint
cancel_after (guint n_iterations)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GBytes) bytes = make_pattern (BIG);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  gboolean in_time;

  make_old ("file");
  if (n_iterations == 0)
    g_cancellable_cancel (cancellable);
  guring_file_replace_contents_bytes_async (answer.file, bytes, NULL, FALSE, 0, cancellable,
                                            on_answer, &answer);
  for (guint i = 0; i < n_iterations && answer.n_calls == 0; i++)
    g_main_context_iteration (context, TRUE);
  in_time = answer.n_calls == 0;
  g_cancellable_cancel (cancellable);
  run_until (answer.n_calls > 0);

  ck_assert_uint_eq (count_names ("."), 1);
  if (guring_file_replace_contents_bytes_finish (answer.file, answer.result, NULL, &error))
    {
      assert_new ("file", BIG);
      return !in_time;
    }
  ck_assert (in_time);
  assert_error (error, G_IO_ERROR_CANCELLED);
  ck_assert (is_old ("file"));
  return 0;
}

START_TEST (wherever_it_is_cancelled_the_contents_are_old_or_new)
{
  guint n_iterations = 0;

  while (cancel_after (n_iterations) == 0)
    n_iterations++;
  ck_assert_uint_gt (n_iterations, 0);
}
END_TEST

static void
replace_big (GMainContext *own, gpointer data)
{
  ck_assert (replace ("file", BIG));
}

START_TEST (another_thread_replaces_in_its_own_context)
{
  run_in_threads (1, replace_big, NULL);
  assert_new ("file", BIG);
}
END_TEST

START_TEST (many_may_replace_one_file_at_once)
{
  Answer answers[50] = { 0 };
  g_autoptr (GBytes) bytes = make_pattern (10000);

  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      answers[i] = answer_for ("file");
      guring_file_replace_contents_bytes_async (answers[i].file, bytes, NULL, FALSE, 0, NULL,
                                                on_answer, &answers[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    {
      run_until (answers[i].n_calls > 0);
      ck_assert (
        guring_file_replace_contents_bytes_finish (answers[i].file, answers[i].result, NULL, NULL));
      answer_clear (&answers[i]);
    }
  assert_new ("file", 10000);
  ck_assert_uint_eq (count_names ("."), 1);
}
END_TEST

START_TEST (more_are_replaced_than_there_are_descriptors)
{
  g_autofree Answer *answers = g_new0 (Answer, N_REPLACED);
  g_autoptr (GBytes) bytes = make_pattern (100);

  limit_descriptors (256);
  for (guint i = 0; i < N_REPLACED; i++)
    {
      g_autofree gchar *name = g_strdup_printf ("file%u", i);

      answers[i] = answer_for (name);
      guring_file_replace_contents_bytes_async (answers[i].file, bytes, NULL, FALSE, 0, NULL,
                                                on_answer, &answers[i]);
    }
  for (guint i = 0; i < N_REPLACED; i++)
    run_until (answers[i].n_calls > 0);
  for (guint i = 0; i < N_REPLACED; i++)
    {
      ck_assert (
        guring_file_replace_contents_bytes_finish (answers[i].file, answers[i].result, NULL, NULL));
      answer_clear (&answers[i]);
    }
  ck_assert_uint_eq (count_names ("."), N_REPLACED);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, files_of_all_sizes_are_made_and_replaced);
  tcase_add_test (tcase, a_replaced_file_is_another_one);
  tcase_add_test (tcase, a_new_file_has_the_permissions_that_were_asked_for);
  tcase_add_test (tcase, permissions_and_owner_are_kept);
  tcase_add_test (tcase, symbolic_links_are_followed);
  tcase_add_test (tcase, a_link_that_leads_nowhere_gets_its_file);
  tcase_add_test (tcase, other_names_of_the_file_see_the_new_contents);
  tcase_add_test (tcase, the_etag_guards_the_file);
  tcase_add_test (tcase, what_cannot_be_replaced_gives_gios_errors);
  tcase_add_test (tcase, a_pipe_that_nobody_reads_is_not_waited_for);
  tcase_add_test (tcase, a_lease_is_waited_for);
  tcase_add_test (tcase, a_read_only_file_system_is_told);
  tcase_add_test (tcase, a_backup_is_made);
  tcase_add_test (tcase, wherever_it_is_cancelled_the_contents_are_old_or_new);
  tcase_add_test (tcase, another_thread_replaces_in_its_own_context);
  tcase_add_test (tcase, many_may_replace_one_file_at_once);
  tcase_add_test (tcase, more_are_replaced_than_there_are_descriptors);
}

int
main (void)
{
  Suite *suite = suite_create ("file-replace");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
