/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing to pipes and sockets, whose peers are slower or go. */

#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io-support.h"

#define MEBIBYTE ((gsize) 1 << 20)

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

  io_start_write (fds[1], bytes, NULL, &reply);
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
  io_start_write (fds[1], bytes, NULL, &first);
  io_start_write (fds[1], bytes, NULL, &second);
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
  io_start_write (fds[1], bytes, cancellable, reply);
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

static void
add_tests (TCase *tcase)
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

int
main (void)
{
  Suite *suite = suite_create ("io-write-peers");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
