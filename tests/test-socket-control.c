/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Control messages: descriptors and credentials, and what becomes of those that nobody takes. */

#include "config.h"

#include <gio/gunixcredentialsmessage.h>
#include <gio/gunixfdmessage.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "socket-support.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

static GSocket *pair[2];
static int pipe_fds[2];
static guint n_before; /* descriptors */

static void
setup_pair (void)
{
  make_pair (G_SOCKET_TYPE_DATAGRAM, pair);
  make_pipe (pipe_fds);
  guring_ring_get_default (NULL);
  n_before = count_descriptors ();
}

static void
teardown_pair (void)
{
  ck_assert_uint_eq (count_descriptors (), n_before);
  close_pipe (pipe_fds);
  close_pair (pair);
}

static GSocketControlMessage *
make_fd_message (guint n)
{
  GSocketControlMessage *message = g_unix_fd_message_new ();

  for (guint i = 0; i < n; i++)
    ck_assert (g_unix_fd_message_append_fd (G_UNIX_FD_MESSAGE (message), pipe_fds[1], NULL));
  return message;
}

/* Takes the messages: that they live as long as they are needed is the library's affair. */
static void
start_sending_messages (GSocketControlMessage **messages, gint n, Response *response)
{
  GOutputVector vector = { "abc", 3 };

  response->socket = pair[0];
  guring_socket_send_message_async (pair[0], NULL, &vector, 1, messages, n, 0, 0, NULL, on_response,
                                    response);
  for (gint i = 0; messages != NULL && (n < 0 ? messages[i] != NULL : i < n); i++)
    g_object_unref (messages[i]);
}

static void
send_messages (GSocketControlMessage **messages, gint n)
{
  g_auto (Response) response = { 0 };

  start_sending_messages (messages, n, &response);
  ck_assert_int_eq (finish_sending (&response, NULL), 3);
}

static void
send_descriptors (guint n)
{
  GSocketControlMessage *messages[] = { make_fd_message (n) };

  send_messages (messages, 1);
}

static GInputVector *
get_vector (void)
{
  static gchar buffer[3];
  static GInputVector vector = { buffer, sizeof buffer };

  return &vector;
}

static GSocketControlMessage **
receive_messages (gint expected, gint *flags)
{
  g_auto (Response) response = { 0 };
  GSocketControlMessage **messages = (gpointer) &response;
  gint n = -1;

  start_receiving (pair[1], get_vector (), 1, 0, NULL, &response);
  ck_assert_int_eq (guring_socket_receive_message_finish (pair[1], get (&response), NULL, &messages,
                                                          &n, flags, NULL),
                    3);
  ck_assert_int_eq (n, expected);
  if (n > 0)
    ck_assert_ptr_null (messages[n]);
  else
    ck_assert_ptr_null (messages);
  return messages;
}

static void
free_messages (GSocketControlMessage **messages)
{
  for (guint i = 0; messages[i] != NULL; i++)
    g_object_unref (messages[i]);
  g_free (messages);
}

/* Closes it. */
static void
assert_is_the_pipe (int fd)
{
  gchar byte = 0;

  ck_assert_int_eq (fcntl (fd, F_GETFD), FD_CLOEXEC);
  ck_assert_int_eq (write (fd, "x", 1), 1);
  ck_assert_int_eq (read (pipe_fds[0], &byte, 1), 1);
  ck_assert_int_eq (byte, 'x');
  close (fd);
}

static void
assert_descriptors (GSocketControlMessage *message, gint n)
{
  g_autofree gint *fds = NULL;
  gint n_fds;

  ck_assert (G_IS_UNIX_FD_MESSAGE (message));
  fds = g_unix_fd_message_steal_fds (G_UNIX_FD_MESSAGE (message), &n_fds);
  ck_assert_int_eq (n_fds, n);
  for (gint i = 0; i < n; i++)
    assert_is_the_pipe (fds[i]);
}

static void
assert_own_credentials (GSocketControlMessage *message)
{
  GCredentials *credentials;

  ck_assert (G_IS_UNIX_CREDENTIALS_MESSAGE (message));
  credentials = g_unix_credentials_message_get_credentials (G_UNIX_CREDENTIALS_MESSAGE (message));
  ck_assert_int_eq (g_credentials_get_unix_pid (credentials, NULL), getpid ());
  ck_assert_int_eq (g_credentials_get_unix_user (credentials, NULL), getuid ());
}

