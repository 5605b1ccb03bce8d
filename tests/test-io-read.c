/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reading from descriptors. */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io-support.h"

#define N_READS 1000
#define GIBIBYTE ((gsize) 1 << 30)

static gssize
read_into (int fd, gpointer buffer, gsize count, gint64 offset, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_read_into_async (fd, buffer, count, offset, G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  return guring_read_into_finish (await (&reply), error);
}

static void
assert_end (int fd, gsize count, gint64 offset)
{
  g_autoptr (GError) error = NULL;

  assert_bytes (io_read (fd, count, offset, &error), "", 0);
  ck_assert_ptr_null (error);
}

/* Files */

START_TEST (read_gives_what_is_at_the_offset)
{
  int fd = make_file ("file", "0123456789");
  gchar buffer[5] = "....";

  assert_bytes (io_read (fd, 4, 3, NULL), "3456", 4);
  ck_assert_int_eq (read_into (fd, buffer, 3, 6, NULL), 3);
  ck_assert_str_eq (buffer, "678.");
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), 0);
  close (fd);
}
END_TEST

START_TEST (read_without_an_offset_moves_the_file_position)
{
  int fd = make_file ("file", "0123456789");
  gchar buffer[4] = "...";

  assert_bytes (io_read (fd, 4, -1, NULL), "0123", 4);
  ck_assert_int_eq (read_into (fd, buffer, 3, -1, NULL), 3);
  ck_assert_str_eq (buffer, "456");
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), 7);
  assert_bytes (io_read (fd, 100, -1, NULL), "789", 3);
  assert_end (fd, 100, -1);
  close (fd);
}
END_TEST

START_TEST (read_ends_where_the_file_ends)
{
  int fd = make_file ("file", "0123456789");
  gchar buffer[20] = "";

  assert_bytes (io_read (fd, 10, 0, NULL), "0123456789", 10);
  assert_bytes (io_read (fd, 11, 0, NULL), "0123456789", 10);
  ck_assert_int_eq (read_into (fd, buffer, sizeof buffer, 8, NULL), 2);
  ck_assert_str_eq (buffer, "89");
  assert_end (fd, 1, 10);
  assert_end (fd, 1, G_GINT64_CONSTANT (1) << 40);
  ck_assert_int_eq (read_into (fd, buffer, sizeof buffer, 10, NULL), 0);
  close (fd);
}
END_TEST

START_TEST (read_of_nothing_gives_nothing)
{
  int fd = make_file ("file", "0123456789");
  int fds[2];

  make_pipe (fds);
  assert_end (fd, 0, 0);
  assert_end (fd, 0, -1);
  assert_end (fds[0], 0, -1);
  ck_assert_int_eq (read_into (fd, NULL, 0, 0, NULL), 0);
  close_pipe (fds);
  close (fd);
}
END_TEST

