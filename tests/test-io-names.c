/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening and closing descriptors, and what is done to names. */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
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

static gboolean
query (gint dir_fd, const gchar *path, gint flags, struct statx *status, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_statx_async (dir_fd, path, flags, STATX_BASIC_STATS, G_PRIORITY_DEFAULT, NULL, on_reply,
                      &reply);
  return guring_statx_finish (await (&reply), status, error);
}

static void
put_file (const gchar *path, const gchar *contents)
{
  close (make_file (path, contents));
}

static gboolean
exists (const gchar *path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* The error is that of the errno; it is freed. */
static void
expect (GError **error, int error_number, const gchar *message)
{
  assert_errno (*error, error_number, message);
  g_clear_error (error);
}

/* Opening and closing */

START_TEST (open_gives_a_descriptor_and_close_takes_it)
{
  g_autoptr (GError) error = NULL;
  gint fd;

  put_file ("file", "abc");
  fd = io_open ("file", O_RDONLY, 0, &error);
  ck_assert_int_ge (fd, 0);
  ck_assert_ptr_null (error);
  ck_assert_int_eq (fcntl (fd, F_GETFD), FD_CLOEXEC);
  ck_assert_int_eq (fcntl (fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  assert_bytes (io_read (fd, 10, 0, NULL), "abc", 3);

  ck_assert (io_close (fd, &error));
  ck_assert_ptr_null (error);
  ck_assert_int_eq (fcntl (fd, F_GETFD), -1);
}
END_TEST

START_TEST (open_creates_with_the_mode_less_the_umask)
{
  struct stat status;
  gint fd;

  umask (027);
  fd = io_open ("file", O_CREAT | O_EXCL | O_WRONLY, 0666, NULL);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (fstat (fd, &status), 0);
  ck_assert_uint_eq (status.st_mode, S_IFREG | 0640);
  close (fd);
}
END_TEST

START_TEST (open_truncates)
{
  struct stat status;
  gint fd;

  put_file ("file", "abc");
  fd = io_open ("file", O_TRUNC | O_WRONLY, 0, NULL);
  ck_assert_int_eq (fstat (fd, &status), 0);
  ck_assert_int_eq (status.st_size, 0);
  close (fd);
}
END_TEST

START_TEST (errors_of_open_are_told_with_the_path)
{
  const struct
  {
    const gchar *path;
    gint flags;
    int error_number;
    gint code;
  } files[] = {
    { "none", O_RDONLY, ENOENT, G_IO_ERROR_NOT_FOUND },
    { "file", O_RDWR | O_CREAT | O_EXCL, EEXIST, G_IO_ERROR_EXISTS },
    { ".", O_WRONLY, EISDIR, G_IO_ERROR_IS_DIRECTORY },
    { "file/below", O_RDONLY, ENOTDIR, G_IO_ERROR_NOT_DIRECTORY },
    { "loop", O_RDONLY, ELOOP, G_IO_ERROR_TOO_MANY_LINKS },
  };

  put_file ("file", "");
  ck_assert_int_eq (symlink ("loop", "loop"), 0);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree gchar *message = g_strconcat ("Could not open ", files[i].path, NULL);
      g_autoptr (GError) error = NULL;

      ck_assert_int_eq (io_open (files[i].path, files[i].flags, 0600, &error), -1);
      assert_errno (error, files[i].error_number, message);
      assert_error (error, files[i].code);
    }
}
END_TEST

/* Returns whether the kernel knows the limit: valgrind keeps it to itself. */
static gboolean
limit_descriptors (rlim_t n)
{
  g_autofree gchar *line = g_strdup_printf ("Max open files            %u ", (guint) n);
  g_autofree gchar *limits = NULL;
  struct rlimit limit;

  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = n;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &limit), 0);
  ck_assert (g_file_get_contents ("/proc/self/limits", &limits, NULL, NULL));
  return strstr (limits, line) != NULL;
}

