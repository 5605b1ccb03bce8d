/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams on descriptors: the objects, their end, their position, polling them. */

#include "config.h"

#include <errno.h>
#include <gio/gfiledescriptorbased.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io-support.h"

static void
on_done (GObject *source_object, GAsyncResult *result, gpointer place)
{
  ck_assert_ptr_nonnull (source_object);
  g_set_object ((GAsyncResult **) place, result);
}

/* The close of either kind of stream, synchronous or not */
static gboolean
close_stream (gpointer stream, gboolean async, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (!async)
    return G_IS_INPUT_STREAM (stream) ? g_input_stream_close (stream, NULL, error)
                                      : g_output_stream_close (stream, NULL, error);

  if (G_IS_INPUT_STREAM (stream))
    g_input_stream_close_async (stream, 0, NULL, on_done, &result);
  else
    g_output_stream_close_async (stream, 0, NULL, on_done, &result);
  ck_assert_ptr_null (result);
  run_until (result != NULL);
  return G_IS_INPUT_STREAM (stream) ? g_input_stream_close_finish (stream, result, error)
                                    : g_output_stream_close_finish (stream, result, error);
}

static gboolean
is_open (int fd)
{
  return fcntl (fd, F_GETFD) != -1;
}

static gpointer
make_stream (gboolean output, int fd, gboolean close_fd)
{
  return output ? (gpointer) guring_output_stream_new (fd, close_fd)
                : (gpointer) guring_input_stream_new (fd, close_fd);
}

static void
count_call (GObject *object, GParamSpec *pspec, gpointer n)
{
  ++*(guint *) n;
}

START_TEST (they_have_the_properties_of_gios)
{
  for (int output = 0; output < 2; output++)
    {
      g_autoptr (GObject) stream = make_stream (output, CLOSED_FD, FALSE);
      guint n_calls = 0;
      gboolean close_fd;
      int fd;

      g_signal_connect (stream, "notify::close-fd", G_CALLBACK (count_call), &n_calls);
      g_object_get (stream, "fd", &fd, "close-fd", &close_fd, NULL);
      ck_assert_int_eq (fd, CLOSED_FD);
      ck_assert (!close_fd);
      ck_assert_int_eq (g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (stream)), fd);

      g_object_set (stream, "close-fd", TRUE, NULL);
      g_object_set (stream, "close-fd", TRUE, NULL);
      ck_assert_uint_eq (n_calls, 1);
      g_object_get (stream, "close-fd", &close_fd, NULL);
      ck_assert (close_fd);
      g_object_set (stream, "close-fd", FALSE, NULL);
    }
}
END_TEST

START_TEST (functions_say_what_the_properties_say)
{
  g_autoptr (GInputStream) input = guring_input_stream_new (CLOSED_FD, TRUE);
  g_autoptr (GOutputStream) output = guring_output_stream_new (CLOSED_FD, TRUE);

  ck_assert_int_eq (guring_input_stream_get_fd (GURING_INPUT_STREAM (input)), CLOSED_FD);
  ck_assert_int_eq (guring_output_stream_get_fd (GURING_OUTPUT_STREAM (output)), CLOSED_FD);
  ck_assert (guring_input_stream_get_close_fd (GURING_INPUT_STREAM (input)));
  ck_assert (guring_output_stream_get_close_fd (GURING_OUTPUT_STREAM (output)));

  guring_input_stream_set_close_fd (GURING_INPUT_STREAM (input), FALSE);
  guring_output_stream_set_close_fd (GURING_OUTPUT_STREAM (output), FALSE);
  ck_assert (!guring_input_stream_get_close_fd (GURING_INPUT_STREAM (input)));
  ck_assert (!guring_output_stream_get_close_fd (GURING_OUTPUT_STREAM (output)));
}
END_TEST

/* The end */

START_TEST (close_closes_the_descriptor_if_it_is_to)
{
  for (int i = 0; i < 8; i++)
    {
      int fd = make_file ("file", "");
      g_autoptr (GObject) stream = make_stream (i & 1, fd, (i & 2) != 0);

      ck_assert (close_stream (stream, (i & 4) != 0, NULL));
      ck_assert_int_eq (is_open (fd), (i & 2) == 0);
      if ((i & 2) == 0)
        close (fd);
    }
}
END_TEST

