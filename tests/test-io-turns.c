/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that go by the file position, or to a pipe, made without waiting for each other. */

#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io-support.h"

#define N_CALLS 64
#define SIZE 200000 /* more than a pipe holds */
#define N_LONG 20000

static void
start_write (int fd, gchar byte, gsize size, GCancellable *cancellable, Reply *reply)
{
  gchar *data = g_malloc (size);
  g_autoptr (GBytes) bytes = g_bytes_new_take (data, size);

  memset (data, byte, size);
  io_start_write (fd, bytes, cancellable, reply);
}

/* Several wait at once, and others may have ended first. */
static GAsyncResult *
get_result (Reply *reply)
{
  run_until (reply->n_calls > 0);
  return reply->result;
}

static void
assert_written (Reply *reply)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (guring_write_finish (get_result (reply), NULL, &error), "%s",
                 error != NULL ? error->message : "");
}

static void
assert_runs (const gchar *contents, gsize length, gsize n, gsize size)
{
  ck_assert_uint_eq (length, n * size);
  for (gsize i = 0; i < length; i++)
    ck_assert_int_eq (contents[i], (gchar) ('a' + i / size));
}

static void
assert_writes_in_order (int fd)
{
  g_autofree gchar *contents = NULL;
  Reply replies[20] = { { 0 } };
  gsize length;

  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    start_write (fd, (gchar) ('a' + i), 1000, NULL, &replies[i]);
  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    {
      assert_written (&replies[i]);
      reply_clear (&replies[i]);
    }
  ck_assert (g_file_get_contents ("file", &contents, &length, NULL));
  assert_runs (contents, length, G_N_ELEMENTS (replies), 1000);
}

START_TEST (writes_to_a_file_come_one_behind_the_other)
{
  int fd = make_file ("file", "");

  assert_writes_in_order (fd);
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), 20000);
  close (fd);
}
END_TEST

START_TEST (writes_that_append_come_one_behind_the_other)
{
  int fd = make_file ("file", "");

  ck_assert_int_eq (fcntl (fd, F_SETFL, O_APPEND), 0);
  assert_writes_in_order (fd);
  close (fd);
}
END_TEST

START_TEST (reads_of_a_file_come_one_behind_the_other)
{
  g_autoptr (GBytes) pattern = make_pattern (N_CALLS * 1000);
  const gchar *data = g_bytes_get_data (pattern, NULL);
  Reply replies[N_CALLS] = { { 0 } };
  int fd;

  make ("file", N_CALLS * 1000);
  fd = open ("file", O_RDONLY | O_CLOEXEC);
  for (guint i = 0; i < N_CALLS; i++)
    io_start_read (fd, 1000, NULL, &replies[i]);
  for (guint i = 0; i < N_CALLS; i++)
    {
      assert_bytes (guring_read_finish (get_result (&replies[i]), NULL), data + 1000 * i, 1000);
      reply_clear (&replies[i]);
    }
  close (fd);
}
END_TEST

START_TEST (reads_and_writes_of_a_file_come_one_behind_the_other)
{
  g_auto (Reply) first = { 0 };
  g_auto (Reply) second = { 0 };
  g_auto (Reply) third = { 0 };
  int fd = make_file ("file", "0123456789");
  gchar contents[10];

  io_start_read (fd, 3, NULL, &first);
  start_write (fd, 'x', 3, NULL, &second);
  io_start_read (fd, 3, NULL, &third);
  assert_bytes (guring_read_finish (get_result (&third), NULL), "678", 3);
  assert_bytes (guring_read_finish (first.result, NULL), "012", 3);
  ck_assert (guring_write_finish (second.result, NULL, NULL));
  ck_assert_int_eq (pread (fd, contents, 10, 0), 10);
  ck_assert_mem_eq (contents, "012xxx6789", 10);
  close (fd);
}
END_TEST