START_TEST (open_without_a_free_descriptor_is_an_error)
{
  GError *error = NULL;
  gint fd = io_open (".", O_RDONLY, 0, NULL); /* so that there is a ring */

  close (fd);
  if (!limit_descriptors ((rlim_t) fd + 1)) /* room for one: it is that of the limits' file, too */
    {
      g_printerr ("# SKIP: the kernel does not know the limit of descriptors\n");
      return;
    }

  fd = io_open (".", O_RDONLY, 0, NULL);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (io_open (".", O_RDONLY, 0, &error), -1);
  expect (&error, EMFILE, "Could not open .");
  close (fd);
}
END_TEST

START_TEST (close_of_a_closed_descriptor_is_an_error)
{
  GError *error = NULL;

  ck_assert (!io_close (CLOSED_FD, &error));
  expect (&error, EBADF, "Could not close");
}
END_TEST

START_TEST (close_is_done_although_cancelled)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_auto (Reply) reply = { 0 };
  int fd = make_file ("file", "");

  guring_close_async (fd, G_PRIORITY_DEFAULT, cancellable, on_reply, &reply);
  ck_assert (guring_close_finish (await (&reply), NULL));
  ck_assert_int_eq (fcntl (fd, F_GETFD), -1);
}
END_TEST

/* An open that waits for the other end of a FIFO */

static void
start_opening_fifo (gint flags, GCancellable *cancellable, Reply *reply)
{
  ck_assert_int_eq (mkfifo ("fifo", 0600), 0);
  guring_open_async ("fifo", flags, 0, G_PRIORITY_DEFAULT, cancellable, on_reply, reply);
  let_it_wait ();
  ck_assert_uint_eq (reply->n_calls, 0);
}

static void
assert_open_waits (gint flags, gint other_flags)
{
  g_auto (Reply) reply = { 0 };
  gint fds[2];

  start_opening_fifo (flags, NULL, &reply);
  fds[1] = open ("fifo", other_flags | O_CLOEXEC);
  fds[0] = guring_open_finish (await (&reply), NULL);
  ck_assert_int_ge (fds[0], 0);
  ck_assert_int_eq (fcntl (fds[0], F_GETFL) & O_NONBLOCK, 0);
  close_pipe (fds);
}

START_TEST (open_for_reading_waits_for_a_writer)
{
  assert_open_waits (O_RDONLY, O_WRONLY);
}
END_TEST

START_TEST (open_for_writing_waits_for_a_reader)
{
  assert_open_waits (O_WRONLY, O_RDONLY);
}
END_TEST

/* A worker thread cannot be interrupted: without io_uring it ends with the other end. */
static void
assert_waiting_open_cancelled (gint flags, gint other_flags)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  GError *error = NULL;
  gint fd = -1;

  start_opening_fifo (flags, cancellable, &reply);
  g_thread_join (g_thread_new ("cancel", cancel_in_thread, cancellable));
  if (!guring_is_supported (NULL))
    fd = open ("fifo", other_flags | O_CLOEXEC);
  ck_assert_int_eq (guring_open_finish (await (&reply), &error), -1);
  assert_errno (error, ECANCELED, "Could not open fifo");
  assert_cancelled (&error);
  if (fd >= 0)
    close (fd);
}

START_TEST (waiting_open_for_reading_is_cancelled)
{
  assert_waiting_open_cancelled (O_RDONLY, O_WRONLY);
}
END_TEST

START_TEST (waiting_open_for_writing_is_cancelled)
{
  assert_waiting_open_cancelled (O_WRONLY, O_RDONLY);
}
END_TEST