START_TEST (the_last_reference_closes_the_descriptor)
{
  for (int output = 0; output < 2; output++)
    {
      int fd = make_file ("file", "");

      g_object_unref (make_stream (output, fd, TRUE));
      ck_assert (!is_open (fd));
    }
}
END_TEST

START_TEST (errors_of_close_are_told)
{
  for (int i = 0; i < 4; i++)
    {
      g_autoptr (GObject) stream = make_stream (i & 1, CLOSED_FD, TRUE);
      g_autoptr (GError) error = NULL;

      ck_assert (!close_stream (stream, (i & 2) != 0, &error));
      assert_errno (error, EBADF, "Could not close");
    }
}
END_TEST

START_TEST (a_cancelled_close_has_closed_the_descriptor)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  g_autoptr (GAsyncResult) result = NULL;
  int fd = make_file ("file", "");
  g_autoptr (GInputStream) stream = guring_input_stream_new (fd, TRUE);

  g_input_stream_close_async (stream, 0, cancellable, on_done, &result);
  run_until (result != NULL);
  ck_assert (g_input_stream_close_finish (stream, result, NULL));
  ck_assert (!is_open (fd));
}
END_TEST

START_TEST (a_closed_stream_refuses_everything)
{
  int fd = make_file ("file", "0123456789");
  g_autoptr (GInputStream) input = guring_input_stream_new (fd, FALSE);
  g_autoptr (GOutputStream) output = guring_output_stream_new (fd, TRUE);
  GError *errors[5] = { NULL };
  gchar byte;

  close_stream (input, FALSE, NULL);
  ck_assert_int_eq (g_input_stream_read (input, &byte, 1, NULL, &errors[0]), -1);
  ck_assert (!g_seekable_seek (G_SEEKABLE (input), 0, G_SEEK_SET, NULL, &errors[1]));
  close_stream (output, FALSE, NULL);
  ck_assert_int_eq (g_output_stream_write (output, "x", 1, NULL, &errors[2]), -1);
  ck_assert (!g_seekable_seek (G_SEEKABLE (output), 0, G_SEEK_SET, NULL, &errors[3]));
  ck_assert (!g_seekable_truncate (G_SEEKABLE (output), 0, NULL, &errors[4]));
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      assert_error (errors[i], G_IO_ERROR_CLOSED);
      g_clear_error (&errors[i]);
    }
}
END_TEST

START_TEST (what_is_pending_excludes_everything_else)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GInputStream) stream = NULL;
  GError *errors[4] = { NULL };
  int fds[2];
  gchar byte = 0;

  make_pipe (fds);
  stream = guring_input_stream_new (fds[0], TRUE);
  g_input_stream_read_async (stream, &byte, 1, 0, NULL, on_done, &result);
  let_it_wait ();
  ck_assert_int_eq (g_input_stream_read (stream, &byte, 1, NULL, &errors[0]), -1);
  ck_assert_int_eq (g_input_stream_skip (stream, 1, NULL, &errors[1]), -1);
  ck_assert (!g_seekable_seek (G_SEEKABLE (stream), 0, G_SEEK_SET, NULL, &errors[2]));
  ck_assert (!close_stream (stream, TRUE, &errors[3]));
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      assert_error (errors[i], G_IO_ERROR_PENDING);
      g_clear_error (&errors[i]);
    }

  write_byte (fds[1]);
  run_until (result != NULL);
  ck_assert_int_eq (g_input_stream_read_finish (stream, result, NULL), 1);
  ck_assert_int_eq (byte, 'x');
  close (fds[1]);
}
END_TEST

/* The position */

