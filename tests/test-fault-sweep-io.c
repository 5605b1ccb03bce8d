/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls on descriptors, names and plain streams, while each call of the library fails. */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "sweep.h"

#define SIZE 1000

static int
open_file (int flags)
{
  int fd;

  make ("file", SIZE);
  fd = open ("file", flags | O_CLOEXEC);
  ck_assert_int_ge (fd, 0);
  return fd;
}

static void
assert_file_holds (GBytes *expected)
{
  g_autofree gchar *contents = NULL;
  gsize size;

  ck_assert (g_file_get_contents ("file", &contents, &size, NULL));
  assert_bytes (expected, contents, size);
}

/* For who waits: the library's calls go on failing. */
static void
write_meanwhile (int fd)
{
  let_it_wait ();
  sweep_disarm ();
  write_byte (fd);
  sweep_arm ();
}

/* Descriptors */

SWEPT (a_file_is_opened)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gint fd;

  make ("file", SIZE);
  sweep_arm ();
  guring_open_async ("file", O_RDONLY, 0, 0, NULL, on_answer, &answer);
  fd = guring_open_finish (sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (fd >= 0, &error);
  if (fd >= 0)
    close (fd);
}

SWEPT (a_file_is_opened_and_nobody_asks_for_it)
{
  g_auto (Answer) answer = { 0 };

  make ("file", SIZE);
  sweep_arm ();
  guring_open_async ("file", O_RDONLY, 0, 0, NULL, on_answer, &answer);
  sweep_await (&answer);
  answer_clear (&answer);
  sweep_finish ();
}

/* It is not open any more, whatever is said: the other end sees it. */
SWEPT (a_descriptor_is_closed)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean closed;
  gchar byte;

  make_pipe (ends);
  sweep_arm ();
  guring_close_async (ends[1], 0, NULL, on_answer, &answer);
  closed = guring_close_finish (sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (closed, &error);
  ck_assert_int_eq (read (ends[0], &byte, 1), 0);
  close (ends[0]);
}

SWEPT (a_file_is_read)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  int fd = open_file (O_RDONLY);
  GBytes *bytes;

  sweep_arm ();
  guring_read_async (fd, 2 * SIZE, 0, 0, NULL, on_answer, &answer);
  bytes = guring_read_finish (sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (bytes != NULL, &error);
  if (bytes != NULL)
    assert_file_holds (bytes);
  close (fd);
}

SWEPT (a_file_is_read_at_its_position)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  int fd = open_file (O_RDONLY);
  gchar buffer[SIZE];
  gssize n;

  sweep_arm ();
  guring_read_into_async (fd, buffer, SIZE, -1, 0, NULL, on_answer, &answer);
  n = guring_read_into_finish (sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (n >= 0, &error);
  ck_assert_int_eq (lseek (fd, 0, SEEK_CUR), MAX (n, 0));
  if (n == SIZE)
    assert_file_holds (g_bytes_new (buffer, SIZE));
  close (fd);
}

SWEPT (a_pipe_is_waited_for)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  make_pipe (ends);
  sweep_arm ();
  guring_read_into_async (ends[0], &byte, 1, -1, 0, NULL, on_answer, &answer);
  write_meanwhile (ends[1]);
  sweep_ended (guring_read_into_finish (sweep_get (&answer), &error) == 1, &error);
  sweep_finish ();
  close_pipe (ends);
}

/* That it was cancelled is its error, unless there is another. */
SWEPT (a_read_is_cancelled)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  make_pipe (ends);
  sweep_arm ();
  guring_read_into_async (ends[0], &byte, 1, -1, 0, cancellable, on_answer, &answer);
  let_it_wait ();
  g_cancellable_cancel (cancellable);
  ck_assert_int_eq (guring_read_into_finish (sweep_get (&answer), &error), -1);
  sweep_finish ();
  ck_assert (sweep_has_fired () || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
  close_pipe (ends);
}

