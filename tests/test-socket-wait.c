/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Messages that wait, for a peer or for room, and how that ends. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "socket-support.h"

#define BIG (8 * 1024 * 1024)

static gchar big[BIG];

/* Whose messages wait for room: all of it is taken. */
typedef enum
{
  STREAM,
  CONNECTED,    /* datagrams */
  UNCONNECTED,  /* datagrams, with the receiver's address */
  SMALL_BUFFER, /* the same, but it is the sender who has no room */
  N_CASES
} Case;

typedef struct
{
  GSocket *ends[2]; /* from, to */
  GSocketAddress *address;
  gssize n_bytes; /* that are on their way */
} Line;

static void
line_clear (Line *line)
{
  close_pair (line->ends);
  g_clear_object (&line->address);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Line, line_clear)

static void
fill (Line *line, gsize size)
{
  GOutputVector vector = { big, size };
  gssize n;

  for (n = 0; n >= 0; line->n_bytes += MAX (n, 0))
    n = g_socket_send_message (line->ends[0], line->address, &vector, 1, NULL, 0, 0, NULL, NULL);
}

static void
make_full_line (Case which, Line *line)
{
  if (which == STREAM)
    make_pair (G_SOCKET_TYPE_STREAM, line->ends);
  else if (which == CONNECTED)
    make_pair (G_SOCKET_TYPE_DATAGRAM, line->ends);
  else
    {
      line->ends[0] = make_socket (UNIX_ABSTRACT, G_SOCKET_TYPE_DATAGRAM);
      line->ends[1] = make_bound (UNIX_ABSTRACT, G_SOCKET_TYPE_DATAGRAM);
      line->address = get_local (line->ends[1]);
    }
  if (which == SMALL_BUFFER)
    ck_assert (g_socket_set_option (line->ends[0], SOL_SOCKET, SO_SNDBUF, 1, NULL));

  g_socket_set_blocking (line->ends[0], FALSE);
  fill (line, which == SMALL_BUFFER ? 1000 : 1);
  g_socket_set_blocking (line->ends[0], TRUE);
}

static gssize
drain_some (Line *line)
{
  static gchar buffer[BIG];

  return g_socket_receive_with_blocking (line->ends[1], buffer, sizeof buffer, FALSE, NULL, NULL);
}

static void
drain (Line *line)
{
  for (gssize n = 0; n >= 0; line->n_bytes -= MAX (n, 0))
    n = drain_some (line);
}

static void
start_waiting_for_room (Line *line, GCancellable *cancellable, Response *response)
{
  GOutputVector vector = { "x", 1 };

  start_sending (line->ends[0], line->address, &vector, 1, 0, cancellable, response);
  assert_idle ();
  ck_assert_uint_eq (response->n_calls, 0);
}

START_TEST (receive_waits_for_a_message)
{
  const GSocketType types[] = { G_SOCKET_TYPE_STREAM, G_SOCKET_TYPE_DATAGRAM };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_auto (Response) response = { 0 };
      g_auto (Line) line = { 0 };
      gchar buffer[4] = "";
      GInputVector vector = { buffer, 3 };

      make_pair (types[i], line.ends);
      g_socket_set_blocking (line.ends[1], FALSE);
      start_receiving (line.ends[1], &vector, 1, 0, NULL, &response);
      assert_idle ();
      ck_assert_uint_eq (response.n_calls, 0);
      ck_assert_int_eq (send_to (line.ends[0], NULL, "abc", NULL), 3);
      ck_assert_int_eq (finish_receiving (&response, NULL), 3);
      ck_assert_str_eq (buffer, "abc");
    }
}
END_TEST

START_TEST (send_waits_for_room)
{
  for (Case which = 0; which < N_CASES; which++)
    {
      g_auto (Response) response = { 0 };
      g_auto (Line) line = { 0 };

      make_full_line (which, &line);
      start_waiting_for_room (&line, NULL, &response);
      drain (&line);
      ck_assert_int_eq (finish_sending (&response, NULL), 1);
      drain (&line);
      ck_assert_int_eq (line.n_bytes, -1);
    }
}
END_TEST

static guint
count_calls (const Response *response, guint n)
{
  guint n_calls = 0;

  for (guint i = 0; i < n; i++)
    n_calls += response[i].n_calls;
  return n_calls;
}

/* Each datagram that is taken makes room for one. */
START_TEST (many_wait_for_room)
{
  g_auto (Line) line = { 0 };
  Response response[5] = { { 0 } };

  make_full_line (UNCONNECTED, &line);
  for (guint i = 0; i < G_N_ELEMENTS (response); i++)
    start_waiting_for_room (&line, NULL, &response[i]);
  for (guint n = 1; n <= G_N_ELEMENTS (response); n++)
    {
      ck_assert_int_eq (drain_some (&line), 1);
      run_until (count_calls (response, G_N_ELEMENTS (response)) >= n);
      assert_idle ();
      ck_assert_uint_eq (count_calls (response, G_N_ELEMENTS (response)), n);
    }
  for (guint i = 0; i < G_N_ELEMENTS (response); i++)
    {
      ck_assert_int_eq (finish_sending (&response[i], NULL), 1);
      response_clear (&response[i]);
    }
}
END_TEST

