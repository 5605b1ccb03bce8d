/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening and closing descriptors. */

#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "io-support.h"

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

START_TEST (open_without_a_free_descriptor_is_an_error)
{
  GError *error = NULL;
  gint fd = io_open (".", O_RDONLY, 0, NULL); /* so that there is a ring */

  close (fd);
  if (skip_if (!limit_descriptors ((guint) fd + 1), "limit of descriptors")) /* room for one */
    return;

  fd = io_open (".", O_RDONLY, 0, NULL);
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (io_open (".", O_RDONLY, 0, &error), -1);
  expect_errno (&error, EMFILE, "Could not open .");
  close (fd);
}
END_TEST

START_TEST (close_of_a_closed_descriptor_is_an_error)
{
  GError *error = NULL;

  ck_assert (!io_close (CLOSED_FD, &error));
  expect_errno (&error, EBADF, "Could not close");
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

static void
add_tests (TCase *tcase)
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

int
main (void)
{
  Suite *suite = suite_create ("io-open");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