/* Cancelled when it has succeeded, but nobody knows yet: the fixture sees a descriptor left. */
START_TEST (open_cancelled_too_late_closes_its_descriptor)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  GError *error = NULL;
  guint before;

  put_file ("file", "");
  io_close (io_open ("file", O_RDONLY, 0, NULL), NULL); /* so that there is a ring */
  before = count_descriptors ();
  guring_open_async ("file", O_RDONLY, 0, G_PRIORITY_DEFAULT, cancellable, on_reply, &reply);
  if (guring_is_supported (NULL))
    guring_ring_submit (guring_ring_get_default (NULL), NULL);
  else
    while (count_descriptors () == before)
      g_thread_yield ();
  while (count_descriptors () != before + 1) /* a worker of the kernel opens it */
    ;

  g_cancellable_cancel (cancellable);
  ck_assert_int_eq (guring_open_finish (await (&reply), &error), -1);
  assert_cancelled (&error);
  ck_assert_uint_eq (count_descriptors (), before);
}
END_TEST

START_TEST (open_cancelled_afterwards_keeps_its_descriptor)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  gint fd;

  guring_open_async (".", O_RDONLY, 0, G_PRIORITY_DEFAULT, cancellable, on_reply, &reply);
  await (&reply);
  g_cancellable_cancel (cancellable);
  fd = guring_open_finish (reply.result, NULL);
  ck_assert_int_eq (fcntl (fd, F_GETFD), FD_CLOEXEC);
  close (fd);
}
END_TEST

/* Names */

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
  expect (&error, EEXIST, "Could not rename old");
  ck_assert (exists ("old"));

  ck_assert (!rename_name ("none", "other", 0, &error));
  assert_error (error, G_IO_ERROR_NOT_FOUND);
  expect (&error, ENOENT, "Could not rename none");
  ck_assert (!rename_name ("old", ".", 0, &error));
  expect (&error, EBUSY, "Could not rename old");
  ck_assert (!rename_name ("old", "new", G_MAXUINT, &error));
  expect (&error, EINVAL, "Could not rename old");
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
  expect (&error, ENOENT, "Could not remove none");

  put_file ("file", "");
  ck_assert (!unlink_name (directory, AT_REMOVEDIR, &error));
  assert_error (error, G_IO_ERROR_NOT_EMPTY);
  expect (&error, ENOTEMPTY, message);
  ck_assert (!unlink_name (directory, 0, &error));
  assert_error (error, G_IO_ERROR_IS_DIRECTORY);
  expect (&error, EISDIR, message);
  ck_assert (!unlink_name ("file", AT_REMOVEDIR, &error));
  assert_error (error, G_IO_ERROR_NOT_DIRECTORY);
  expect (&error, ENOTDIR, "Could not remove file");
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
  expect (&error, EROFS, "Could not open disk/file");
  ck_assert (!make_directory ("disk/below", 0700, &error));
  assert_error (error, G_IO_ERROR_READ_ONLY);
  g_clear_error (&error);

  put_file ("file", "");
  ck_assert (!rename_name ("file", "disk/file", 0, &error));
  expect (&error, EXDEV, "Could not rename file");
}
END_TEST

/* What is known of a file */

static void
assert_status (const struct statx *status, const struct stat *expected)
{
  ck_assert_uint_eq (status->stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
  ck_assert_uint_eq (status->stx_mode, expected->st_mode);
  ck_assert_uint_eq (status->stx_ino, expected->st_ino);
  ck_assert_uint_eq (makedev (status->stx_dev_major, status->stx_dev_minor), expected->st_dev);
  ck_assert_uint_eq (status->stx_nlink, expected->st_nlink);
  ck_assert_uint_eq (status->stx_uid, expected->st_uid);
  ck_assert_uint_eq (status->stx_gid, expected->st_gid);
  ck_assert_uint_eq (status->stx_size, (guint64) expected->st_size);
  ck_assert_uint_eq (status->stx_blocks, (guint64) expected->st_blocks);
  ck_assert_int_eq (status->stx_mtime.tv_sec, expected->st_mtim.tv_sec);
  ck_assert_int_eq (status->stx_mtime.tv_nsec, expected->st_mtim.tv_nsec);
  ck_assert_int_eq (status->stx_ctime.tv_nsec, expected->st_ctim.tv_nsec);
}

START_TEST (statx_knows_what_stat_knows)
{
  const gchar *paths[] = { "file", ".", "/dev/null", "/proc/self/stat" };
  struct statx status;
  struct stat expected;

  put_file ("file", "0123456789");
  ck_assert_int_eq (chmod ("file", 0640), 0);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      ck_assert (query (AT_FDCWD, paths[i], 0, &status, NULL));
      ck_assert_int_eq (stat (paths[i], &expected), 0);
      assert_status (&status, &expected);
    }
}
END_TEST

