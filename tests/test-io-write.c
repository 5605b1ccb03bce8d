/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing to descriptors, and what a file is to hold for good. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io-support.h"

#define MEBIBYTE ((gsize) 1 << 20)

static void
start_writing (int fd, GBytes *bytes, GCancellable *cancellable, Reply *reply)
{
  guring_write_async (fd, bytes, -1, G_PRIORITY_DEFAULT, cancellable, on_reply, reply);
}

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

  start_writing (fd, bytes, NULL, &reply);
  g_bytes_unref (bytes);
  ck_assert (guring_write_finish (await (&reply), NULL, NULL));
  assert_contents ("file", "abc");
  close (fd);
}
END_TEST

/* Peers that are slower */

typedef struct
{
  int fd;
  gsize step;
} Reader;

static gpointer
read_until_end (gpointer data)
{
  const Reader *reader = data;
  GByteArray *array = g_byte_array_new ();
  g_autofree guint8 *buffer = g_malloc (reader->step);
  gssize n;

  while ((n = read (reader->fd, buffer, reader->step)) > 0)
    g_byte_array_append (array, buffer, (guint) n);
  return g_byte_array_free_to_bytes (array);
}

static void
assert_all_arrives (int fds[2], gsize size, gsize step)
{
  g_autoptr (GBytes) bytes = make_pattern (size);
  g_autoptr (GError) error = NULL;
  Reader reader = { fds[0], step };
  GThread *thread = g_thread_new ("reader", read_until_end, &reader);
  gsize n_written = 0;
  GBytes *received;

  ck_assert (io_write (fds[1], bytes, -1, &n_written, &error));
  ck_assert_ptr_null (error);
  ck_assert_uint_eq (n_written, size);
  close (fds[1]);
  received = g_thread_join (thread);
  assert_bytes (received, g_bytes_get_data (bytes, NULL), size);
  close (fds[0]);
}