START_TEST (only_what_has_a_position_can_be_sought_in)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GInputStream) pipe_stream = NULL;
  g_autoptr (GOutputStream) pipe_output = NULL;
  g_autoptr (GInputStream) file_stream = NULL;
  int fds[2];

  make_pipe (fds);
  pipe_stream = guring_input_stream_new (fds[0], TRUE);
  pipe_output = guring_output_stream_new (fds[1], TRUE);
  file_stream = guring_input_stream_new (make_file ("file", ""), TRUE);
  ck_assert (g_seekable_can_seek (G_SEEKABLE (file_stream)));
  ck_assert (!g_seekable_can_seek (G_SEEKABLE (pipe_stream)));
  ck_assert (!g_seekable_can_seek (G_SEEKABLE (pipe_output)));
  ck_assert (!g_seekable_can_truncate (G_SEEKABLE (pipe_output)));
  ck_assert_int_eq (g_seekable_tell (G_SEEKABLE (pipe_stream)), 0);
  ck_assert (!g_seekable_seek (G_SEEKABLE (pipe_stream), 0, G_SEEK_SET, NULL, &error));
  assert_errno (error, ESPIPE, "Could not seek");
}
END_TEST

static gssize
skip (GInputStream *stream, gsize count, gboolean async)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (!async)
    return g_input_stream_skip (stream, count, NULL, NULL);

  g_input_stream_skip_async (stream, count, 0, NULL, on_done, &result);
  run_until (result != NULL);
  return g_input_stream_skip_finish (stream, result, NULL);
}

START_TEST (what_has_no_position_is_skipped_by_reading)
{
  for (int async = 0; async < 2; async++)
    {
      g_autoptr (GInputStream) stream = NULL;
      g_autoptr (GBytes) pattern = make_pattern (20000);
      int fds[2];
      gchar byte;

      make_pipe (fds);
      stream = guring_input_stream_new (fds[0], TRUE);
      ck_assert_int_eq (write (fds[1], g_bytes_get_data (pattern, NULL), 20000), 20000);
      ck_assert_int_eq (skip (stream, 19000, async), 19000);
      ck_assert_uint_eq (count_in_pipe (fds[0]), 1000);
      close (fds[1]);
      ck_assert_int_eq (skip (stream, 5000, async), 1000);
      ck_assert_int_eq (skip (stream, 5000, async), 0);
      ck_assert_int_eq (g_input_stream_read (stream, &byte, 1, NULL, NULL), 0);
    }
}
END_TEST

START_TEST (what_has_a_position_and_no_size_is_skipped_by_reading)
{
  for (int async = 0; async < 2; async++)
    {
      int fd = open ("/proc/self/stat", O_RDONLY | O_CLOEXEC);
      g_autoptr (GInputStream) stream = guring_input_stream_new (fd, TRUE);

      ck_assert_int_eq (skip (stream, 10, async), 10);
      ck_assert_int_eq (g_seekable_tell (G_SEEKABLE (stream)), 10);
      ck_assert_int_gt (skip (stream, 100000, async), 20);
    }
}
END_TEST

/* Polling */

START_TEST (what_is_always_ready_cannot_be_polled)
{
  g_autoptr (GInputStream) file = guring_input_stream_new (make_file ("file", ""), TRUE);
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = NULL;
  int fds[2];

  make_pipe (fds);
  input = guring_input_stream_new (fds[0], TRUE);
  output = guring_output_stream_new (fds[1], TRUE);
  ck_assert (!g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (file)));
  ck_assert (g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (input)));
  ck_assert (g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (output)));
}
END_TEST

static gboolean
count_event (GObject *stream, gpointer n)
{
  ++*(guint *) n;
  return G_SOURCE_REMOVE;
}

static void
attach (GSource *source, guint *n_events)
{
  g_source_set_callback (source, G_SOURCE_FUNC (count_event), n_events, NULL);
  g_source_attach (source, context);
  g_source_unref (source);
}

START_TEST (a_poll_of_input_tells_when_there_is_some)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GInputStream) stream = NULL;
  GPollableInputStream *pollable;
  guint n_events = 0;
  gchar byte;
  int fds[2];

  make_pipe (fds);
  stream = guring_input_stream_new (fds[0], TRUE);
  pollable = G_POLLABLE_INPUT_STREAM (stream);
  ck_assert (!g_pollable_input_stream_is_readable (pollable));
  ck_assert_int_eq (g_pollable_input_stream_read_nonblocking (pollable, &byte, 1, NULL, &error),
                    -1);
  assert_error (error, G_IO_ERROR_WOULD_BLOCK);

  attach (g_pollable_input_stream_create_source (pollable, NULL), &n_events);
  let_it_wait ();
  ck_assert_uint_eq (n_events, 0);
  write_byte (fds[1]);
  run_until (n_events > 0);
  ck_assert (g_pollable_input_stream_is_readable (pollable));
  ck_assert_int_eq (g_pollable_input_stream_read_nonblocking (pollable, &byte, 1, NULL, NULL), 1);
  close (fds[1]);
}
END_TEST