START_TEST (descriptors_are_passed)
{
  const guint numbers[] = { 1, 5, 253 };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      GSocketControlMessage **messages;
      gint flags = 0;

      send_descriptors (numbers[i]);
      messages = receive_messages (1, &flags);
      ck_assert_int_eq (flags & MSG_CTRUNC, 0);
      assert_descriptors (messages[0], (gint) numbers[i]);
      free_messages (messages);
    }
}
END_TEST

/* In a user namespace it may have none. */
static gboolean
has_user_id (void)
{
  g_autofree gchar *ids = NULL;

  return !g_file_get_contents ("/proc/self/uid_map", &ids, NULL, NULL) || *ids != '\0';
}

START_TEST (credentials_are_passed)
{
  GSocketControlMessage *sent[2] = { NULL };
  GSocketControlMessage **messages;

  if (skip_if (!has_user_id (), "user id"))
    return;

  sent[0] = g_unix_credentials_message_new ();
  ck_assert (g_socket_set_option (pair[1], SOL_SOCKET, SO_PASSCRED, TRUE, NULL));
  send_messages (sent, -1);
  messages = receive_messages (1, NULL);
  assert_own_credentials (messages[0]);
  free_messages (messages);
}
END_TEST

START_TEST (several_control_messages_are_passed_at_once)
{
  GSocketControlMessage *sent[2] = { NULL };
  GSocketControlMessage **messages;
  guint fds;

  if (skip_if (!has_user_id (), "user id"))
    return;

  sent[0] = make_fd_message (2);
  sent[1] = g_unix_credentials_message_new ();
  ck_assert (g_socket_set_option (pair[1], SOL_SOCKET, SO_PASSCRED, TRUE, NULL));
  send_messages (sent, G_N_ELEMENTS (sent));
  messages = receive_messages (2, NULL);
  fds = G_IS_UNIX_FD_MESSAGE (messages[0]) ? 0 : 1;
  assert_descriptors (messages[fds], 2);
  assert_own_credentials (messages[1 - fds]);
  free_messages (messages);
}
END_TEST

START_TEST (control_messages_of_gio_are_understood_and_its_own)
{
  GSocketControlMessage *message = make_fd_message (1);
  GSocketControlMessage **messages;
  GOutputVector vector = { "abc", 3 };

  ck_assert_int_eq (g_socket_send_message (pair[0], NULL, &vector, 1, &message, 1, 0, NULL, NULL),
                    3);
  g_object_unref (message);
  messages = receive_messages (1, NULL);
  assert_descriptors (messages[0], 1);
  free_messages (messages);

  send_descriptors (1);
  ck_assert_int_eq (g_socket_receive_message (pair[1], NULL, get_vector (), 1, &messages, NULL,
                                              NULL, NULL, NULL),
                    3);
  assert_descriptors (messages[0], 1);
  free_messages (messages);
}
END_TEST

START_TEST (message_without_control_messages_has_none)
{
  gint flags = 0;

  send_messages (NULL, -1);
  receive_messages (0, &flags);
  ck_assert_int_eq (flags & MSG_CTRUNC, 0);
}
END_TEST

START_TEST (descriptors_wait_for_room_with_their_message)
{
  g_auto (Response) response = { 0 };
  GSocketControlMessage *sent[] = { make_fd_message (1) };
  GSocketControlMessage **messages;
  guint n = 0;

  g_socket_set_blocking (pair[0], FALSE);
  while (g_socket_send (pair[0], "abc", 3, NULL, NULL) == 3)
    n++;
  start_sending_messages (sent, 1, &response);
  assert_idle ();
  ck_assert_uint_eq (response.n_calls, 0);
  for (; n > 0; n--)
    receive_messages (0, NULL);
  ck_assert_int_eq (finish_sending (&response, NULL), 3);
  messages = receive_messages (1, NULL);
  assert_descriptors (messages[0], 1);
  free_messages (messages);
}
END_TEST

/* What nobody takes */

