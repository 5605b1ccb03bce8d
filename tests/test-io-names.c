/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is done to names. */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "io-support.h"

static gboolean
rename_name (const gchar *old_path, const gchar *new_path, guint flags, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_rename_async (old_path, new_path, flags, G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  return guring_rename_finish (await (&reply), error);
}

static gboolean
unlink_name (const gchar *path, gint flags, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_unlink_async (path, flags, G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  return guring_unlink_finish (await (&reply), error);
}

static gboolean
make_directory (const gchar *path, guint mode, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_mkdir_async (path, mode, G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  return guring_mkdir_finish (await (&reply), error);
}

START_TEST (rename_gives_another_name)
{
  g_autofree gchar *contents = NULL;

  put_file ("old", "abc");
  put_file ("new", "defg");
  ck_assert (rename_name ("old", "new", 0, NULL));
  ck_assert (!exists ("old"));
  ck_assert (g_file_get_contents ("new", &contents, NULL, NULL));
  ck_assert_str_eq (contents, "abc");
}
END_TEST

START_TEST (rename_exchanges)
{
  put_file ("file", "");
  ck_assert_int_eq (mkdir ("directory", 0700), 0);
  ck_assert (rename_name ("file", "directory", RENAME_EXCHANGE, NULL));
  ck_assert (g_file_test ("file", G_FILE_TEST_IS_DIR));
  ck_assert (g_file_test ("directory", G_FILE_TEST_IS_REGULAR));
}
END_TEST

START_TEST (errors_of_rename_are_told_with_the_path)
{
  GError *error = NULL;

  put_file ("old", "");
  put_file ("new", "");
  ck_assert (!rename_name ("old", "new", RENAME_NOREPLACE, &error));
  assert_error (error, G_IO_ERROR_EXISTS);
  expect_errno (&error, EEXIST, "Could not rename old");
  ck_assert (exists ("old"));

  ck_assert (!rename_name ("none", "other", 0, &error));
  assert_error (error, G_IO_ERROR_NOT_FOUND);
  expect_errno (&error, ENOENT, "Could not rename none");
  ck_assert (!rename_name ("old", ".", 0, &error));
  expect_errno (&error, EBUSY, "Could not rename old");
  ck_assert (!rename_name ("old", "new", G_MAXUINT, &error));
  expect_errno (&error, EINVAL, "Could not rename old");
}
END_TEST

START_TEST (unlink_removes_a_name)
{
  put_file ("file", "");
  ck_assert_int_eq (mkdir ("directory", 0700), 0);
  ck_assert (unlink_name ("file", 0, NULL));
  ck_assert (unlink_name ("directory", AT_REMOVEDIR, NULL));
  ck_assert (!exists ("file"));
  ck_assert (!exists ("directory"));
}
END_TEST

START_TEST (errors_of_unlink_are_told_with_the_path)
{
  GError *error = NULL;
  g_autofree gchar *directory = g_get_current_dir ();
  g_autofree gchar *message = g_strconcat ("Could not remove ", directory, NULL);

  ck_assert (!unlink_name ("none", 0, &error));
  assert_error (error, G_IO_ERROR_NOT_FOUND);
  expect_errno (&error, ENOENT, "Could not remove none");

  put_file ("file", "");
  ck_assert (!unlink_name (directory, AT_REMOVEDIR, &error));
  assert_error (error, G_IO_ERROR_NOT_EMPTY);
  expect_errno (&error, ENOTEMPTY, message);
  ck_assert (!unlink_name (directory, 0, &error));
  assert_error (error, G_IO_ERROR_IS_DIRECTORY);
  expect_errno (&error, EISDIR, message);
  ck_assert (!unlink_name ("file", AT_REMOVEDIR, &error));
  assert_error (error, G_IO_ERROR_NOT_DIRECTORY);
  expect_errno (&error, ENOTDIR, "Could not remove file");
  ck_assert (exists ("file"));
}
END_TEST

START_TEST (mkdir_makes_a_directory)
{
  struct stat status;

  umask (027);
  ck_assert (make_directory ("directory", 0777, NULL));
  ck_assert_int_eq (stat ("directory", &status), 0);
  ck_assert_uint_eq (status.st_mode, S_IFDIR | 0750);
}
END_TEST

START_TEST (errors_of_mkdir_are_told_with_the_path)
{
  GError *error = NULL;

  put_file ("file", "");
  ck_assert (!make_directory ("file", 0700, &error));
  assert_error (error, G_IO_ERROR_EXISTS);
  ck_assert_ptr_nonnull (strstr (error->message, "file: File exists"));
  g_clear_error (&error);
  ck_assert (!make_directory ("none/below", 0700, &error));
  assert_error (error, G_IO_ERROR_NOT_FOUND);
  ck_assert_ptr_nonnull (strstr (error->message, "none/below: No such file"));
  g_clear_error (&error);
  ck_assert (!make_directory ("file/below", 0700, &error));
  assert_error (error, G_IO_ERROR_NOT_DIRECTORY);
  g_clear_error (&error);
}
END_TEST

START_TEST (nothing_is_changed_on_a_read_only_file_system)
{
  GError *error = NULL;

  if (!mount_tmpfs ("disk", MS_RDONLY))
    return;

  ck_assert_int_eq (io_open ("disk/file", O_CREAT | O_WRONLY, 0600, &error), -1);
  assert_error (error, G_IO_ERROR_READ_ONLY);
  expect_errno (&error, EROFS, "Could not open disk/file");
  ck_assert (!make_directory ("disk/below", 0700, &error));
  assert_error (error, G_IO_ERROR_READ_ONLY);
  g_clear_error (&error);

  put_file ("file", "");
  ck_assert (!rename_name ("file", "disk/file", 0, &error));
  expect_errno (&error, EXDEV, "Could not rename file");
}
END_TEST

/* Cancelled before: not started */

START_TEST (cancelled_before_nothing_is_done_to_names)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_auto (Reply) opened = { 0 };
  g_auto (Reply) renamed = { 0 };
  g_auto (Reply) unlinked = { 0 };
  g_auto (Reply) made = { 0 };
  g_auto (Reply) queried = { 0 };
  struct statx status;
  GError *error = NULL;

  put_file ("file", "");
  guring_open_async ("created", O_CREAT | O_WRONLY, 0600, 0, cancellable, on_reply, &opened);
  guring_rename_async ("file", "renamed", 0, 0, cancellable, on_reply, &renamed);
  guring_unlink_async ("file", 0, 0, cancellable, on_reply, &unlinked);
  guring_mkdir_async ("made", 0700, 0, cancellable, on_reply, &made);
  guring_statx_async (AT_FDCWD, "file", 0, 0, 0, cancellable, on_reply, &queried);

  ck_assert_int_eq (guring_open_finish (await (&opened), &error), -1);
  assert_cancelled (&error);
  run_until (queried.n_calls > 0);
  ck_assert (!guring_rename_finish (renamed.result, &error));
  assert_cancelled (&error);
  ck_assert (!guring_unlink_finish (unlinked.result, &error));
  assert_cancelled (&error);
  ck_assert (!guring_mkdir_finish (made.result, &error));
  assert_cancelled (&error);
  ck_assert (!guring_statx_finish (queried.result, &status, &error));
  assert_cancelled (&error);

  ck_assert (exists ("file"));
  ck_assert (!exists ("created") && !exists ("renamed") && !exists ("made"));
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, rename_gives_another_name);
  tcase_add_test (tcase, rename_exchanges);
  tcase_add_test (tcase, errors_of_rename_are_told_with_the_path);
  tcase_add_test (tcase, unlink_removes_a_name);
  tcase_add_test (tcase, errors_of_unlink_are_told_with_the_path);
  tcase_add_test (tcase, mkdir_makes_a_directory);
  tcase_add_test (tcase, errors_of_mkdir_are_told_with_the_path);
  tcase_add_test (tcase, nothing_is_changed_on_a_read_only_file_system);
  tcase_add_test (tcase, cancelled_before_nothing_is_done_to_names);
}

int
main (void)
{
  Suite *suite = suite_create ("io-names");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