/* These give a page or so at a time. */
START_TEST (read_of_a_proc_file_gives_as_much_as_is_asked_for)
{
  enum
  {
    SIZE = 100000
  };
  g_autofree gchar *expected = g_malloc (SIZE);
  int fd = open ("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
  gsize n = 0;
  gssize n_read;

  ck_assert_int_ge (fd, 0);
  while (n < SIZE && (n_read = read (fd, expected + n, SIZE - n)) > 0)
    n += (gsize) n_read;
  ck_assert_uint_gt (n, 0);

  assert_bytes (io_read (fd, SIZE, 0, NULL), expected, n);
  close (fd);
}
END_TEST

START_TEST (more_than_an_sqe_can_carry_is_read)
{
  gsize size = GIBIBYTE * 2 + 3;
  gchar *buffer;
  int fd;

  if (g_getenv ("GURING_SLOW_TESTS") == NULL)
    {
      g_printerr ("# SKIP: GURING_SLOW_TESTS is not set\n");
      return;
    }

  fd = make_file ("file", "begin");
  ck_assert_int_eq (pwrite (fd, "end", 3, (off_t) size - 3), 3);
  buffer = mmap (NULL, size + 10, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ck_assert_ptr_ne (buffer, MAP_FAILED);

  ck_assert_int_eq (read_into (fd, buffer, size + 10, 0, NULL), (gssize) size);
  ck_assert_mem_eq (buffer, "begin", 6);
  ck_assert_mem_eq (buffer + size - 4, "\0end", 5);
  munmap (buffer, size + 10);
  close (fd);
}
END_TEST

START_TEST (a_thousand_reads_are_in_flight_at_once)
{
  g_autofree Reply *replies = g_new0 (Reply, N_READS);
  g_autoptr (GBytes) pattern = make_pattern (N_READS * sizeof (guint32));
  const gchar *expected = g_bytes_get_data (pattern, NULL);
  int fd = make_file ("file", "");

  ck_assert (io_write (fd, pattern, 0, NULL, NULL));
  for (guint i = 0; i < N_READS; i++)
    guring_read_async (fd, 4, i * 4, G_PRIORITY_DEFAULT, NULL, on_reply, &replies[i]);
  for (guint i = 0; i < N_READS; i++)
    ck_assert_uint_eq (replies[i].n_calls, 0);

  for (guint i = 0; i < N_READS; i++)
    {
      run_until (replies[i].n_calls > 0);
      assert_bytes (guring_read_finish (replies[i].result, NULL), expected + i * 4, 4);
      ck_assert_uint_eq (replies[i].n_calls, 1);
      reply_clear (&replies[i]);
    }
  close (fd);
}
END_TEST

/* Pipes and the like */

START_TEST (read_of_a_pipe_gives_what_there_is)
{
  int fds[2];

  make_pipe (fds);
  ck_assert_int_eq (write (fds[1], "abc", 3), 3);
  assert_bytes (io_read (fds[0], 100, -1, NULL), "abc", 3);
  ck_assert_int_eq (write (fds[1], "defg", 4), 4);
  assert_bytes (io_read (fds[0], 2, 1234, NULL), "de", 2);
  close (fds[1]);
  assert_bytes (io_read (fds[0], 100, 0, NULL), "fg", 2);
  assert_end (fds[0], 100, -1);
  close (fds[0]);
}
END_TEST

static void
assert_read_waits (int fds[2])
{
  g_auto (Reply) reply = { 0 };

  io_start_read (fds[0], 100, NULL, &reply);
  let_it_wait ();
  ck_assert_uint_eq (reply.n_calls, 0);

  ck_assert_int_eq (write (fds[1], "abc", 3), 3);
  assert_bytes (guring_read_finish (await (&reply), NULL), "abc", 3);
  close_pipe (fds);
}

START_TEST (read_waits_for_the_first_byte)
{
  int fds[2];

  make_pipe (fds);
  assert_read_waits (fds);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  assert_read_waits (fds);
}
END_TEST

START_TEST (read_waits_although_the_descriptor_does_not)
{
  int fds[2];

  ck_assert_int_eq (pipe2 (fds, O_CLOEXEC | O_NONBLOCK), 0);
  assert_read_waits (fds);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
  assert_read_waits (fds);
}
END_TEST

/* Whether io_uring itself waits for such a file depends on the kernel. */
START_TEST (read_waits_for_an_event_although_the_descriptor_does_not)
{
  g_auto (Reply) reply = { 0 };
  g_autoptr (GBytes) bytes = NULL;
  int fd = inotify_init1 (IN_CLOEXEC | IN_NONBLOCK);

  ck_assert_int_ge (inotify_add_watch (fd, ".", IN_CREATE), 0);
  io_start_read (fd, 1000, NULL, &reply);
  let_it_wait ();
  ck_assert_uint_eq (reply.n_calls, 0);

  close (make_file ("file", ""));
  bytes = guring_read_finish (await (&reply), NULL);
  ck_assert_ptr_nonnull (bytes);
  ck_assert_uint_ge (g_bytes_get_size (bytes), sizeof (struct inotify_event));
  close (fd);
}
END_TEST

START_TEST (waiting_read_ends_with_its_peer)
{
  g_auto (Reply) reply = { 0 };
  int fds[2];

  make_pipe (fds);
  io_start_read (fds[0], 100, NULL, &reply);
  let_it_wait ();
  close (fds[1]);
  assert_bytes (guring_read_finish (await (&reply), NULL), "", 0);
  close (fds[0]);
}
END_TEST

/* What one takes the other does not wait for in the loop. */
START_TEST (reads_of_one_pipe_do_not_block_the_loop)
{
  Reply replies[2] = { { 0 }, { 0 } };
  int fds[2];

  make_pipe (fds);
  for (guint i = 0; i < 2; i++)
    io_start_read (fds[0], 1, NULL, &replies[i]);
  let_it_wait ();

  write_byte (fds[1]);
  run_until (replies[0].n_calls + replies[1].n_calls > 0);
  let_it_wait ();
  ck_assert_uint_eq (replies[0].n_calls + replies[1].n_calls, 1);
  write_byte (fds[1]);
  run_until (replies[0].n_calls + replies[1].n_calls > 1);

  for (guint i = 0; i < 2; i++)
    {
      assert_bytes (guring_read_finish (replies[i].result, NULL), "x", 1);
      reply_clear (&replies[i]);
    }
  close_pipe (fds);
}
END_TEST

/* Errors */

START_TEST (errors_of_read_are_told)
{
  const struct
  {
    const gchar *path;
    gint flags;
    int error_number;
  } files[] = { { "/dev/null", O_WRONLY, EBADF }, { ".", O_RDONLY, EISDIR } };
  GError *error = NULL;
  gchar byte;

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      int fd = open (files[i].path, files[i].flags | O_CLOEXEC);

      ck_assert_ptr_null (io_read (fd, 10, -1, &error));
      expect_errno (&error, files[i].error_number, "Could not read");
      close (fd);
    }

  ck_assert_int_eq (read_into (CLOSED_FD, &byte, 1, 0, &error), -1);
  expect_errno (&error, EBADF, "Could not read");
  ck_assert_int_eq (read_into (CLOSED_FD, &byte, 1, -2, &error), -1);
  expect_errno (&error, EINVAL, "Could not read");
}
END_TEST

/* AddressSanitizer would end the test there. */
const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "allocator_may_return_null=1";
}