START_TEST (a_cancellable_wakes_the_source)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GInputStream) stream = NULL;
  guint n_events = 0;
  int fds[2];

  make_pipe (fds);
  stream = guring_input_stream_new (fds[0], TRUE);
  attach (g_pollable_input_stream_create_source (G_POLLABLE_INPUT_STREAM (stream), cancellable),
          &n_events);
  let_it_wait ();
  ck_assert_uint_eq (n_events, 0);
  g_cancellable_cancel (cancellable);
  run_until (n_events > 0);
  close (fds[1]);
}
END_TEST

static gsize
write_until_full (GPollableOutputStream *pollable)
{
  g_autoptr (GBytes) pattern = make_pattern (100000);
  g_autoptr (GError) error = NULL;
  gsize written = 0;
  gssize n;

  while (
    (n = g_pollable_output_stream_write_nonblocking (pollable, g_bytes_get_data (pattern, NULL),
                                                     100000, NULL, &error)) > 0)
    written += (gsize) n;
  assert_error (error, G_IO_ERROR_WOULD_BLOCK);
  return written;
}

/* Although their descriptors do block */
START_TEST (a_write_that_is_not_to_block_does_not)
{
  int fds[2][2];

  make_pipe (fds[0]);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds[1]), 0);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GOutputStream) stream = guring_output_stream_new (fds[i][1], TRUE);
      GPollableOutputStream *pollable = G_POLLABLE_OUTPUT_STREAM (stream);
      guint n_events = 0;
      gchar rest[8192];

      ck_assert (g_pollable_output_stream_is_writable (pollable));
      ck_assert_uint_gt (write_until_full (pollable), 10000);
      ck_assert (!g_pollable_output_stream_is_writable (pollable));
      attach (g_pollable_output_stream_create_source (pollable, NULL), &n_events);
      let_it_wait ();
      ck_assert_uint_eq (n_events, 0);
      while (n_events == 0)
        {
          ck_assert_int_gt (read (fds[i][0], rest, sizeof rest), 0);
          g_main_context_iteration (context, FALSE);
        }
      close (fds[i][0]);
    }
}
END_TEST

static void
add_object_tests (TCase *tcase)
{
  tcase_add_test (tcase, they_have_the_properties_of_gios);
  tcase_add_test (tcase, functions_say_what_the_properties_say);
  tcase_add_test (tcase, close_closes_the_descriptor_if_it_is_to);
  tcase_add_test (tcase, the_last_reference_closes_the_descriptor);
  tcase_add_test (tcase, errors_of_close_are_told);
  tcase_add_test (tcase, a_cancelled_close_has_closed_the_descriptor);
  tcase_add_test (tcase, a_closed_stream_refuses_everything);
  tcase_add_test (tcase, what_is_pending_excludes_everything_else);
}

static void
add_interface_tests (TCase *tcase)
{
  tcase_add_test (tcase, only_what_has_a_position_can_be_sought_in);
  tcase_add_test (tcase, what_has_no_position_is_skipped_by_reading);
  tcase_add_test (tcase, what_has_a_position_and_no_size_is_skipped_by_reading);
  tcase_add_test (tcase, what_is_always_ready_cannot_be_polled);
  tcase_add_test (tcase, a_poll_of_input_tells_when_there_is_some);
  tcase_add_test (tcase, a_cancellable_wakes_the_source);
  tcase_add_test (tcase, a_write_that_is_not_to_block_does_not);
}

int
main (void)
{
  Suite *suite = suite_create ("streams");

  add_io_tests (suite, add_object_tests);
  add_io_tests (suite, add_interface_tests);
  return run_suite_without_io_uring (suite);
}