SWEPT (a_file_is_written_at_its_position)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = make_pattern (SIZE);
  int fd = make_file ("file", "");
  gboolean written;

  sweep_arm ();
  guring_write_async (fd, bytes, -1, 0, NULL, on_answer, &answer);
  written = guring_write_finish (sweep_await (&answer), NULL, &error);
  sweep_finish ();
  sweep_ended (written, &error);
  if (written)
    assert_file_holds (g_bytes_ref (bytes));
  close (fd);
}

SWEPT (a_pipe_is_written)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = make_pattern (SIZE);

  make_pipe (ends);
  sweep_arm ();
  guring_write_async (ends[1], bytes, -1, 0, NULL, on_answer, &answer);
  sweep_ended (guring_write_finish (sweep_await (&answer), NULL, &error), &error);
  sweep_finish ();
  close_pipe (ends);
}

static void
splice_byte (int fd_in, int fd_out, gboolean waits)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;

  sweep_arm ();
  guring_splice_async (fd_in, -1, fd_out, -1, 1, 0, 0, NULL, on_answer, &answer);
  while (waits && !sweep_has_called ("poll") && answer.n_calls == 0)
    sweep_iterate ();
  if (waits)
    write_meanwhile (ends[1]);
  sweep_ended (guring_splice_finish (sweep_get (&answer), &error) == 1, &error);
  sweep_finish ();
}

SWEPT (bytes_are_spliced)
{
  int fd = open_file (O_RDWR);

  make_pipe (ends);
  splice_byte (fd, ends[1], FALSE);
  close_pipe (ends);
  close (fd);
}

SWEPT (bytes_to_splice_are_waited_for)
{
  int fd = open_file (O_RDWR);

  make_pipe (ends);
  splice_byte (ends[0], fd, TRUE);
  close_pipe (ends);
  close (fd);
}

static void
synchronize (gboolean data_only)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  int fd = open_file (O_RDWR);

  sweep_arm ();
  guring_fsync_async (fd, data_only, 0, NULL, on_answer, &answer);
  sweep_ended (guring_fsync_finish (sweep_await (&answer), &error), &error);
  sweep_finish ();
  close (fd);
}

SWEPT (a_file_is_synchronized)
{
  synchronize (FALSE);
}

SWEPT (data_are_synchronized)
{
  synchronize (TRUE);
}

SWEPT (room_is_allocated)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  int fd = open_file (O_RDWR);

  sweep_arm ();
  guring_fallocate_async (fd, 0, 0, 2 * SIZE, 0, NULL, on_answer, &answer);
  sweep_ended (guring_fallocate_finish (sweep_await (&answer), &error), &error);
  sweep_finish ();
  close (fd);
}

/* Names */

SWEPT (a_file_is_asked_for)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  struct statx status = { 0 };
  gboolean known;

  make ("file", SIZE);
  sweep_arm ();
  guring_statx_async (AT_FDCWD, "file", 0, STATX_SIZE, 0, NULL, on_answer, &answer);
  known = guring_statx_finish (sweep_await (&answer), &status, &error);
  sweep_finish ();
  sweep_ended (known, &error);
  ck_assert_uint_eq (status.stx_size, known ? SIZE : 0);
}

SWEPT (a_file_is_renamed)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean renamed;

  unlink ("other");
  make ("file", SIZE);
  sweep_arm ();
  guring_rename_async ("file", "other", 0, 0, NULL, on_answer, &answer);
  renamed = guring_rename_finish (sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (renamed, &error);
  ck_assert (exists ("file") == !renamed);
  ck_assert (exists ("other") == renamed);
}

SWEPT (a_file_is_removed)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean removed;

  make ("file", SIZE);
  sweep_arm ();
  guring_unlink_async ("file", 0, 0, NULL, on_answer, &answer);
  removed = guring_unlink_finish (sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (removed, &error);
  ck_assert (exists ("file") == !removed);
}