START_TEST (statx_follows_a_link_or_does_not)
{
  struct statx status;
  struct stat expected;

  put_file ("file", "0123456789");
  ck_assert_int_eq (symlink ("file", "link"), 0);
  ck_assert (query (AT_FDCWD, "link", 0, &status, NULL));
  ck_assert_int_eq (stat ("file", &expected), 0);
  assert_status (&status, &expected);
  ck_assert (query (AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, &status, NULL));
  ck_assert_int_eq (lstat ("link", &expected), 0);
  assert_status (&status, &expected);
}
END_TEST

START_TEST (statx_is_relative_to_a_descriptor)
{
  struct statx status;
  struct stat expected;
  int dir_fd = open ("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  ck_assert (query (dir_fd, "zero", 0, &status, NULL));
  ck_assert_int_eq (stat ("/dev/zero", &expected), 0);
  assert_status (&status, &expected);
  ck_assert (query (dir_fd, "", AT_EMPTY_PATH, &status, NULL));
  ck_assert_int_eq (fstat (dir_fd, &expected), 0);
  assert_status (&status, &expected);
  close (dir_fd);
}
END_TEST

START_TEST (errors_of_statx_are_told_with_the_path)
{
  struct statx status = { .stx_size = 17 };
  GError *error = NULL;

  ck_assert (!query (AT_FDCWD, "none", 0, &status, &error));
  assert_error (error, G_IO_ERROR_NOT_FOUND);
  expect (&error, ENOENT, "Could not query none");
  ck_assert (!query (CLOSED_FD, "file", 0, &status, &error));
  expect (&error, EBADF, "Could not query file");
  ck_assert (!query (AT_FDCWD, "file", G_MAXINT, &status, &error));
  expect (&error, EINVAL, "Could not query file");
  ck_assert_uint_eq (status.stx_size, 17);
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
add_open_tests (TCase *tcase)
{
  tcase_add_test (tcase, open_gives_a_descriptor_and_close_takes_it);
  tcase_add_test (tcase, open_creates_with_the_mode_less_the_umask);
  tcase_add_test (tcase, open_truncates);
  tcase_add_test (tcase, errors_of_open_are_told_with_the_path);
  tcase_add_test (tcase, open_without_a_free_descriptor_is_an_error);
  tcase_add_test (tcase, close_of_a_closed_descriptor_is_an_error);
  tcase_add_test (tcase, close_is_done_although_cancelled);
  tcase_add_test (tcase, open_for_reading_waits_for_a_writer);
  tcase_add_test (tcase, open_for_writing_waits_for_a_reader);
  tcase_add_test (tcase, waiting_open_for_reading_is_cancelled);
  tcase_add_test (tcase, waiting_open_for_writing_is_cancelled);
  tcase_add_test (tcase, open_cancelled_too_late_closes_its_descriptor);
  tcase_add_test (tcase, open_cancelled_afterwards_keeps_its_descriptor);
}

static void
add_name_tests (TCase *tcase)
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

static void
add_status_tests (TCase *tcase)
{
  tcase_add_test (tcase, statx_knows_what_stat_knows);
  tcase_add_test (tcase, statx_follows_a_link_or_does_not);
  tcase_add_test (tcase, statx_is_relative_to_a_descriptor);
  tcase_add_test (tcase, errors_of_statx_are_told_with_the_path);
}

int
main (void)
{
  Suite *suite = suite_create ("io-names");

  add_io_tests (suite, add_open_tests);
  add_io_tests (suite, add_name_tests);
  add_io_tests (suite, add_status_tests);
  return run_suite_without_io_uring (suite);
}
