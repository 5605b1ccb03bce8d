/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams on what has to be waited for: pipes, sockets, terminals; peers that go, disks that are
 * full, cancellation, threads. */

#include "config.h"

#include <errno.h>
#include <pty.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "stream-support.h"

/* What to wait for: [0] to read from, [1] to write to */
typedef enum
{
  PIPE,
  SOCKET,
  TERMINAL,
  N_KINDS
} Kind;

static void
make_ends (Kind kind, int flags, int fds[2])
{
  struct termios raw;

  if (kind == PIPE)
    ck_assert_int_eq (pipe2 (fds, O_CLOEXEC | flags), 0);
  else if (kind == SOCKET)
    ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, fds), 0);
  else
    {
      ck_assert_int_eq (openpty (&fds[1], &fds[0], NULL, NULL, NULL), 0);
      ck_assert_int_eq (tcgetattr (fds[0], &raw), 0);
      cfmakeraw (&raw);
      ck_assert_int_eq (tcsetattr (fds[0], TCSANOW, &raw), 0);
      fcntl (fds[0], F_SETFL, O_RDWR | flags);
      fcntl (fds[1], F_SETFL, O_RDWR | flags);
    }
}

static void
assert_bytes_pass (Kind kind, int flags)
{
  g_auto (Done) done = { 0 };
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = NULL;
  gchar buffer[10] = "";
  int fds[2];

  make_ends (kind, flags, fds);
  input = guring_input_stream_new (fds[0], TRUE);
  output = guring_output_stream_new (fds[1], TRUE);
  start_read (input, buffer, 10, NULL, &done);
  assert_waits (&done);

  ck_assert_int_eq (write_async (output, "abc", 3, NULL, NULL), 3);
  ck_assert_int_eq (finish_read (input, &done, NULL), 3);
  ck_assert_str_eq (buffer, "abc");

  ck_assert_int_eq (g_output_stream_write (output, "de", 2, NULL, NULL), 2);
  ck_assert_int_eq (g_input_stream_read (input, buffer, 10, NULL, NULL), 2);
  ck_assert_str_eq (buffer, "dec");
}

START_TEST (read_waits_for_what_is_written)
{
  for (Kind kind = PIPE; kind < N_KINDS; kind++)
    {
      assert_bytes_pass (kind, 0);
      assert_bytes_pass (kind, O_NONBLOCK);
    }
}
END_TEST

START_TEST (a_peer_that_goes_ends_the_input)
{
  for (Kind kind = PIPE; kind <= SOCKET; kind++)
    {
      g_auto (Done) done = { 0 };
      g_autoptr (GInputStream) stream = NULL;
      gchar byte;
      int fds[2];

      make_ends (kind, 0, fds);
      stream = guring_input_stream_new (fds[0], TRUE);
      start_read (stream, &byte, 1, NULL, &done);
      let_it_wait ();
      ck_assert_ptr_null (done.result);
      close (fds[1]);
      ck_assert_int_eq (finish_read (stream, &done, NULL), 0);
      ck_assert_int_eq (g_input_stream_read (stream, &byte, 1, NULL, NULL), 0);
    }
}
END_TEST

/* Each way of writing */
static void
assert_writes_fail (int fd, int error_number)
{
  g_autoptr (GOutputStream) stream = guring_output_stream_new (fd, TRUE);
  GOutputVector vectors[] = { { "abc", 3 }, { "de", 2 } };
  GError *errors[4] = { NULL };
  gsize n;

  ck_assert_int_eq (g_output_stream_write (stream, "abc", 3, NULL, &errors[0]), -1);
  ck_assert_int_eq (write_async (stream, "abc", 3, NULL, &errors[1]), -1);
  ck_assert (!g_output_stream_writev (stream, vectors, 2, &n, NULL, &errors[2]));
  ck_assert_int_eq (writev_async (stream, vectors, 2, &errors[3]), -1);
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      assert_errno (errors[i], error_number, "Could not write");
      g_clear_error (&errors[i]);
    }
}

START_TEST (a_peer_that_has_gone_is_an_error_and_no_signal)
{
  for (Kind kind = PIPE; kind <= SOCKET; kind++)
    {
      int fds[2];

      make_ends (kind, 0, fds);
      close (fds[0]);
      assert_writes_fail (fds[1], EPIPE);
    }
}
END_TEST

START_TEST (a_full_disk_is_an_error)
{
  assert_writes_fail (open ("/dev/full", O_WRONLY | O_CLOEXEC), ENOSPC);
}
END_TEST

START_TEST (what_is_not_open_for_it_is_an_error)
{
  g_autoptr (GInputStream) stream = NULL;
  GError *errors[2] = { NULL };
  gchar byte;

  close (make_file ("file", "0123456789"));
  assert_writes_fail (open ("file", O_RDONLY | O_CLOEXEC), EBADF);
  stream = guring_input_stream_new (open ("file", O_WRONLY | O_CLOEXEC), TRUE);
  ck_assert_int_eq (g_input_stream_read (stream, &byte, 1, NULL, &errors[0]), -1);
  ck_assert_int_eq (read_async (stream, &byte, 1, NULL, &errors[1]), -1);
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      assert_errno (errors[i], EBADF, "Could not read");
      g_clear_error (&errors[i]);
    }
}
END_TEST

