/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams that replace a file: the old or the new one, and GIO's results. */

#include "config.h"

#include <errno.h>
#include <gio/gfiledescriptorbased.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file-support.h"

#define SIZE 100000

static gboolean
write_new (gpointer stream, gsize size, GError **error)
{
  g_autoptr (GBytes) bytes = make_pattern (size);
  g_auto (Answer) answer = { 0 };

  g_output_stream_write_all_async (stream, g_bytes_get_data (bytes, NULL), size, 0, NULL, on_answer,
                                   &answer);
  return g_output_stream_write_all_finish (stream, await_answer (&answer), NULL, error);
}

static void
replace (const gchar *name, gboolean make_backup, GFileCreateFlags flags)
{
  g_autoptr (GFileOutputStream) out = file_replace (name, NULL, make_backup, flags, NULL);

  ck_assert_ptr_nonnull (out);
  ck_assert (write_new (out, SIZE, NULL));
  ck_assert (close_async (out, NULL, NULL));
}

START_TEST (the_old_file_is_there_until_the_stream_is_closed)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GFileOutputStream) out = NULL;

      make_old ("file");
      out = file_replace ("file", NULL, FALSE, 0, NULL);
      ck_assert (write_new (out, SIZE, NULL));
      ck_assert (is_old ("file"));
      ck_assert (i ? close_async (out, NULL, NULL)
                   : g_output_stream_close (G_OUTPUT_STREAM (out), NULL, NULL));
      assert_new ("file", SIZE);
      ck_assert_uint_eq (count_names ("."), 1);
    }
}
END_TEST

START_TEST (a_cancelled_close_leaves_the_old_file)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();

  make_old ("file");
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GFileOutputStream) out = file_replace ("file", NULL, TRUE, 0, NULL);
      g_autoptr (GError) error = NULL;

      ck_assert (write_new (out, SIZE, NULL));
      ck_assert (!(i ? close_async (out, cancellable, &error)
                     : g_output_stream_close (G_OUTPUT_STREAM (out), cancellable, &error)));
      assert_cancelled (&error);
      ck_assert_ptr_null (g_file_output_stream_get_etag (out));
      ck_assert_uint_eq (count_names ("."), 1);
    }
  ck_assert (is_old ("file"));
}
END_TEST

/* Returns: whether the close ended before it was cancelled */
static gboolean
cancel_close_after (guint n_iterations)
{
  g_autoptr (GFileOutputStream) out = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_auto (Answer) answer = { 0 };
  gboolean in_time, closed;

  unlink ("file~");
  make_old ("file");
  out = file_replace ("file", NULL, TRUE, 0, NULL);
  ck_assert (write_new (out, SIZE, NULL));
  g_output_stream_close_async (G_OUTPUT_STREAM (out), 0, cancellable, on_answer, &answer);
  for (guint i = 0; i < n_iterations && answer.n_calls == 0; i++)
    g_main_context_iteration (context, TRUE);
  in_time = answer.n_calls == 0;
  g_cancellable_cancel (cancellable);
  run_until (answer.n_calls > 0);
  closed = g_output_stream_close_finish (G_OUTPUT_STREAM (out), answer.result, &error);

  if (!closed)
    assert_cancelled (&error);
  if (closed || !is_old ("file")) /* GOutputStream has the last word */
    assert_new ("file", SIZE);
  ck_assert_uint_eq (count_names ("."), g_file_test ("file~", G_FILE_TEST_EXISTS) ? 2 : 1);
  return !in_time;
}

START_TEST (wherever_a_close_is_cancelled_the_file_is_old_or_new)
{
  guint n_iterations = 0;

  while (!cancel_close_after (n_iterations))
    n_iterations++;
  ck_assert_uint_gt (n_iterations, 0);
}
END_TEST

START_TEST (a_stream_that_is_dropped_replaces_as_gios)
{
  GFileOutputStream *out;

  make_old ("file");
  out = file_replace ("file", NULL, FALSE, 0, NULL);
  ck_assert (write_new (out, SIZE, NULL));
  g_object_unref (out);
  assert_new ("file", SIZE);
  ck_assert_uint_eq (count_names ("."), 1);
}
END_TEST

START_TEST (a_new_file_is_made_at_once)
{
  g_autoptr (GFileOutputStream) out = NULL;

  umask (0027);
  out = file_replace ("file", "1:2:3", TRUE, 0, NULL); /* there is none to compare with */
  ck_assert_uint_eq (get_status ("file").st_mode & 07777, 0640);
  ck_assert (write_new (out, SIZE, NULL));
  assert_new ("file", SIZE);
  ck_assert (close_async (out, NULL, NULL));
  ck_assert_uint_eq (count_names ("."), 1);
}
END_TEST

