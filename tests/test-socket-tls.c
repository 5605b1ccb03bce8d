/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* TLS over GuringSocketConnection, both ends. */

#include "config.h"

#include <string.h>
#include <sys/socket.h>

#include "stream-support.h"

#define SIZE (64u << 20)
#define STEP 100003u

static GIOStream *
make_connection (int fd)
{
  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, NULL);

  return G_IO_STREAM (guring_socket_connection_new (socket, NULL));
}

static gboolean
accept_certificate (GTlsConnection *connection,
                    GTlsCertificate *certificate,
                    GTlsCertificateFlags errors,
                    gpointer user_data)
{
  return TRUE;
}

static void
make_ends (GIOStream **client, GIOStream **server)
{
  g_autoptr (GTlsCertificate) certificate = g_tls_certificate_new_from_file (TLS_CERTIFICATE, NULL);
  g_autoptr (GIOStream) client_base = NULL;
  g_autoptr (GIOStream) server_base = NULL;
  int fds[2];

  ck_assert_ptr_nonnull (certificate);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  client_base = make_connection (fds[0]);
  server_base = make_connection (fds[1]);
  *client = g_tls_client_connection_new (client_base, NULL, NULL);
  *server = g_tls_server_connection_new (server_base, certificate, NULL);
  ck_assert_ptr_nonnull (*client);
  ck_assert_ptr_nonnull (*server);
  g_signal_connect (*client, "accept-certificate", G_CALLBACK (accept_certificate), NULL);
}

/* What goes in at one end */
typedef struct
{
  const guint8 *data;
  gsize done;
} Sending;

static void send_next (Sending *sending, GOutputStream *output);

static void
on_sent (GObject *output, GAsyncResult *result, gpointer user_data)
{
  Sending *sending = user_data;
  gsize n;

  ck_assert (g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, &n, NULL));
  sending->done += n;
  send_next (sending, G_OUTPUT_STREAM (output));
}

static void
send_next (Sending *sending, GOutputStream *output)
{
  if (sending->done < SIZE)
    g_output_stream_write_all_async (output, sending->data + sending->done,
                                     MIN (STEP, SIZE - sending->done), 0, NULL, on_sent, sending);
}

/* Says that no more will come, which the other end reads. */
static void
end_output (GIOStream *stream, GIOStream *peer)
{
  g_auto (Done) done = { 0 };
  GOutputStream *output = g_io_stream_get_output_stream (stream);
  gchar byte;

  g_output_stream_close_async (output, 0, NULL, on_done, &done);
  run_until (done.result != NULL);
  ck_assert (g_output_stream_close_finish (output, done.result, NULL));
  ck_assert_int_eq (read_async (g_io_stream_get_input_stream (peer), &byte, 1, NULL, NULL), 0);
}

START_TEST (sixty_four_mebibytes_arrive_intact)
{
  g_autoptr (GIOStream) client = NULL;
  g_autoptr (GIOStream) server = NULL;
  g_autoptr (GBytes) pattern = make_pattern (SIZE);
  Sending sending = { g_bytes_get_data (pattern, NULL), 0 };
  g_autofree guint8 *received = g_malloc0 (SIZE);
  gsize n = 0;

  if (!g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    {
      g_printerr ("# SKIP: GLib has no TLS here (glib-networking)\n");
      return;
    }

  make_ends (&client, &server);
  send_next (&sending, g_io_stream_get_output_stream (client));
  while (n < SIZE)
    {
      gssize length = read_async (g_io_stream_get_input_stream (server), received + n,
                                  MIN (SIZE - n, 70001), NULL, NULL);

      ck_assert_int_gt (length, 0);
      n += (gsize) length;
    }
  run_until (sending.done == SIZE);
  ck_assert_int_eq (memcmp (received, sending.data, SIZE), 0);

  end_output (client, server);
  end_output (server, client);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, sixty_four_mebibytes_arrive_intact);
}

int
main (void)
{
  Suite *suite = suite_create ("socket-tls");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