/* More at once than any of them takes */
static void
assert_large_write_arrives (Kind kind, int flags)
{
  g_autoptr (GBytes) pattern = make_pattern (1000000);
  gsize size = 0;
  const guint8 *data = g_bytes_get_data (pattern, &size);
  GOutputVector vectors[] = { { data, 0 }, { data, 300000 }, { data + 300000, 700000 } };
  g_auto (Done) written = { 0 }, read = { 0 };
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = NULL;
  g_autofree guint8 *got = g_malloc0 (size);
  gsize n_read;
  int fds[2];

  make_ends (kind, flags, fds);
  input = guring_input_stream_new (fds[0], TRUE);
  output = guring_output_stream_new (fds[1], TRUE);
  g_output_stream_writev_all_async (output, vectors, 3, 0, NULL, on_done, &written);
  g_input_stream_read_all_async (input, got, size, 0, NULL, on_done, &read);
  run_until (written.result != NULL && read.result != NULL);
  ck_assert (g_output_stream_writev_all_finish (output, written.result, NULL, NULL));
  ck_assert (g_input_stream_read_all_finish (input, read.result, &n_read, NULL));
  ck_assert_uint_eq (n_read, size);
  ck_assert (memcmp (got, data, size) == 0);
}

START_TEST (large_writes_arrive_whole)
{
  for (Kind kind = PIPE; kind < N_KINDS; kind++)
    {
      assert_large_write_arrives (kind, 0);
      assert_large_write_arrives (kind, O_NONBLOCK);
    }
}
END_TEST

START_TEST (a_message_stays_whole)
{
  g_autoptr (GBytes) pattern = make_pattern (20000);
  gconstpointer data = g_bytes_get_data (pattern, NULL);
  GOutputVector vectors[] = { { data, 7000 }, { (gchar *) data + 7000, 13000 } };
  g_autoptr (GOutputStream) stream = NULL;
  gchar got[30000];
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
  stream = guring_output_stream_new (fds[1], TRUE);
  ck_assert_int_eq (write_async (stream, data, 20000, NULL, NULL), 20000);
  ck_assert_int_eq (read (fds[0], got, sizeof got), 20000);
  ck_assert_int_eq (writev_async (stream, vectors, 2, NULL), 20000);
  ck_assert_int_eq (read (fds[0], got, sizeof got), 20000);
  ck_assert (memcmp (got, data, 20000) == 0);
  ck_assert_int_eq (g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (stream),
                                                                data, 20000, NULL, NULL),
                    20000);
  ck_assert_int_eq (read (fds[0], got, sizeof got), 20000);
  close (fds[0]);
}
END_TEST

/* Cancellation */

START_TEST (what_is_cancelled_before_does_nothing)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_auto (Done) done = { 0 };
  GError *errors[3] = { NULL };
  int fd = make_file ("file", "0123456789");
  g_autoptr (GInputStream) input = guring_input_stream_new (fd, FALSE);
  g_autoptr (GOutputStream) output = guring_output_stream_new (fd, TRUE);
  gchar byte;

  ck_assert_int_eq (read_async (input, &byte, 1, cancellable, &errors[0]), -1);
  ck_assert_int_eq (write_async (output, "x", 1, cancellable, &errors[1]), -1);
  g_input_stream_skip_async (input, 1, 0, cancellable, on_done, &done);
  run_until (done.result != NULL);
  ck_assert_int_eq (g_input_stream_skip_finish (input, done.result, &errors[2]), -1);
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    assert_cancelled (&errors[i]);
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), 0);
}
END_TEST

START_TEST (a_waiting_read_is_cancelled_and_loses_nothing)
{
  for (Kind kind = PIPE; kind < N_KINDS; kind++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      g_auto (Done) done = { 0 };
      g_autoptr (GInputStream) stream = NULL;
      GError *error = NULL;
      gchar byte;
      int fds[2];

      make_ends (kind, 0, fds);
      stream = guring_input_stream_new (fds[0], TRUE);
      start_read (stream, &byte, 1, cancellable, &done);
      let_it_wait ();
      ck_assert_ptr_null (done.result);
      g_thread_join (g_thread_new ("cancel", cancel_in_thread, cancellable));
      ck_assert_int_eq (finish_read (stream, &done, &error), -1);
      assert_cancelled (&error);

      write_byte (fds[1]);
      ck_assert_int_eq (read_async (stream, &byte, 1, NULL, NULL), 1);
      close (fds[1]);
    }
}
END_TEST

START_TEST (a_waiting_write_is_cancelled)
{
  g_autoptr (GBytes) pattern = make_pattern (1000000);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Done) done = { 0 };
  g_autoptr (GOutputStream) stream = NULL;
  GError *error = NULL;
  gsize written = 0;
  int fds[2];

  make_pipe (fds);
  stream = guring_output_stream_new (fds[1], TRUE);
  g_output_stream_write_all_async (stream, g_bytes_get_data (pattern, NULL), 1000000, 0,
                                   cancellable, on_done, &done);
  assert_waits (&done);
  g_cancellable_cancel (cancellable);
  run_until (done.result != NULL);
  ck_assert (!g_output_stream_write_all_finish (stream, done.result, &written, &error));
  assert_cancelled (&error);
  ck_assert_uint_eq (written, count_in_pipe (fds[0]));
  close (fds[0]);
}
END_TEST