static void
make_small_sockets (int type, int fds[2])
{
  const int size = 4096;

  ck_assert_int_eq (socketpair (AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
  ck_assert_int_eq (setsockopt (fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
}

START_TEST (all_arrives_through_small_buffers)
{
  int fds[2];

  make_small_sockets (SOCK_STREAM, fds);
  assert_all_arrives (fds, 8 * MEBIBYTE, 3000);
  make_small_sockets (SOCK_STREAM | SOCK_NONBLOCK, fds);
  ck_assert_int_eq (fcntl (fds[0], F_SETFL, 0), 0);
  assert_all_arrives (fds, 8 * MEBIBYTE, 3000);
}
END_TEST

START_TEST (all_arrives_through_a_pipe)
{
  int fds[2];

  make_pipe (fds);
  assert_all_arrives (fds, MEBIBYTE + 3, 1000);
  make_pipe (fds);
  ck_assert_int_eq (fcntl (fds[1], F_SETFL, O_NONBLOCK), 0);
  assert_all_arrives (fds, MEBIBYTE + 3, 1000);
}
END_TEST

static void
assert_write_does_not_block_the_loop (int fds[2])
{
  g_autoptr (GBytes) bytes = make_pattern (MEBIBYTE);
  g_auto (Reply) reply = { 0 };
  gsize n_written = 0;
  g_autoptr (GError) error = NULL;

  start_writing (fds[1], bytes, NULL, &reply);
  for (guint i = 0; i < 100; i++)
    let_it_wait ();
  ck_assert_uint_eq (reply.n_calls, 0);
  close (fds[0]);
  ck_assert (!guring_write_finish (await (&reply), &n_written, &error));
  ck_assert_uint_lt (n_written, MEBIBYTE);
  close (fds[1]);
}

START_TEST (write_to_who_does_not_read_does_not_block_the_loop)
{
  int fds[2];

  make_pipe (fds);
  assert_write_does_not_block_the_loop (fds);
  make_small_sockets (SOCK_STREAM, fds);
  assert_write_does_not_block_the_loop (fds);
}
END_TEST

START_TEST (writes_to_one_pipe_do_not_block_the_loop)
{
  g_autoptr (GBytes) bytes = make_pattern (MEBIBYTE);
  g_auto (Reply) first = { 0 };
  g_auto (Reply) second = { 0 };
  g_autofree gchar *buffer = g_malloc (4096);
  int fds[2];

  make_pipe (fds);
  start_writing (fds[1], bytes, NULL, &first);
  start_writing (fds[1], bytes, NULL, &second);
  while (first.n_calls == 0 || second.n_calls == 0)
    {
      let_it_wait ();
      if (count_in_pipe (fds[0]) > 0)
        ck_assert_int_gt (read (fds[0], buffer, 4096), 0);
    }
  ck_assert (guring_write_finish (first.result, NULL, NULL));
  ck_assert (guring_write_finish (second.result, NULL, NULL));
  close_pipe (fds);
}
END_TEST

/* A message is not cut in pieces. */
START_TEST (write_to_a_message_socket_is_one_message)
{
  g_autoptr (GBytes) bytes = make_pattern (20000);
  g_autofree gchar *buffer = g_malloc (30000);
  const int types[] = { SOCK_DGRAM, SOCK_SEQPACKET };
  int fds[2];

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      ck_assert_int_eq (socketpair (AF_UNIX, types[i] | SOCK_CLOEXEC, 0, fds), 0);
      ck_assert (io_write (fds[1], bytes, -1, NULL, NULL));
      ck_assert_int_eq (recv (fds[0], buffer, 30000, 0), 20000);
      ck_assert_mem_eq (buffer, g_bytes_get_data (bytes, NULL), 20000);
      close_pipe (fds);
    }
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
  assert_errno (error, EBADF, "Could not write");
  g_clear_error (&error);
  ck_assert (!io_write (CLOSED_FD, bytes, -2, NULL, &error));
  assert_errno (error, EINVAL, "Could not write");
  g_clear_error (&error);
}
END_TEST

START_TEST (write_to_a_peer_that_has_gone_is_an_error_and_no_signal)
{
  g_autoptr (GBytes) bytes = make_pattern (10);
  GError *error = NULL;
  int fds[2];

  for (guint i = 0; i < 2; i++)
    {
      gsize n_written = 17;

      if (i == 0)
        make_pipe (fds);
      else
        make_small_sockets (SOCK_STREAM, fds);
      close (fds[0]);
      ck_assert (!io_write (fds[1], bytes, -1, &n_written, &error));
      assert_error (error, G_IO_ERROR_BROKEN_PIPE);
      assert_errno (error, EPIPE, "Could not write");
      ck_assert_uint_eq (n_written, 0);
      g_clear_error (&error);
      close (fds[1]);
    }
}
END_TEST

/* A pipe takes so much and no more: when it is full, the write waits. */
static gsize
start_filling (int fds[2], GCancellable *cancellable, Reply *reply)
{
  g_autoptr (GBytes) bytes = make_pattern (MEBIBYTE);
  gsize capacity;

  make_pipe (fds);
  capacity = (gsize) fcntl (fds[1], F_GETPIPE_SZ);
  start_writing (fds[1], bytes, cancellable, reply);
  while (count_in_pipe (fds[0]) < capacity)
    g_main_context_iteration (context, FALSE);
  let_it_wait ();
  ck_assert_uint_eq (reply->n_calls, 0);
  return capacity;
}

START_TEST (write_cut_short_by_its_peer_tells_how_much_was_written)
{
  g_auto (Reply) reply = { 0 };
  g_autoptr (GError) error = NULL;
  gsize n_written = 0;
  int fds[2];
  gsize capacity = start_filling (fds, NULL, &reply);

  close (fds[0]);
  ck_assert (!guring_write_finish (await (&reply), &n_written, &error));
  assert_error (error, G_IO_ERROR_BROKEN_PIPE);
  ck_assert_uint_eq (n_written, capacity);
  close (fds[1]);
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

  start_writing (fd, bytes, cancellable, &reply);
  ck_assert (!guring_write_finish (await (&reply), &n_written, &error));
  assert_cancelled (&error);
  ck_assert_uint_eq (n_written, 0);
  assert_contents ("file", "");
  close (fd);
}
END_TEST

static void
assert_waiting_write_cancelled (GThreadFunc cancel_from)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Reply) reply = { 0 };
  GError *error = NULL;
  gsize n_written = 0;
  int fds[2];
  gsize capacity = start_filling (fds, cancellable, &reply);

  if (cancel_from != NULL)
    g_thread_unref (g_thread_new ("cancel", cancel_from, cancellable));
  else
    g_cancellable_cancel (cancellable);
  ck_assert (!guring_write_finish (await (&reply), &n_written, &error));
  assert_cancelled (&error);
  ck_assert_uint_eq (n_written, capacity);
  ck_assert_uint_eq (count_in_pipe (fds[0]), capacity);
  close_pipe (fds);
}

START_TEST (waiting_write_is_cancelled_and_tells_how_much_was_written)
{
  assert_waiting_write_cancelled (NULL);
}
END_TEST

START_TEST (waiting_write_is_cancelled_by_another_thread)
{
  assert_waiting_write_cancelled (cancel_in_thread);
}
END_TEST

START_TEST (write_that_was_done_is_not_reported_cancelled)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GBytes) bytes = g_bytes_new_static ("abc", 3);
  g_auto (Reply) reply = { 0 };
  struct stat status = { 0 };
  int fd = make_file ("file", "");

  start_writing (fd, bytes, cancellable, &reply);
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

/* For good, and room */

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
      assert_errno (error, EBADF, "Could not synchronize");
      g_clear_error (&error);
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
  assert_errno (error, EBADF, "Could not allocate");
  g_clear_error (&error);
  ck_assert (!allocate (CLOSED_FD, 0, 0, 4096, NULL, &error));
  assert_errno (error, EBADF, "Could not allocate");
  g_clear_error (&error);
  ck_assert (!allocate (fd, 0, 0, 0, NULL, &error));
  assert_errno (error, EINVAL, "Could not allocate");
  g_clear_error (&error);
  assert_size (fd, 0, 0);
  close (read_only);
  close (fd);
}
END_TEST

static void
add_write_tests (TCase *tcase)
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

static void
add_peer_tests (TCase *tcase)
{
  tcase_add_test (tcase, all_arrives_through_small_buffers);
  tcase_add_test (tcase, all_arrives_through_a_pipe);
  tcase_add_test (tcase, write_to_who_does_not_read_does_not_block_the_loop);
  tcase_add_test (tcase, writes_to_one_pipe_do_not_block_the_loop);
  tcase_add_test (tcase, write_to_a_message_socket_is_one_message);
  tcase_add_test (tcase, write_to_a_peer_that_has_gone_is_an_error_and_no_signal);
  tcase_add_test (tcase, write_cut_short_by_its_peer_tells_how_much_was_written);
  tcase_add_test (tcase, waiting_write_is_cancelled_and_tells_how_much_was_written);
  tcase_add_test (tcase, waiting_write_is_cancelled_by_another_thread);
}

static void
add_sync_tests (TCase *tcase)
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
  Suite *suite = suite_create ("io-write");

  add_io_tests (suite, add_write_tests);
  add_io_tests (suite, add_peer_tests);
  add_io_tests (suite, add_sync_tests);
  return run_suite_without_io_uring (suite);
}