START_TEST (read_of_more_than_memory_is_an_error)
{
  g_autoptr (GError) error = NULL;
  int fd = make_file ("file", "0123456789");

  ck_assert_ptr_null (io_read (fd, G_MAXSIZE / 4, 0, &error));
  assert_error (error, (gint) g_io_error_from_errno (ENOMEM));
  close (fd);
}
END_TEST

/* Cancellation */

START_TEST (read_cancelled_before_takes_nothing)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_auto (Reply) reply = { 0 };
  g_auto (Reply) into = { 0 };
  GError *error = NULL;
  int fd = make_file ("file", "0123456789");
  gchar byte = '.';

  io_start_read (fd, 4, cancellable, &reply);
  ck_assert_ptr_null (guring_read_finish (await (&reply), &error));
  assert_cancelled (&error);

  guring_read_into_async (fd, &byte, 1, -1, 0, cancellable, on_reply, &into);
  ck_assert_int_eq (guring_read_into_finish (await (&into), &error), -1);
  assert_cancelled (&error);
  ck_assert_int_eq (byte, '.');
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), 0);
  close (fd);
}
END_TEST

static void
assert_waiting_read_cancelled (int flags, GThreadFunc cancel_from)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  GError *error = NULL;
  int fds[2];

  ck_assert_int_eq (pipe2 (fds, flags | O_CLOEXEC), 0);
  io_start_read (fds[0], 4, cancellable, &reply);
  let_it_wait ();
  if (cancel_from != NULL)
    g_thread_unref (g_thread_new ("cancel", cancel_from, cancellable));
  else
    g_cancellable_cancel (cancellable);
  ck_assert_ptr_null (guring_read_finish (await (&reply), &error));
  assert_cancelled (&error);

  write_byte (fds[1]);
  assert_bytes (io_read (fds[0], 2, -1, NULL), "x", 1);
  close_pipe (fds);
}