SWEPT (a_directory_is_made)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean made;

  rmdir ("directory");
  sweep_arm ();
  guring_mkdir_async ("directory", 0700, 0, NULL, on_answer, &answer);
  made = guring_mkdir_finish (sweep_await (&answer), &error);
  sweep_finish ();
  sweep_ended (made, &error);
  ck_assert (exists ("directory") == made);
}

/* Streams */

static void
read_of (GInputStream *stream)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  g_input_stream_read_async (stream, &byte, 1, 0, NULL, on_answer, &answer);
  sweep_ended (g_input_stream_read_finish (stream, sweep_await (&answer), &error) >= 0, &error);
}

static void
skip_in (GInputStream *stream)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;

  g_input_stream_skip_async (stream, 1, 0, NULL, on_answer, &answer);
  sweep_ended (g_input_stream_skip_finish (stream, sweep_await (&answer), &error) >= 0, &error);
}

static void
read_and_skip_synchronously (GInputStream *stream)
{
  g_autoptr (GError) error = NULL;
  gchar byte;

  sweep_ended (g_input_stream_read (stream, &byte, 1, NULL, &error) >= 0, &error);
  sweep_ended (g_input_stream_skip (stream, 1, NULL, &error) >= 0, &error);
}

static void
close_input (GInputStream *stream, gboolean is_synchronous)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;

  if (is_synchronous)
    sweep_ended (g_input_stream_close (stream, NULL, &error), &error);
  else
    {
      g_input_stream_close_async (stream, 0, NULL, on_answer, &answer);
      sweep_ended (g_input_stream_close_finish (stream, sweep_await (&answer), &error), &error);
    }
}

/* The descriptor is the stream's. */
static void
use_input (int fd)
{
  GInputStream *stream = guring_input_stream_new (fd, TRUE);

  sweep_arm ();
  read_of (stream);
  skip_in (stream);
  read_and_skip_synchronously (stream);
  close_input (stream, FALSE);
  g_object_unref (stream);
  sweep_finish ();
}

SWEPT (an_input_stream_is_on_a_file)
{
  use_input (open_file (O_RDONLY));
}

SWEPT (an_input_stream_is_on_a_pipe)
{
  make_pipe (ends);
  for (guint i = 0; i < 10; i++)
    write_byte (ends[1]);
  use_input (ends[0]);
  close (ends[1]);
}

SWEPT (an_input_stream_is_closed_synchronously)
{
  g_autoptr (GInputStream) stream = guring_input_stream_new (open_file (O_RDONLY), TRUE);

  sweep_arm ();
  close_input (stream, TRUE);
  sweep_finish ();
}

static void
write_of (GOutputStream *stream)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;

  g_output_stream_write_async (stream, "x", 1, 0, NULL, on_answer, &answer);
  sweep_ended (g_output_stream_write_finish (stream, sweep_await (&answer), &error) >= 0, &error);
}

static void
write_vectors (GOutputStream *stream)
{
  const GOutputVector vectors[] = { { "x", 1 }, { "yz", 2 } };
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;
  gsize n;

  g_output_stream_writev_async (stream, vectors, 2, 0, NULL, on_answer, &answer);
  sweep_ended (g_output_stream_writev_finish (stream, sweep_await (&answer), &n, &error), &error);
}

static void
write_synchronously (GOutputStream *stream)
{
  const GOutputVector vectors[] = { { "x", 1 }, { "yz", 2 } };
  g_autoptr (GError) error = NULL;
  gsize n;

  sweep_ended (g_output_stream_write (stream, "x", 1, NULL, &error) >= 0, &error);
  sweep_ended (g_output_stream_writev (stream, vectors, 2, &n, NULL, &error), &error);
}

