/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Moving bytes between descriptors. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io-support.h"

#define SIZE 200000 /* more than a pipe holds */

static void
start_splicing (int in, gint64 offset_in, int out, gint64 offset_out, gsize count, Reply *reply)
{
  guring_splice_async (in, offset_in, out, offset_out, count, 0, G_PRIORITY_DEFAULT, NULL, on_reply,
                       reply);
}

static gssize
do_splice (int in, gint64 offset_in, int out, gint64 offset_out, gsize count, GError **error)
{
  g_auto (Reply) reply = { 0 };

  start_splicing (in, offset_in, out, offset_out, count, &reply);
  return guring_splice_finish (await (&reply), error);
}

static void
assert_same (int fd, gint64 offset, GBytes *pattern)
{
  gsize size;
  gconstpointer data = g_bytes_get_data (pattern, &size);

  assert_bytes (io_read (fd, size + 1, offset, NULL), data, size);
}

START_TEST (splice_moves_a_file_through_a_pipe)
{
  g_autoptr (GBytes) pattern = make_pattern (SIZE);
  g_auto (Reply) in = { 0 };
  g_auto (Reply) out = { 0 };
  int from = make_file ("from", "");
  int to = make_file ("to", "");
  int fds[2];

  make_pipe (fds);
  ck_assert (io_write (from, pattern, 0, NULL, NULL));
  start_splicing (from, 0, fds[1], -1, SIZE, &in);
  start_splicing (fds[0], -1, to, 0, SIZE, &out);
  ck_assert_int_eq (guring_splice_finish (await (&in), NULL), SIZE);
  run_until (out.n_calls > 0);
  ck_assert_int_eq (guring_splice_finish (out.result, NULL), SIZE);

  assert_same (to, 0, pattern);
  ck_assert_int_eq (lseek (from, 0, SEEK_CUR), 0);
  ck_assert_int_eq (lseek (to, 0, SEEK_CUR), 0);
  close_pipe (fds);
  close (from);
  close (to);
}
END_TEST

START_TEST (splice_without_offsets_moves_the_file_positions)
{
  int from = make_file ("from", "0123456789");
  int to = make_file ("to", "..........");
  int fds[2];

  make_pipe (fds);
  ck_assert_int_eq (lseek (from, 2, SEEK_SET), 2);
  ck_assert_int_eq (do_splice (from, -1, fds[1], -1, 3, NULL), 3);
  ck_assert_int_eq (do_splice (from, 8, fds[1], -1, 2, NULL), 2);
  ck_assert_int_eq (lseek (from, 0, SEEK_CUR), 5);
  ck_assert_int_eq (do_splice (fds[0], -1, to, -1, 4, NULL), 4);
  ck_assert_int_eq (do_splice (fds[0], -1, to, 7, 1, NULL), 1);
  ck_assert_int_eq (lseek (to, 0, SEEK_CUR), 4);
  assert_bytes (io_read (to, 20, 0, NULL), "2348...9..", 10);
  close_pipe (fds);
  close (from);
  close (to);
}
END_TEST

START_TEST (splice_ends_where_its_input_ends)
{
  int file = make_file ("file", "0123456789");
  int fds[2];

  make_pipe (fds);
  ck_assert_int_eq (do_splice (file, 4, fds[1], -1, 100, NULL), 6);
  ck_assert_int_eq (do_splice (file, 10, fds[1], -1, 100, NULL), 0);
  ck_assert_int_eq (do_splice (file, 0, fds[1], -1, 0, NULL), 0);
  close (fds[1]);
  ck_assert_int_eq (do_splice (fds[0], -1, file, 0, 100, NULL), 6);
  ck_assert_int_eq (do_splice (fds[0], -1, file, 0, 100, NULL), 0);
  assert_bytes (io_read (file, 20, 0, NULL), "4567896789", 10);
  close (fds[0]);
  close (file);
}
END_TEST

/* It is to wait as all else here does, whatever the descriptors do. */
START_TEST (splice_waits_although_the_descriptors_do_not)
{
  g_auto (Reply) in = { 0 };
  g_auto (Reply) out = { 0 };
  g_autoptr (GBytes) pattern = make_pattern (SIZE);
  int from = make_file ("from", "");
  int to = make_file ("to", "");
  int fds[2];

  ck_assert_int_eq (pipe2 (fds, O_CLOEXEC | O_NONBLOCK), 0);
  ck_assert (io_write (from, pattern, 0, NULL, NULL));
  start_splicing (fds[0], -1, to, 0, SIZE, &out);
  let_it_wait ();
  ck_assert_uint_eq (out.n_calls, 0);
  start_splicing (from, 0, fds[1], -1, SIZE, &in);
  run_until (in.n_calls > 0);
  ck_assert_int_eq (guring_splice_finish (in.result, NULL), SIZE);
  run_until (out.n_calls > 0);
  ck_assert_int_eq (guring_splice_finish (out.result, NULL), SIZE);
  assert_same (to, 0, pattern);
  close_pipe (fds);
  close (from);
  close (to);
}
END_TEST