START_TEST (waiting_read_is_cancelled)
{
  assert_waiting_read_cancelled (0, NULL);
  assert_waiting_read_cancelled (O_NONBLOCK, NULL);
}
END_TEST

START_TEST (waiting_read_is_cancelled_by_another_thread)
{
  assert_waiting_read_cancelled (0, cancel_in_thread);
  assert_waiting_read_cancelled (O_NONBLOCK, cancel_in_thread);
}
END_TEST

/* As Linux 6.1 does when a signal comes at the wrong time. */
START_TEST (what_nobody_cancelled_goes_on)
{
  GuringRing *default_ring = guring_ring_get_default (NULL);
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  g_auto (Reply) reply = { 0 };
  int fds[2];

  make_pipe (fds);
  io_start_read (fds[0], 4, NULL, &reply);
  if (default_ring != NULL)
    {
      io_uring_prep_cancel (&sqe, NULL, IORING_ASYNC_CANCEL_ANY);
      guring_ring_queue (default_ring, &sqe, record_completion, &record, record_notify, NULL);
      run_until (record.n_final > 0);
      assert_ended_with (&record, 1);
    }
  write_byte (fds[1]);
  assert_bytes (guring_read_finish (await (&reply), NULL), "x", 1);
  close_pipe (fds);
}
END_TEST

START_TEST (read_cancelled_afterwards_keeps_what_it_got)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  int fd = make_file ("file", "0123456789");

  io_start_read (fd, 4, cancellable, &reply);
  await (&reply);
  g_cancellable_cancel (cancellable);
  assert_bytes (guring_read_finish (reply.result, NULL), "0123", 4);
  close (fd);
}
END_TEST

static void
add_file_tests (TCase *tcase)
{
  tcase_add_test (tcase, read_gives_what_is_at_the_offset);
  tcase_add_test (tcase, read_without_an_offset_moves_the_file_position);
  tcase_add_test (tcase, read_ends_where_the_file_ends);
  tcase_add_test (tcase, read_of_nothing_gives_nothing);
  tcase_add_test (tcase, read_of_a_proc_file_gives_as_much_as_is_asked_for);
  tcase_add_test (tcase, more_than_an_sqe_can_carry_is_read);
  tcase_add_test (tcase, a_thousand_reads_are_in_flight_at_once);
  tcase_add_test (tcase, errors_of_read_are_told);
  tcase_add_test (tcase, read_of_more_than_memory_is_an_error);
  tcase_add_test (tcase, read_cancelled_before_takes_nothing);
  tcase_add_test (tcase, read_cancelled_afterwards_keeps_what_it_got);
}

static void
add_pipe_tests (TCase *tcase)
{
  tcase_add_test (tcase, read_of_a_pipe_gives_what_there_is);
  tcase_add_test (tcase, read_waits_for_the_first_byte);
  tcase_add_test (tcase, read_waits_although_the_descriptor_does_not);
  tcase_add_test (tcase, read_waits_for_an_event_although_the_descriptor_does_not);
  tcase_add_test (tcase, waiting_read_ends_with_its_peer);
  tcase_add_test (tcase, reads_of_one_pipe_do_not_block_the_loop);
  tcase_add_test (tcase, waiting_read_is_cancelled);
  tcase_add_test (tcase, waiting_read_is_cancelled_by_another_thread);
  tcase_add_test (tcase, what_nobody_cancelled_goes_on);
}

int
main (void)
{
  Suite *suite = suite_create ("io-read");

  add_io_tests (suite, add_file_tests);
  add_io_tests (suite, add_pipe_tests);
  return run_suite_without_io_uring (suite);
}