START_TEST (stream_sends_what_there_is_room_for)
{
  const gint flags[] = { 0, MSG_WAITALL };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      g_auto (Response) response = { 0 };
      g_auto (Line) line = { 0 };
      GOutputVector vector = { big, sizeof big };
      gssize n_sent;

      make_pair (G_SOCKET_TYPE_STREAM, line.ends);
      start_sending (line.ends[0], NULL, &vector, 1, flags[i], NULL, &response);
      n_sent = finish_sending (&response, NULL);
      ck_assert_int_gt (n_sent, 0);
      ck_assert_int_lt (n_sent, BIG);
      ck_assert_int_eq (drain_some (&line), n_sent);
    }
}
END_TEST

START_TEST (receiver_that_goes_is_an_error)
{
  const int errors[] = { EPIPE, ECONNREFUSED, ECONNREFUSED };

  for (Case which = STREAM; which <= UNCONNECTED; which++)
    {
      g_auto (Response) response = { 0 };
      g_auto (Line) line = { 0 };
      g_autoptr (GError) error = NULL;

      make_full_line (which, &line);
      start_waiting_for_room (&line, NULL, &response);
      g_clear_object (&line.ends[1]);
      ck_assert_int_eq (finish_sending (&response, &error), -1);
      assert_errno (error, errors[which], "Could not send");
    }
}
END_TEST

START_TEST (message_is_sent_although_nobody_needs_to_know)
{
  g_auto (Line) line = { 0 };
  GOutputVector vector = { "abc", 3 };
  gchar buffer[3];

  make_pair (G_SOCKET_TYPE_STREAM, line.ends);
  guring_socket_send_message_async (line.ends[0], NULL, &vector, 1, NULL, 0, 0, 0, NULL, NULL,
                                    NULL);
  ck_assert_int_eq (receive_bytes (line.ends[1], buffer, sizeof buffer, NULL), 3);
}
END_TEST

/* Timeouts */

START_TEST (receive_times_out)
{
  g_auto (Line) line = { 0 };
  g_autoptr (GError) error = NULL;
  gchar buffer[3];

  make_pair (G_SOCKET_TYPE_DATAGRAM, line.ends);
  g_socket_set_timeout (line.ends[1], 1);
  ck_assert_int_eq (receive_bytes (line.ends[1], buffer, sizeof buffer, &error), -1);
  assert_error (error, G_IO_ERROR_TIMED_OUT);

  ck_assert_int_eq (send_to (line.ends[0], NULL, "abc", NULL), 3);
  ck_assert_int_eq (receive_bytes (line.ends[1], buffer, sizeof buffer, NULL), 3);
}
END_TEST

START_TEST (send_times_out)
{
  static Response response[N_CASES];
  static Line lines[N_CASES];
  gint64 start_time;

  for (Case which = 0; which < N_CASES; which++)
    {
      make_full_line (which, &lines[which]);
      g_socket_set_timeout (lines[which].ends[0], 1);
    }
  start_time = g_get_monotonic_time ();
  for (Case which = 0; which < N_CASES; which++)
    start_waiting_for_room (&lines[which], NULL, &response[which]);
  for (Case which = 0; which < N_CASES; which++)
    {
      g_autoptr (GError) error = NULL;

      ck_assert_int_eq (finish_sending (&response[which], &error), -1);
      assert_error (error, G_IO_ERROR_TIMED_OUT);
      ck_assert_int_ge (g_get_monotonic_time () - start_time, G_USEC_PER_SEC);
      response_clear (&response[which]);
      line_clear (&lines[which]);
    }
}
END_TEST

/* Cancellation */

static void
cancel_here_or_there (GCancellable *cancellable, gboolean there)
{
  if (there)
    g_thread_join (g_thread_new ("cancel", cancel_in_thread, cancellable));
  else
    g_cancellable_cancel (cancellable);
}

START_TEST (waiting_receive_is_cancelled)
{
  for (gboolean there = FALSE; there <= TRUE; there++)
    {
      g_auto (Response) response = { 0 };
      g_auto (Line) line = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      GError *error = NULL;
      gchar buffer[3];
      GInputVector vector = { buffer, sizeof buffer };

      make_pair (G_SOCKET_TYPE_DATAGRAM, line.ends);
      start_receiving (line.ends[1], &vector, 1, 0, cancellable, &response);
      assert_idle ();
      cancel_here_or_there (cancellable, there);
      ck_assert_int_eq (finish_receiving (&response, &error), -1);
      assert_cancelled (&error);

      ck_assert_int_eq (send_to (line.ends[0], NULL, "abc", NULL), 3);
      ck_assert_int_eq (receive_bytes (line.ends[1], buffer, sizeof buffer, NULL), 3);
    }
}
END_TEST