START_TEST (permissions_and_owner_are_kept_unless_the_file_is_to_be_another)
{
  struct stat old, new;

  umask (0077);
  make_old ("file");
  ck_assert_int_eq (chmod ("file", 0754), 0);
  give_away ("file");
  old = get_status ("file");
  replace ("file", FALSE, 0);
  new = get_status ("file");
  ck_assert_uint_ne (new.st_ino, old.st_ino);
  ck_assert_uint_eq (new.st_mode, old.st_mode);
  ck_assert_uint_eq (new.st_uid, old.st_uid);
  ck_assert_uint_eq (new.st_gid, old.st_gid);

  replace ("file", FALSE, G_FILE_CREATE_REPLACE_DESTINATION);
  new = get_status ("file");
  ck_assert_uint_eq (new.st_mode & 07777, 0600);
  ck_assert_uint_eq (new.st_uid, geteuid ());
}
END_TEST

START_TEST (links_are_followed_or_replaced)
{
  make_old ("file");
  ck_assert_int_eq (symlink ("file", "link"), 0);
  ck_assert_int_eq (symlink ("missing", "to-nowhere"), 0);
  replace ("link", FALSE, 0);
  ck_assert (S_ISLNK (get_status ("link").st_mode));
  assert_new ("file", SIZE);
  replace ("to-nowhere", FALSE, 0);
  assert_new ("missing", SIZE);

  make_old ("file");
  replace ("link", FALSE, G_FILE_CREATE_REPLACE_DESTINATION);
  ck_assert (S_ISREG (get_status ("link").st_mode));
  assert_new ("link", SIZE);
  ck_assert (is_old ("file"));
  ck_assert_uint_eq (count_names ("."), 4);
}
END_TEST

START_TEST (other_names_of_the_file_see_the_new_contents)
{
  make_old ("file");
  ck_assert_int_eq (link ("file", "other"), 0);
  replace ("file", FALSE, 0);
  assert_new ("other", SIZE);
  ck_assert_uint_eq (get_status ("file").st_nlink, 2);

  make_old ("file");
  ck_assert_int_eq (link ("file", "third"), 0);
  replace ("file", TRUE, 0);
  assert_new ("third", SIZE);
  ck_assert (is_old ("file~"));
}
END_TEST

/* As a user that may write to the file, and not beside it: root may do both. */
static gboolean
take_rights_away (void)
{
  if (geteuid () == 0)
    return !skip_if (seteuid (65534) < 0, "other user");

  ck_assert_int_eq (chmod ("directory", 0555), 0);
  return TRUE;
}

static void
give_rights_back (void)
{
  if (getuid () == 0)
    ck_assert_int_eq (seteuid (0), 0);
  else
    ck_assert_int_eq (chmod ("directory", 0755), 0);
}

START_TEST (a_file_is_written_in_place_where_no_other_can_be_beside_it)
{
  g_autoptr (GFileOutputStream) out = NULL;
  struct stat old;

  ck_assert_int_eq (mkdir ("directory", 0755), 0);
  ck_assert_int_eq (chmod (".", 0755), 0);
  if (!take_rights_away ())
    return;
  give_rights_back ();

  make_old ("directory/file");
  ck_assert_int_eq (chmod ("directory/file", 0666), 0);
  old = get_status ("directory/file");
  take_rights_away ();
  out = file_replace ("directory/file", NULL, FALSE, 0, NULL);
  ck_assert (GURING_IS_FILE_OUTPUT_STREAM (out));
  ck_assert (write_new (out, SIZE, NULL));
  ck_assert (close_async (out, NULL, NULL));
  give_rights_back ();
  assert_new ("directory/file", SIZE);
  ck_assert_uint_eq (get_status ("directory/file").st_ino, old.st_ino);
  ck_assert_uint_eq (count_names ("directory"), 1);
  ck_assert_int_eq (unlink ("directory/file"), 0);
}
END_TEST

START_TEST (a_backup_is_made)
{
  make ("file~", 10);
  make_old ("file");
  replace ("file", TRUE, 0);
  ck_assert (is_old ("file~"));
  assert_new ("file", SIZE);
  replace ("file", TRUE, G_FILE_CREATE_REPLACE_DESTINATION);
  assert_new ("file~", SIZE);
  ck_assert_uint_eq (count_names ("."), 2);
}
END_TEST

START_TEST (where_no_backup_can_be_made_the_old_file_stays)
{
  make_old ("file");
  ck_assert_int_eq (mkdir ("file~", 0700), 0);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GFileOutputStream) out = file_replace ("file", NULL, TRUE, 0, NULL);
      g_autoptr (GError) error = NULL;

      ck_assert (write_new (out, SIZE, NULL));
      ck_assert (!(i ? close_async (out, NULL, &error)
                     : g_output_stream_close (G_OUTPUT_STREAM (out), NULL, &error)));
      assert_error (error, G_IO_ERROR_CANT_CREATE_BACKUP);
      ck_assert (is_old ("file"));
      ck_assert_uint_eq (count_names ("."), 2);
    }
}
END_TEST