static void
close_output (GOutputStream *stream, gboolean is_synchronous)
{
  g_auto (Answer) answer = { 0 };
  g_autoptr (GError) error = NULL;

  if (is_synchronous)
    sweep_ended (g_output_stream_close (stream, NULL, &error), &error);
  else
    {
      g_output_stream_close_async (stream, 0, NULL, on_answer, &answer);
      sweep_ended (g_output_stream_close_finish (stream, sweep_await (&answer), &error), &error);
    }
}

static void
use_output (int fd)
{
  GOutputStream *stream = guring_output_stream_new (fd, TRUE);

  sweep_arm ();
  write_of (stream);
  write_vectors (stream);
  write_synchronously (stream);
  close_output (stream, FALSE);
  g_object_unref (stream);
  sweep_finish ();
}

SWEPT (an_output_stream_is_on_a_file)
{
  use_output (open_file (O_WRONLY));
}

SWEPT (an_output_stream_is_on_a_pipe)
{
  make_pipe (ends);
  use_output (ends[1]);
  close (ends[0]);
}

SWEPT (an_output_stream_is_closed_synchronously)
{
  g_autoptr (GOutputStream) stream = guring_output_stream_new (open_file (O_WRONLY), TRUE);

  sweep_arm ();
  close_output (stream, TRUE);
  sweep_finish ();
}

/* Watches */

static guint n_ready;

static gboolean
on_ready (gint fd, GIOCondition condition, gpointer unused)
{
  gchar byte;

  sweep_disarm ();
  ck_assert_int_eq (read (fd, &byte, 1), 1);
  sweep_arm ();
  n_ready++;
  return G_SOURCE_CONTINUE;
}

SWEPT (a_descriptor_is_watched)
{
  g_autoptr (GError) error = NULL;
  GuringFdWatch *watch;

  n_ready = 0;
  make_pipe (ends);
  sweep_arm ();
  watch = guring_fd_watch_new (NULL, ends[0], G_IO_IN, on_ready, NULL, NULL, &error);
  sweep_ended (watch != NULL, &error);
  for (guint i = 0; i < 3 && watch != NULL; i++)
    {
      write_meanwhile (ends[1]);
      while (n_ready == i)
        sweep_iterate ();
    }
  g_clear_pointer (&watch, guring_fd_watch_destroy);
  sweep_finish ();
  close_pipe (ends);
}

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_file_is_opened);
  tcase_add_test (tcase, a_file_is_opened_and_nobody_asks_for_it);
  tcase_add_test (tcase, a_descriptor_is_closed);
  tcase_add_test (tcase, a_file_is_read);
  tcase_add_test (tcase, a_file_is_read_at_its_position);
  tcase_add_test (tcase, a_pipe_is_waited_for);
  tcase_add_test (tcase, a_read_is_cancelled);
  tcase_add_test (tcase, a_file_is_written_at_its_position);
  tcase_add_test (tcase, a_pipe_is_written);
  tcase_add_test (tcase, bytes_are_spliced);
  tcase_add_test (tcase, bytes_to_splice_are_waited_for);
  tcase_add_test (tcase, a_file_is_synchronized);
  tcase_add_test (tcase, data_are_synchronized);
  tcase_add_test (tcase, room_is_allocated);
  tcase_add_test (tcase, a_file_is_asked_for);
  tcase_add_test (tcase, a_file_is_renamed);
  tcase_add_test (tcase, a_file_is_removed);
  tcase_add_test (tcase, a_directory_is_made);
  tcase_add_test (tcase, an_input_stream_is_on_a_file);
  tcase_add_test (tcase, an_input_stream_is_on_a_pipe);
  tcase_add_test (tcase, an_input_stream_is_closed_synchronously);
  tcase_add_test (tcase, an_output_stream_is_on_a_file);
  tcase_add_test (tcase, an_output_stream_is_on_a_pipe);
  tcase_add_test (tcase, an_output_stream_is_closed_synchronously);
  tcase_add_test (tcase, a_descriptor_is_watched);
}

int
main (void)
{
  return run_io_sweeps ("fault-sweep-io", add_tests);
}