START_TEST (waiting_send_is_cancelled)
{
  for (gboolean there = FALSE; there <= TRUE; there++)
    for (Case which = 0; which < N_CASES; which++)
      {
        g_auto (Response) response = { 0 };
        g_auto (Line) line = { 0 };
        g_autoptr (GCancellable) cancellable = g_cancellable_new ();
        GError *error = NULL;

        make_full_line (which, &line);
        start_waiting_for_room (&line, cancellable, &response);
        cancel_here_or_there (cancellable, there);
        ck_assert_int_eq (finish_sending (&response, &error), -1);
        assert_cancelled (&error);

        drain (&line);
        assert_idle ();
        drain (&line);
        ck_assert_int_eq (line.n_bytes, 0);
      }
}
END_TEST

START_TEST (message_cancelled_before_is_not_touched)
{
  g_auto (Response) sent = { 0 };
  g_auto (Response) received = { 0 };
  g_auto (Line) line = { 0 };
  g_autoptr (GCancellable) cancellable = make_cancelled ();
  GError *error = NULL;
  gchar buffer[4] = "";
  GInputVector in = { buffer, 3 };
  GOutputVector out = { "xyz", 3 };

  make_pair (G_SOCKET_TYPE_DATAGRAM, line.ends);
  ck_assert_int_eq (send_to (line.ends[0], NULL, "abc", NULL), 3);
  start_sending (line.ends[0], NULL, &out, 1, 0, cancellable, &sent);
  ck_assert_int_eq (finish_sending (&sent, &error), -1);
  assert_cancelled (&error);
  start_receiving (line.ends[1], &in, 1, 0, cancellable, &received);
  ck_assert_int_eq (finish_receiving (&received, &error), -1);
  assert_cancelled (&error);

  ck_assert_int_eq (receive_bytes (line.ends[1], buffer, 3, NULL), 3);
  ck_assert_str_eq (buffer, "abc");
  ck_assert_int_eq (drain_some (&line), -1);
}
END_TEST

START_TEST (message_cancelled_afterwards_is_kept)
{
  g_auto (Response) response = { 0 };
  g_auto (Line) line = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gchar buffer[4] = "";
  GInputVector vector = { buffer, 3 };

  make_pair (G_SOCKET_TYPE_DATAGRAM, line.ends);
  ck_assert_int_eq (send_to (line.ends[0], NULL, "abc", NULL), 3);
  start_receiving (line.ends[1], &vector, 1, 0, cancellable, &response);
  get (&response);
  g_cancellable_cancel (cancellable);
  ck_assert_int_eq (finish_receiving (&response, NULL), 3);
  ck_assert_str_eq (buffer, "abc");
}
END_TEST

/* Either it was received, or it is still there. */
START_TEST (message_that_meets_its_cancellation_is_not_lost)
{
  for (guint i = 0; i < 100; i++)
    {
      g_auto (Response) response = { 0 };
      g_auto (Line) line = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      GError *error = NULL;
      gchar buffer[4] = "";
      GInputVector vector = { buffer, 3 };

      make_pair (G_SOCKET_TYPE_DATAGRAM, line.ends);
      start_receiving (line.ends[1], &vector, 1, 0, cancellable, &response);
      assert_idle ();
      ck_assert_int_eq (g_socket_send (line.ends[0], "abc", 3, NULL, NULL), 3);
      g_cancellable_cancel (cancellable);
      if (finish_receiving (&response, &error) < 0)
        {
          assert_cancelled (&error);
          ck_assert_int_eq (receive_bytes (line.ends[1], buffer, 3, NULL), 3);
        }
      ck_assert_str_eq (buffer, "abc");
    }
}
END_TEST

static void
add_waiting_tests (TCase *tcase)
{
  tcase_add_test (tcase, receive_waits_for_a_message);
  tcase_add_test (tcase, send_waits_for_room);
  tcase_add_test (tcase, many_wait_for_room);
  tcase_add_test (tcase, stream_sends_what_there_is_room_for);
  tcase_add_test (tcase, receiver_that_goes_is_an_error);
  tcase_add_test (tcase, message_is_sent_although_nobody_needs_to_know);
  tcase_add_test (tcase, receive_times_out);
  tcase_add_test (tcase, send_times_out);
  tcase_add_test (tcase, waiting_receive_is_cancelled);
  tcase_add_test (tcase, waiting_send_is_cancelled);
  tcase_add_test (tcase, message_cancelled_before_is_not_touched);
  tcase_add_test (tcase, message_cancelled_afterwards_is_kept);
  tcase_add_test (tcase, message_that_meets_its_cancellation_is_not_lost);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-wait");

  add_io_tests (suite, add_waiting_tests);
  return run_suite_without_io_uring (suite);
}