START_TEST (messages_that_are_not_asked_for_are_freed_and_told_as_in_gio)
{
  g_auto (Response) response = { 0 };
  gint gio_flags = 0;
  gint our_flags = 0;
  gint n = -1;

  send_descriptors (3);
  ck_assert_int_eq (g_socket_receive_message (pair[1], NULL, get_vector (), 1, NULL, NULL,
                                              &gio_flags, NULL, NULL),
                    3);
  send_descriptors (3);
  start_receiving (pair[1], get_vector (), 1, 0, NULL, &response);
  ck_assert_int_eq (guring_socket_receive_message_finish (pair[1], get (&response), NULL, NULL, &n,
                                                          &our_flags, NULL),
                    3);
  ck_assert_int_eq (n, 0);
  ck_assert_int_eq (our_flags, gio_flags);
  ck_assert_int_ne (our_flags & MSG_CTRUNC, 0);
}
END_TEST

START_TEST (descriptors_without_a_callback_are_closed)
{
  guring_socket_receive_message_async (pair[1], get_vector (), 1, 0, 0, NULL, NULL, NULL);
  send_descriptors (3);
  run_until (g_socket_condition_check (pair[1], G_IO_IN) == 0);
  assert_idle ();
}
END_TEST

START_TEST (descriptors_of_a_result_that_is_not_finished_are_closed)
{
  g_auto (Response) response = { 0 };

  send_descriptors (3);
  start_receiving (pair[1], get_vector (), 1, 0, NULL, &response);
  get (&response);
  ck_assert_uint_eq (count_descriptors (), n_before + 3);
}
END_TEST

START_TEST (descriptors_that_meet_their_cancellation_are_not_left_open)
{
  for (guint i = 0; i < 100; i++)
    {
      g_auto (Response) response = { 0 };
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      GOutputVector vector = { "abc", 3 };
      GSocketControlMessage *message = make_fd_message (3);

      start_receiving (pair[1], get_vector (), 1, 0, cancellable, &response);
      assert_idle ();
      ck_assert_int_eq (g_socket_send_message (pair[0], NULL, &vector, 1, &message, 1, 0, NULL,
                                               NULL),
                        3);
      g_object_unref (message);
      g_cancellable_cancel (cancellable);
      if (finish_receiving (&response, NULL) < 0)
        free_messages (receive_messages (1, NULL));
    }
}
END_TEST

START_TEST (peeked_descriptors_are_others)
{
  for (guint i = 0; i < 2; i++)
    {
      g_auto (Response) response = { 0 };

      if (i == 0)
        send_descriptors (2);
      start_receiving (pair[1], get_vector (), 1, G_SOCKET_MSG_PEEK, NULL, &response);
      ck_assert_int_eq (finish_receiving (&response, NULL), 3);
    }
  free_messages (receive_messages (1, NULL));
}
END_TEST

/* GLib has no class for it, so that nobody gets it. */
START_TEST (descriptor_that_glib_does_not_know_is_closed)
{
  if (!g_socket_set_option (pair[1], SOL_SOCKET, SO_PASSPIDFD, TRUE, NULL))
    return; /* before Linux 6.5 */

  send_messages (NULL, 0);
  receive_messages (0, NULL);
}
END_TEST

static void
add_control_tests (TCase *tcase)
{
  tcase_add_checked_fixture (tcase, setup_pair, teardown_pair);
  tcase_add_test (tcase, descriptors_are_passed);
  tcase_add_test (tcase, credentials_are_passed);
  tcase_add_test (tcase, several_control_messages_are_passed_at_once);
  tcase_add_test (tcase, control_messages_of_gio_are_understood_and_its_own);
  tcase_add_test (tcase, message_without_control_messages_has_none);
  tcase_add_test (tcase, descriptors_wait_for_room_with_their_message);
  tcase_add_test (tcase, messages_that_are_not_asked_for_are_freed_and_told_as_in_gio);
  tcase_add_test (tcase, descriptors_without_a_callback_are_closed);
  tcase_add_test (tcase, descriptors_of_a_result_that_is_not_finished_are_closed);
  tcase_add_test (tcase, descriptors_that_meet_their_cancellation_are_not_left_open);
  tcase_add_test (tcase, peeked_descriptors_are_others);
  tcase_add_test (tcase, descriptor_that_glib_does_not_know_is_closed);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-control");

  add_io_tests (suite, add_control_tests);
  return run_suite_without_io_uring (suite);
}
