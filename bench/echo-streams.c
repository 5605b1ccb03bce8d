/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GIO's streams, and the same calls on those of the ring */

#include "echo.h"

typedef struct
{
  GInputStream *input;
  GOutputStream *output;
  char message[BENCH_BUFFER];
} Connection;

static void read_next (Connection *connection);

static void
on_written (GObject *output, GAsyncResult *result, gpointer connection)
{
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (output), result, NULL);

  bench_expect ("writing", n, BENCH_MESSAGE);
  bench_echo_count ();
  read_next (connection);
}

static void
on_read (GObject *input, GAsyncResult *result, gpointer user_data)
{
  Connection *connection = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL);

  bench_expect ("reading", n, BENCH_MESSAGE);
  g_output_stream_write_async (connection->output, connection->message, (gsize) n,
                               G_PRIORITY_DEFAULT, NULL, on_written, connection);
}

static void
read_next (Connection *connection)
{
  g_input_stream_read_async (connection->input, connection->message, sizeof connection->message,
                             G_PRIORITY_DEFAULT, NULL, on_read, connection);
}

static GIOStream *
make_stream (int fd, gboolean on_ring)
{
  GError *error = NULL;
  GSocket *socket = g_socket_new_from_fd (fd, &error);
  GIOStream *stream = NULL;

  if (socket != NULL && on_ring)
    stream = (GIOStream *) guring_socket_connection_new (socket, &error);
  else if (socket != NULL)
    stream = (GIOStream *) g_socket_connection_factory_create_connection (socket);
  if (stream == NULL)
    g_error ("%s", error->message);
  return stream;
}

static void
serve (gboolean on_ring)
{
  for (guint i = 0; i < bench_connections.n; i++)
    {
      GIOStream *stream = make_stream (bench_connections.fds[i], on_ring);
      Connection *connection = g_new (Connection, 1);

      connection->input = g_io_stream_get_input_stream (stream);
      connection->output = g_io_stream_get_output_stream (stream);
      read_next (connection);
    }
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
}

void
bench_echo_guring_gio (void)
{
  GError *error = NULL;

  if (!guring_ring_make_default (bench_ring_new (bench_connections.n * 2), &error))
    g_error ("%s", error->message);
  serve (TRUE);
}

void
bench_echo_gio (void)
{
  serve (FALSE);
}
