/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a file is to hold for good, and the room for it. */

#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "io-support.h"

#define MEBIBYTE ((gsize) 1 << 20)

static gboolean
synchronize (int fd, gboolean data_only, GCancellable *cancellable, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_fsync_async (fd, data_only, G_PRIORITY_DEFAULT, cancellable, on_reply, &reply);
  return guring_fsync_finish (await (&reply), error);
}

static gboolean
allocate (int fd,
          gint mode,
          gint64 offset,
          gint64 length,
          GCancellable *cancellable,
          GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_fallocate_async (fd, mode, offset, length, G_PRIORITY_DEFAULT, cancellable, on_reply,
                          &reply);
  return guring_fallocate_finish (await (&reply), error);
}

static void
assert_size (int fd, gsize size, gsize allocated)
{
  struct stat status;

  ck_assert_int_eq (fstat (fd, &status), 0);
  ck_assert_uint_eq ((gsize) status.st_size, size);
  ck_assert_uint_eq ((gsize) status.st_blocks * 512, allocated);
}

START_TEST (fsync_synchronizes_a_file)
{
  g_autoptr (GError) error = NULL;
  int fd = make_file ("file", "abc");

  ck_assert (synchronize (fd, FALSE, NULL, &error));
  ck_assert (synchronize (fd, TRUE, NULL, &error));
  ck_assert_ptr_null (error);
  close (fd);
}
END_TEST

START_TEST (errors_of_fsync_are_told)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  GError *error = NULL;
  int fds[2];

  make_pipe (fds);
  for (gint data_only = 0; data_only < 2; data_only++)
    {
      ck_assert (!synchronize (CLOSED_FD, data_only, NULL, &error));
      expect_errno (&error, EBADF, "Could not synchronize");
      ck_assert (!synchronize (fds[1], data_only, NULL, &error));
      assert_errno (error, EINVAL, "Could not synchronize");
      assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);
      g_clear_error (&error);
      ck_assert (!synchronize (CLOSED_FD, data_only, cancellable, &error));
      assert_cancelled (&error);
    }
  close_pipe (fds);
}
END_TEST

START_TEST (fallocate_makes_room)
{
  int fd;

  if (!mount_tmpfs ("disk", 0))
    return;

  fd = make_file ("disk/file", "");
  ck_assert (allocate (fd, 0, 0, 8192, NULL, NULL));
  assert_size (fd, 8192, 8192);
  ck_assert (allocate (fd, FALLOC_FL_KEEP_SIZE, 8192, 4096, NULL, NULL));
  assert_size (fd, 8192, 12288);
  ck_assert (allocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096, NULL, NULL));
  assert_size (fd, 8192, 8192);
  ck_assert (allocate (fd, 0, 20480, 4096, NULL, NULL));
  assert_size (fd, 24576, 12288);
  close (fd);
}
END_TEST

START_TEST (fallocate_on_a_full_disk_is_an_error)
{
  g_autoptr (GError) error = NULL;
  int fd;

  if (!mount_tmpfs ("disk", 0))
    return;

  fd = make_file ("disk/file", "");
  ck_assert (!allocate (fd, 0, 0, (gint64) MEBIBYTE, NULL, &error));
  assert_error (error, G_IO_ERROR_NO_SPACE);
  assert_errno (error, ENOSPC, "Could not allocate");
  assert_size (fd, 0, 0);
  close (fd);
}
END_TEST

START_TEST (errors_of_fallocate_are_told)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  GError *error = NULL;
  int fd = make_file ("file", "");
  int read_only = open ("file", O_RDONLY | O_CLOEXEC);

  ck_assert (!allocate (fd, 0, 0, 4096, cancellable, &error));
  assert_cancelled (&error);
  ck_assert (!allocate (read_only, 0, 0, 4096, NULL, &error));
  expect_errno (&error, EBADF, "Could not allocate");
  ck_assert (!allocate (CLOSED_FD, 0, 0, 4096, NULL, &error));
  expect_errno (&error, EBADF, "Could not allocate");
  ck_assert (!allocate (fd, 0, 0, 0, NULL, &error));
  expect_errno (&error, EINVAL, "Could not allocate");
  assert_size (fd, 0, 0);
  close (read_only);
  close (fd);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, fsync_synchronizes_a_file);
  tcase_add_test (tcase, errors_of_fsync_are_told);
  tcase_add_test (tcase, fallocate_makes_room);
  tcase_add_test (tcase, fallocate_on_a_full_disk_is_an_error);
  tcase_add_test (tcase, errors_of_fallocate_are_told);
}

int
main (void)
{
  Suite *suite = suite_create ("io-sync");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