START_TEST (errors_of_splice_are_told)
{
  GError *error = NULL;
  int file = make_file ("file", "0123456789");
  int other = make_file ("other", "");
  int fds[2];

  make_pipe (fds);
  ck_assert_int_eq (do_splice (file, 0, other, 0, 10, &error), -1);
  assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);
  expect_errno (&error, EINVAL, "Could not splice");
  ck_assert_int_eq (do_splice (file, -2, fds[1], -1, 10, &error), -1);
  expect_errno (&error, EINVAL, "Could not splice");
  ck_assert_int_eq (do_splice (file, 0, fds[1], -2, 10, &error), -1);
  expect_errno (&error, EINVAL, "Could not splice");
  ck_assert_int_eq (do_splice (CLOSED_FD, 0, fds[1], -1, 10, &error), -1);
  expect_errno (&error, EBADF, "Could not splice");
  ck_assert_int_eq (do_splice (file, 0, fds[0], -1, 10, &error), -1);
  expect_errno (&error, EBADF, "Could not splice");
  close (fds[0]);
  ck_assert_int_eq (do_splice (file, 0, fds[1], -1, 10, &error), -1);
  assert_error (error, G_IO_ERROR_BROKEN_PIPE);
  expect_errno (&error, EPIPE, "Could not splice");
  close (fds[1]);
  close (other);
  close (file);
}
END_TEST

START_TEST (splice_cancelled_before_moves_nothing)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_auto (Reply) reply = { 0 };
  GError *error = NULL;
  int file = make_file ("file", "0123456789");
  int fds[2];

  make_pipe (fds);
  guring_splice_async (file, -1, fds[1], -1, 10, 0, 0, cancellable, on_reply, &reply);
  ck_assert_int_eq (guring_splice_finish (await (&reply), &error), -1);
  assert_cancelled (&error);
  ck_assert_uint_eq (count_in_pipe (fds[0]), 0);
  ck_assert_int_eq (lseek (file, 0, SEEK_CUR), 0);
  close_pipe (fds);
  close (file);
}
END_TEST

START_TEST (waiting_splice_is_cancelled)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  GError *error = NULL;
  int file = make_file ("file", "");
  int fds[2];

  make_pipe (fds);
  guring_splice_async (fds[0], -1, file, 0, 10, 0, 0, cancellable, on_reply, &reply);
  let_it_wait ();
  g_cancellable_cancel (cancellable);
  ck_assert_int_eq (guring_splice_finish (await (&reply), &error), -1);
  assert_errno (error, ECANCELED, "Could not splice");
  assert_cancelled (&error);
  close_pipe (fds);
  close (file);
}
END_TEST

/* Else whoever touches the pipe meanwhile hangs, and can't be interrupted. */
START_TEST (splice_that_waits_for_a_datagram_holds_no_pipe)
{
  g_auto (Reply) reply = { 0 };
  int sockets[2], fds[2];
  char bytes[5] = "";

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets), 0);
  make_pipe (fds);
  start_splicing (sockets[0], -1, fds[1], -1, 3, &reply);
  let_it_wait ();
  ck_assert_int_eq (write (fds[1], "x", 1), 1);
  ck_assert_int_eq (send (sockets[1], "abc", 3, 0), 3);
  ck_assert_int_eq (guring_splice_finish (await (&reply), NULL), 3);
  ck_assert_int_eq (read (fds[0], bytes, sizeof bytes), 4);
  ck_assert_str_eq (bytes, "xabc");
  close_pipe (fds);
  close_pipe (sockets);
}
END_TEST

START_TEST (splice_of_nothing_waits_for_nothing)
{
  g_auto (Reply) reply = { 0 };
  int from[2], to[2];

  make_pipe (from);
  make_pipe (to);
  start_splicing (from[0], -1, to[1], -1, 0, &reply);
  ck_assert_int_eq (guring_splice_finish (await (&reply), NULL), 0);
  close_pipe (from);
  close_pipe (to);
}
END_TEST

START_TEST (splice_cancelled_midway_tells_how_much_it_moved)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  g_autoptr (GError) error = NULL;
  struct stat status = { 0 };
  int file = make_file ("file", "");
  int fds[2];

  make_pipe (fds);
  guring_splice_async (fds[0], -1, file, 0, 10, 0, 0, cancellable, on_reply, &reply);
  ck_assert_int_eq (write (fds[1], "abc", 3), 3);
  while (status.st_size < 3)
    {
      let_it_wait ();
      ck_assert_int_eq (fstat (file, &status), 0);
    }
  let_it_wait ();
  ck_assert_uint_eq (reply.n_calls, 0);
  g_cancellable_cancel (cancellable);
  ck_assert_int_eq (guring_splice_finish (await (&reply), &error), 3);
  ck_assert_ptr_null (error);
  close_pipe (fds);
  close (file);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, splice_moves_a_file_through_a_pipe);
  tcase_add_test (tcase, splice_without_offsets_moves_the_file_positions);
  tcase_add_test (tcase, splice_ends_where_its_input_ends);
  tcase_add_test (tcase, splice_waits_although_the_descriptors_do_not);
  tcase_add_test (tcase, errors_of_splice_are_told);
  tcase_add_test (tcase, splice_cancelled_before_moves_nothing);
  tcase_add_test (tcase, waiting_splice_is_cancelled);
  tcase_add_test (tcase, splice_that_waits_for_a_datagram_holds_no_pipe);
  tcase_add_test (tcase, splice_of_nothing_waits_for_nothing);
  tcase_add_test (tcase, splice_cancelled_midway_tells_how_much_it_moved);
}

int
main (void)
{
  Suite *suite = suite_create ("io-splice");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