START_TEST (what_is_cancelled_afterwards_keeps_its_result)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Done) read = { 0 }, skipped = { 0 };
  int fd = make_file ("file", "0123456789");
  g_autoptr (GInputStream) stream = guring_input_stream_new (fd, TRUE);
  gchar bytes[3];

  start_read (stream, bytes, 3, cancellable, &read);
  run_until (read.result != NULL);
  g_input_stream_skip_async (stream, 2, 0, cancellable, on_done, &skipped);
  g_cancellable_cancel (cancellable);
  run_until (skipped.result != NULL);
  ck_assert_int_eq (g_input_stream_read_finish (stream, read.result, NULL), 3);
  ck_assert_int_eq (g_input_stream_skip_finish (stream, skipped.result, NULL), 2);
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), 5);
}
END_TEST

typedef struct
{
  GCancellable *cancellable;
  pid_t waiting;
} Waiting;

static gpointer
cancel_the_waiting (gpointer data)
{
  Waiting *waiting = data;

  wait_until_asleep (waiting->waiting);
  g_cancellable_cancel (waiting->cancellable);
  return NULL;
}

START_TEST (synchronous_calls_that_wait_are_cancelled)
{
  for (int output = 0; output < 2; output++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      Waiting waiting = { cancellable, gettid () };
      g_autoptr (GInputStream) input = NULL;
      g_autoptr (GOutputStream) stream = NULL;
      GError *error = NULL;
      gchar bytes[65536] = { 0 };
      GThread *thread;
      int fds[2];

      make_pipe (fds);
      input = guring_input_stream_new (fds[0], TRUE);
      stream = guring_output_stream_new (fds[1], TRUE);
      if (output)
        ck_assert_int_eq (g_output_stream_write (stream, bytes, sizeof bytes, NULL, NULL),
                          sizeof bytes);
      thread = g_thread_new ("cancel", cancel_the_waiting, &waiting);
      if (output)
        ck_assert_int_eq (g_output_stream_write (stream, "x", 1, cancellable, &error), -1);
      else
        ck_assert_int_eq (g_input_stream_read (input, bytes, 1, cancellable, &error), -1);
      assert_cancelled (&error);
      g_thread_join (thread);
    }
}
END_TEST

/* Threads */

static void
pass_bytes (GMainContext *own, gpointer data)
{
  g_auto (Done) written = { 0 }, read = { 0 };
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = NULL;
  gchar buffer[3];
  int fds[2];

  make_pipe (fds);
  input = guring_input_stream_new (fds[0], TRUE);
  output = guring_output_stream_new (fds[1], TRUE);
  start_read (input, buffer, 3, NULL, &read);
  g_output_stream_write_async (output, "abc", 3, 0, NULL, on_done, &written);
  while (written.result == NULL || read.result == NULL)
    g_main_context_iteration (own, TRUE);

  ck_assert_ptr_eq (read.thread, g_thread_self ());
  ck_assert_ptr_eq (written.thread, g_thread_self ());
  ck_assert_int_eq (g_output_stream_write_finish (output, written.result, NULL), 3);
  ck_assert_int_eq (g_input_stream_read_finish (input, read.result, NULL), 3);
}

START_TEST (another_thread_calls_back_in_its_own_context)
{
  run_in_threads (2, pass_bytes, NULL);
}
END_TEST

static void
add_transfer_tests (TCase *tcase)
{
  tcase_add_test (tcase, read_waits_for_what_is_written);
  tcase_add_test (tcase, a_peer_that_goes_ends_the_input);
  tcase_add_test (tcase, a_peer_that_has_gone_is_an_error_and_no_signal);
  tcase_add_test (tcase, a_full_disk_is_an_error);
  tcase_add_test (tcase, what_is_not_open_for_it_is_an_error);
  tcase_add_test (tcase, large_writes_arrive_whole);
  tcase_add_test (tcase, a_message_stays_whole);
}

static void
add_cancellation_tests (TCase *tcase)
{
  tcase_add_test (tcase, what_is_cancelled_before_does_nothing);
  tcase_add_test (tcase, a_waiting_read_is_cancelled_and_loses_nothing);
  tcase_add_test (tcase, a_waiting_write_is_cancelled);
  tcase_add_test (tcase, what_is_cancelled_afterwards_keeps_its_result);
  tcase_add_test (tcase, synchronous_calls_that_wait_are_cancelled);
  tcase_add_test (tcase, another_thread_calls_back_in_its_own_context);
}

int
main (void)
{
  Suite *suite = suite_create ("streams-wait");

  add_io_tests (suite, add_transfer_tests);
  add_io_tests (suite, add_cancellation_tests);
  return run_suite_without_io_uring (suite);
}
