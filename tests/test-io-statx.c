/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is known of a file. */

#include "config.h"

#include <errno.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "io-support.h"

static gboolean
query (gint dir_fd, const gchar *path, gint flags, struct statx *status, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_statx_async (dir_fd, path, flags, STATX_BASIC_STATS, G_PRIORITY_DEFAULT, NULL, on_reply,
                      &reply);
  return guring_statx_finish (await (&reply), status, error);
}

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
  expect_errno (&error, ENOENT, "Could not query none");
  ck_assert (!query (CLOSED_FD, "file", 0, &status, &error));
  expect_errno (&error, EBADF, "Could not query file");
  ck_assert (!query (AT_FDCWD, "file", G_MAXINT, &status, &error));
  expect_errno (&error, EINVAL, "Could not query file");
  ck_assert_uint_eq (status.stx_size, 17);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, statx_knows_what_stat_knows);
  tcase_add_test (tcase, statx_follows_a_link_or_does_not);
  tcase_add_test (tcase, statx_is_relative_to_a_descriptor);
  tcase_add_test (tcase, errors_of_statx_are_told_with_the_path);
}

int
main (void)
{
  Suite *suite = suite_create ("io-statx");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