START_TEST (the_etag_guards_the_file)
{
  g_autoptr (GFileOutputStream) out = NULL;
  g_autoptr (GFileOutputStream) next = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree gchar *etag = NULL;

  out = file_replace ("file", NULL, FALSE, 0, NULL);
  ck_assert (close_async (out, NULL, NULL));
  etag = g_file_output_stream_get_etag (out);
  ck_assert_ptr_null (file_replace ("file", "1:2:3", FALSE, 0, &error));
  assert_error (error, G_IO_ERROR_WRONG_ETAG);
  next = file_replace ("file", etag, FALSE, 0, NULL);
  ck_assert_ptr_nonnull (next);
  g_clear_object (&next);
  next = file_replace ("file", "", FALSE, 0, NULL); /* none, as in GIO */
  ck_assert_ptr_nonnull (next);
}
END_TEST

START_TEST (a_directory_that_vanishes_is_an_error)
{
  g_autoptr (GFileOutputStream) out = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_int_eq (mkdir ("directory", 0700), 0);
  make_old ("directory/file");
  out = file_replace ("directory/file", NULL, FALSE, 0, NULL);
  ck_assert_int_eq (rename ("directory", "elsewhere"), 0);
  ck_assert (!close_async (out, NULL, &error));
  assert_error (error, G_IO_ERROR_NOT_FOUND);
  ck_assert (is_old ("elsewhere/file"));
  ck_assert_int_eq (system ("rm -r elsewhere"), 0);
}
END_TEST

/* The kill: of a program of its own, since a forked child has no worker threads */

#define FOR_EVER "--replace-for-ever"

START_TEST (replace_for_ever)
{
  alarm (60);
  for (gsize size = SIZE;; size = SIZE * 3 - size)
    {
      g_autoptr (GFileOutputStream) out = file_replace ("file", NULL, FALSE, 0, NULL);

      write_byte (STDOUT_FILENO);
      write_new (out, size, NULL);
      write_byte (STDOUT_FILENO);
      close_async (out, NULL, NULL);
    }
}
END_TEST

static int
run_for_ever (void)
{
  Suite *suite = suite_create ("for-ever");
  SRunner *runner = srunner_create (suite);

  tcase_add_test (add_case (suite, "for-ever"), replace_for_ever);
  unsetenv ("CK_RUN_CASE"); /* meant for the suite */
  srunner_set_fork_status (runner, CK_NOFORK);
  srunner_run_all (runner, CK_SILENT);
  return EXIT_FAILURE;
}

static pid_t
start_replacing (int fd)
{
  g_autofree gchar *program = g_file_read_link ("/proc/self/exe", NULL);
  pid_t child = fork ();

  if (child == 0)
    {
      dup2 (fd, STDOUT_FILENO);
      execl (program, program, FOR_EVER, NULL);
      _exit (1);
    }
  ck_assert_int_gt (child, 0);
  return child;
}

static void
kill_after (guint n_bytes)
{
  gchar byte;
  pid_t child;
  int fds[2];

  make_pipe (fds);
  child = start_replacing (fds[1]);
  close (fds[1]);
  for (guint i = 0; i < n_bytes; i++)
    ck_assert_int_eq (read (fds[0], &byte, 1), 1);
  ck_assert_int_eq (kill (child, SIGKILL), 0);
  ck_assert_int_eq (waitpid (child, NULL, 0), child);
  close (fds[0]);
}

START_TEST (whenever_the_process_is_killed_the_file_is_old_or_new)
{
  for (guint i = 1; i < 12; i++)
    {
      make ("file", SIZE);
      kill_after (i);
      assert_new ("file", get_status ("file").st_size == SIZE ? SIZE : 2 * SIZE);
    }
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, the_old_file_is_there_until_the_stream_is_closed);
  tcase_add_test (tcase, a_cancelled_close_leaves_the_old_file);
  tcase_add_test (tcase, wherever_a_close_is_cancelled_the_file_is_old_or_new);
  tcase_add_test (tcase, a_stream_that_is_dropped_replaces_as_gios);
  tcase_add_test (tcase, a_new_file_is_made_at_once);
  tcase_add_test (tcase, permissions_and_owner_are_kept_unless_the_file_is_to_be_another);
  tcase_add_test (tcase, links_are_followed_or_replaced);
  tcase_add_test (tcase, other_names_of_the_file_see_the_new_contents);
  tcase_add_test (tcase, a_file_is_written_in_place_where_no_other_can_be_beside_it);
  tcase_add_test (tcase, a_backup_is_made);
  tcase_add_test (tcase, where_no_backup_can_be_made_the_old_file_stays);
  tcase_add_test (tcase, the_etag_guards_the_file);
  tcase_add_test (tcase, a_directory_that_vanishes_is_an_error);
  tcase_add_test (tcase, whenever_the_process_is_killed_the_file_is_old_or_new);
}

int
main (int argc, char **argv)
{
  Suite *suite;

  if (argc > 1 && strcmp (argv[1], FOR_EVER) == 0)
    return run_for_ever ();

  suite = suite_create ("file-replace-stream");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