START_TEST (writes_to_a_pipe_do_not_mix)
{
  Reply replies[5] = { { 0 } };
  g_autofree gchar *contents = g_malloc (5 * SIZE);
  gsize n = 0;
  int fds[2];

  make_pipe (fds);
  for (guint i = 0; i < 5; i++)
    start_write (fds[1], (gchar) ('a' + i), SIZE, NULL, &replies[i]);
  while (n < 5 * SIZE)
    {
      let_it_wait ();
      if (count_in_pipe (fds[0]) > 0)
        n += (gsize) read (fds[0], contents + n, 5 * SIZE - n);
    }
  assert_runs (contents, n, 5, SIZE);
  for (guint i = 0; i < 5; i++)
    {
      assert_written (&replies[i]);
      reply_clear (&replies[i]);
    }
  close_pipe (fds);
}
END_TEST

START_TEST (reading_a_socket_does_not_keep_from_writing_to_it)
{
  g_auto (Reply) reading = { 0 };
  g_auto (Reply) writing = { 0 };
  gchar byte;
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  io_start_read (fds[0], 1, NULL, &reading);
  start_write (fds[0], 'x', 1, NULL, &writing);
  assert_written (&writing);
  ck_assert_int_eq (read (fds[1], &byte, 1), 1);
  ck_assert_int_eq (write (fds[1], "y", 1), 1);
  assert_bytes (guring_read_finish (get_result (&reading), NULL), "y", 1);
  close_pipe (fds);
}
END_TEST

/* Those behind it do not wait for it, and it does not wait for those before it. */
START_TEST (who_is_cancelled_leaves_the_line)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) first = { 0 };
  g_auto (Reply) second = { 0 };
  g_auto (Reply) third = { 0 };
  GError *error = NULL;
  int fds[2];

  make_pipe (fds);
  io_start_read (fds[0], 1, NULL, &first);
  io_start_read (fds[0], 1, cancellable, &second);
  io_start_read (fds[0], 1, NULL, &third);
  let_it_wait ();
  g_cancellable_cancel (cancellable);
  ck_assert_ptr_null (guring_read_finish (get_result (&second), &error));
  assert_cancelled (&error);
  ck_assert_uint_eq (first.n_calls + third.n_calls, 0);

  ck_assert_int_eq (write (fds[1], "ab", 2), 2);
  assert_bytes (guring_read_finish (get_result (&first), NULL), "a", 1);
  assert_bytes (guring_read_finish (get_result (&third), NULL), "b", 1);
  close_pipe (fds);
}
END_TEST

START_TEST (a_long_line_is_cancelled_at_once)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree Reply *replies = g_new0 (Reply, N_LONG);
  int fds[2];

  make_pipe (fds);
  for (guint i = 0; i < N_LONG; i++)
    io_start_read (fds[0], 1, cancellable, &replies[i]);
  let_it_wait ();
  g_cancellable_cancel (cancellable);
  for (guint i = 0; i < N_LONG; i++)
    {
      GError *error = NULL;

      ck_assert_ptr_null (guring_read_finish (get_result (&replies[i]), &error));
      assert_cancelled (&error);
      reply_clear (&replies[i]);
    }
  close_pipe (fds);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, writes_to_a_file_come_one_behind_the_other);
  tcase_add_test (tcase, writes_that_append_come_one_behind_the_other);
  tcase_add_test (tcase, reads_of_a_file_come_one_behind_the_other);
  tcase_add_test (tcase, reads_and_writes_of_a_file_come_one_behind_the_other);
  tcase_add_test (tcase, writes_to_a_pipe_do_not_mix);
  tcase_add_test (tcase, reading_a_socket_does_not_keep_from_writing_to_it);
  tcase_add_test (tcase, who_is_cancelled_leaves_the_line);
  tcase_add_test (tcase, a_long_line_is_cancelled_at_once);
}

int
main (void)
{
  Suite *suite = suite_create ("io-turns");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
