/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing to files. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io-support.h"

#define MEBIBYTE ((gsize) 1 << 20)

static void
write_string (int fd, const gchar *string, gint64 offset)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (string, strlen (string));
  g_autoptr (GError) error = NULL;
  gsize n_written = 0;

  ck_assert (io_write (fd, bytes, offset, &n_written, &error));
  ck_assert_ptr_null (error);
  ck_assert_uint_eq (n_written, strlen (string));
}

static void
assert_contents (const gchar *path, const gchar *expected)
{
  g_autofree gchar *contents = NULL;

  ck_assert (g_file_get_contents (path, &contents, NULL, NULL));
  ck_assert_str_eq (contents, expected);
}

/* Files */

START_TEST (write_puts_all_at_the_offset)
{
  int fd = make_file ("file", "0123456789");

  write_string (fd, "abc", 3);
  assert_contents ("file", "012abc6789");
  write_string (fd, "def", 9);
  assert_contents ("file", "012abc678def");
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), 0);
  close (fd);
}
END_TEST

START_TEST (write_without_an_offset_moves_the_file_position)
{
  int fd = make_file ("file", "0123456789");

  write_string (fd, "abc", -1);
  write_string (fd, "de", -1);
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), 5);
  assert_contents ("file", "abcde56789");
  close (fd);
}
END_TEST

START_TEST (write_appends_where_the_descriptor_does)
{
  int fd = make_file ("file", "0123");

  ck_assert_int_eq (fcntl (fd, F_SETFL, O_APPEND), 0);
  write_string (fd, "abc", -1);
  ck_assert_int_eq (lseek (fd, 0, SEEK_SET), 0);
  write_string (fd, "de", -1);
  assert_contents ("file", "0123abcde");
  close (fd);
}
END_TEST

START_TEST (write_of_nothing_writes_nothing)
{
  g_autoptr (GBytes) empty = g_bytes_new (NULL, 0);
  int fd = make_file ("file", "0123");
  int fds[2];

  write_string (fd, "", 0);
  ck_assert (io_write (fd, empty, 0, NULL, NULL));
  assert_contents ("file", "0123");
  make_pipe (fds);
  write_string (fds[1], "", -1);
  ck_assert_uint_eq (count_in_pipe (fds[0]), 0);
  close_pipe (fds);
  close (fd);
}
END_TEST

START_TEST (write_holds_the_bytes_until_it_has_ended)
{
  g_auto (Reply) reply = { 0 };
  GBytes *bytes = g_bytes_new_take (g_strdup ("abc"), 3);
  int fd = make_file ("file", "");

  io_start_write (fd, bytes, NULL, &reply);
  g_bytes_unref (bytes);
  ck_assert (guring_write_finish (await (&reply), NULL, NULL));
  assert_contents ("file", "abc");
  close (fd);
}
END_TEST

/* Errors */

START_TEST (errors_of_write_are_told)
{
  const struct
  {
    const gchar *path;
    gint flags;
    int error_number;
    gint code;
  } files[] = {
    { "/dev/null", O_RDONLY, EBADF, -1 },
    { ".", O_RDONLY, EBADF, -1 },
    { "/dev/full", O_WRONLY, ENOSPC, G_IO_ERROR_NO_SPACE },
  };
  g_autoptr (GBytes) bytes = make_pattern (10);
  GError *error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      int fd = open (files[i].path, files[i].flags | O_CLOEXEC);
      gsize n_written = 17;

      ck_assert (!io_write (fd, bytes, -1, &n_written, &error));
      assert_errno (error, files[i].error_number, "Could not write");
      ck_assert (files[i].code < 0 || error->code == files[i].code);
      ck_assert_uint_eq (n_written, 0);
      g_clear_error (&error);
      close (fd);
    }

  ck_assert (!io_write (CLOSED_FD, bytes, 0, NULL, &error));
  expect_errno (&error, EBADF, "Could not write");
  ck_assert (!io_write (CLOSED_FD, bytes, -2, NULL, &error));
  expect_errno (&error, EINVAL, "Could not write");
}
END_TEST

static void
assert_disk_is_full (gint64 offset)
{
  g_autoptr (GBytes) bytes = make_pattern (MEBIBYTE);
  g_autoptr (GError) error = NULL;
  gsize n_written = 0;
  struct stat status;
  int fd = make_file ("disk/file", "");

  ck_assert (!io_write (fd, bytes, offset, &n_written, &error));
  assert_error (error, G_IO_ERROR_NO_SPACE);
  ck_assert_int_eq (fstat (fd, &status), 0);
  ck_assert_uint_gt (n_written, 0);
  ck_assert_uint_eq (n_written, (gsize) status.st_size);
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), offset < 0 ? (off_t) n_written : 0);
  close (fd);
  unlink ("disk/file");
}

START_TEST (full_disk_is_an_error_and_tells_how_much_was_written)
{
  if (!mount_tmpfs ("disk", 0))
    return;

  assert_disk_is_full (0);
  assert_disk_is_full (-1);
}
END_TEST

/* Cancellation */

START_TEST (write_cancelled_before_writes_nothing)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_autoptr (GBytes) bytes = make_pattern (10);
  g_auto (Reply) reply = { 0 };
  GError *error = NULL;
  gsize n_written = 17;
  int fd = make_file ("file", "");

  io_start_write (fd, bytes, cancellable, &reply);
  ck_assert (!guring_write_finish (await (&reply), &n_written, &error));
  assert_cancelled (&error);
  ck_assert_uint_eq (n_written, 0);
  assert_contents ("file", "");
  close (fd);
}
END_TEST

START_TEST (write_that_was_done_is_not_reported_cancelled)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abc", 3);
  g_auto (Reply) reply = { 0 };
  struct stat status = { 0 };
  int fd = make_file ("file", "");

  io_start_write (fd, bytes, cancellable, &reply);
  if (guring_is_supported (NULL))
    guring_ring_submit (guring_ring_get_default (NULL), NULL);
  while (status.st_size < 3)
    ck_assert_int_eq (fstat (fd, &status), 0);
  g_cancellable_cancel (cancellable);
  ck_assert (guring_write_finish (await (&reply), NULL, NULL));
  assert_contents ("file", "abc");
  close (fd);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, write_puts_all_at_the_offset);
  tcase_add_test (tcase, write_without_an_offset_moves_the_file_position);
  tcase_add_test (tcase, write_appends_where_the_descriptor_does);
  tcase_add_test (tcase, write_of_nothing_writes_nothing);
  tcase_add_test (tcase, write_holds_the_bytes_until_it_has_ended);
  tcase_add_test (tcase, errors_of_write_are_told);
  tcase_add_test (tcase, full_disk_is_an_error_and_tells_how_much_was_written);
  tcase_add_test (tcase, write_cancelled_before_writes_nothing);
  tcase_add_test (tcase, write_that_was_done_is_not_reported_cancelled);
}

int
main (void)
{
  Suite *suite = suite_create ("io-write");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
