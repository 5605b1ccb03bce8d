/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Connections that are closed under those who use them. */

#include "config.h"

#include <sys/socket.h>
#include <unistd.h>

#include "connection-support.h"

/* Without that the main loop runs */
static void
assert_peer_hears (const Pair *pair)
{
  gchar byte;

  ck_assert_int_eq (recv (pair->peer, &byte, 1, MSG_DONTWAIT), 0);
}

START_TEST (the_peer_hears_at_once)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte;

  pair_init (&pair);
  start_read (pair.input, &byte, 1, NULL, &done);
  let_it_wait ();
  ck_assert (g_io_stream_close (pair.connection, NULL, NULL));
  assert_peer_hears (&pair);

  ck_assert_int_eq (finish_read (pair.input, &done, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

START_TEST (the_peer_of_one_that_receives_hears_at_once)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) done = { 0 };
  g_autoptr (GError) error = NULL;
  GuringSocketConnection *connection;

  pair_init (&pair);
  connection = GURING_SOCKET_CONNECTION (pair.connection);
  guring_socket_connection_receive_async (connection, 0, NULL, on_done, &done);
  let_it_wait ();
  ck_assert (g_io_stream_close (pair.connection, NULL, NULL));
  assert_peer_hears (&pair);

  run_until (done.result != NULL);
  ck_assert_ptr_null (guring_socket_connection_receive_finish (connection, done.result, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

/* Not submitted yet, or not polled. */
START_TEST (a_socket_that_is_closed_first_is_told)
{
  g_auto (Pair) pair = { 0 };
  g_auto (Done) read = { 0 };
  g_auto (Done) written = { 0 };
  g_autoptr (GError) error = NULL;
  gchar byte = 0;

  pair_init (&pair);
  start_read (pair.input, &byte, 1, NULL, &read);
  g_output_stream_write_async (pair.output, &byte, 1, 0, NULL, on_done, &written);
  ck_assert (g_socket_close (pair.socket, NULL));

  run_until (read.result != NULL && written.result != NULL);
  ck_assert_int_eq (g_input_stream_read_finish (pair.input, read.result, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert_int_eq (g_output_stream_write_finish (pair.output, written.result, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

/* Another thread closes what reads, and gets bytes, meanwhile */

#define N_PAIRS 50

typedef struct
{
  Pair pairs[N_PAIRS];
  gchar byte; /* nobody looks at it */
  guint n_closed;
} Crowd;

static void
on_read (GObject *stream, GAsyncResult *result, gpointer data)
{
  Crowd *crowd = data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (stream), result, &error);

  /* Pending: the other thread is just closing this stream. */
  if (n == 1 || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_PENDING))
    {
      g_input_stream_read_async (G_INPUT_STREAM (stream), &crowd->byte, 1, 0, NULL, on_read, crowd);
      return;
    }
  ck_assert_int_eq (n, -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  crowd->n_closed++;
}

static gpointer
close_all (gpointer data)
{
  Crowd *crowd = data;

  for (guint i = 0; i < N_PAIRS; i++)
    ck_assert (g_io_stream_close (crowd->pairs[i].connection, NULL, NULL));
  return NULL;
}

START_TEST (another_thread_closes)
{
  for (guint round = 0; round < 10; round++)
    {
      Crowd crowd = { 0 };
      GThread *thread;

      for (guint i = 0; i < N_PAIRS; i++)
        {
          pair_init (&crowd.pairs[i]);
          g_input_stream_read_async (crowd.pairs[i].input, &crowd.byte, 1, 0, NULL, on_read,
                                     &crowd);
        }
      thread = g_thread_new ("close", close_all, &crowd);
      while (crowd.n_closed < N_PAIRS)
        {
          g_main_context_iteration (context, FALSE);
          for (guint i = 0; i < N_PAIRS; i += 7)
            send (crowd.pairs[i].peer, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
      g_thread_join (thread);
      for (guint i = 0; i < N_PAIRS; i++)
        pair_clear (&crowd.pairs[i]);
    }
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, the_peer_hears_at_once);
  tcase_add_test (tcase, the_peer_of_one_that_receives_hears_at_once);
  tcase_add_test (tcase, a_socket_that_is_closed_first_is_told);
  tcase_add_test (tcase, another_thread_closes);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-close");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
