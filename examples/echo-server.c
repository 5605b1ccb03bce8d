/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The same server three ways: each client gets back what it sends.
 *
 *   echo-server [--watch | --stream | --raw] [--port N]
 *
 * --watch   a GuringFdWatch for each descriptor, and plain accept(), recv() and send()
 * --stream  GuringSocketService, and the streams of its connections (the default)
 * --raw     SQEs: multishot accept, multishot recv into a GuringBufferGroup, send
 *
 * Prints the port that it listens on. None of them reads on while a client does not take what it
 * is sent. The first two work without io_uring too.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <guring/guring.h>

#define BUFFER_SIZE 16384
#define PAUSE_MILLISECONDS 100 /* when there are no descriptors */

static void
fail (const char *what, const char *reason)
{
  fprintf (stderr, "echo-server: %s: %s\n", what, reason);
  exit (EXIT_FAILURE);
}

static void
print_port (guint16 port)
{
  printf ("%u\n", port);
  fflush (stdout);
}

static int
listen_on (guint16 port)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port) };
  socklen_t size = sizeof address;
  int one = 1;

  if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
      bind (fd, (struct sockaddr *) &address, size) < 0 || listen (fd, SOMAXCONN) < 0 ||
      getsockname (fd, (struct sockaddr *) &address, &size) < 0)
    fail ("could not listen", g_strerror (errno));
  print_port (ntohs (address.sin_port));
  return fd;
}

/* --watch: told when a descriptor is ready. A client is watched for input, or, while it has not
 * taken all that it sent, for output. */

typedef struct
{
  size_t begin; /* what is to be sent: from here */
  size_t end;   /* to here */
  char bytes[BUFFER_SIZE];
} WatchClient;

static gboolean on_client_ready (int fd, GIOCondition condition, gpointer user_data);

static void
watch (int fd, GIOCondition condition, GUnixFDSourceFunc func, gpointer user_data)
{
  GError *error = NULL;

  if (guring_fd_watch_new (NULL, fd, condition, func, user_data, NULL, &error) == NULL)
    fail ("could not watch", error->message);
}

static gboolean
end_watch_client (int fd, WatchClient *client)
{
  close (fd);
  g_free (client);
  return G_SOURCE_REMOVE;
}

static gboolean
is_over (ssize_t n)
{
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static gboolean
on_client_ready (int fd, GIOCondition condition, gpointer user_data)
{
  WatchClient *client = user_data;
  gboolean was_empty = client->begin == client->end;
  ssize_t n;

  if (was_empty)
    {
      n = recv (fd, client->bytes, sizeof client->bytes, 0);
      if (is_over (n))
        return end_watch_client (fd, client);
      client->begin = 0;
      client->end = n > 0 ? (size_t) n : 0;
    }
  if (client->begin < client->end)
    {
      n = send (fd, client->bytes + client->begin, client->end - client->begin, MSG_NOSIGNAL);
      if (is_over (n))
        return end_watch_client (fd, client);
      client->begin += n > 0 ? (size_t) n : 0;
    }

  if (was_empty == (client->begin == client->end))
    return G_SOURCE_CONTINUE;
  watch (fd, was_empty ? G_IO_OUT : G_IO_IN, on_client_ready, client);
  return G_SOURCE_REMOVE;
}

static gboolean on_listener_ready (int listener, GIOCondition condition, gpointer user_data);

static gboolean
watch_listener (gpointer listener)
{
  watch (GPOINTER_TO_INT (listener), G_IO_IN, on_listener_ready, NULL);
  return G_SOURCE_REMOVE;
}

/* Without a descriptor to be had it stays ready, and would be called all the time. */
static gboolean
on_listener_ready (int listener, GIOCondition condition, gpointer user_data)
{
  int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd >= 0)
    watch (fd, G_IO_IN, on_client_ready, g_new0 (WatchClient, 1));
  if (fd >= 0 || errno == EAGAIN || errno == ECONNABORTED)
    return G_SOURCE_CONTINUE;

  g_timeout_add (PAUSE_MILLISECONDS, watch_listener, GINT_TO_POINTER (listener));
  return G_SOURCE_REMOVE;
}

static void
serve_by_watches (guint16 port)
{
  watch_listener (GINT_TO_POINTER (listen_on (port)));
}

/* --stream: GIO as ever. */

typedef struct
{
  GIOStream *connection;
  char bytes[BUFFER_SIZE];
} StreamClient;

static void read_more (StreamClient *client);

static void
end_stream_client (StreamClient *client)
{
  g_object_unref (client->connection);
  g_free (client);
}

static void
on_written (GObject *output, GAsyncResult *result, gpointer user_data)
{
  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, NULL, NULL))
    read_more (user_data);
  else
    end_stream_client (user_data);
}

static void
on_read (GObject *input, GAsyncResult *result, gpointer user_data)
{
  StreamClient *client = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL);

  if (n > 0)
    g_output_stream_write_all_async (g_io_stream_get_output_stream (client->connection),
                                     client->bytes, (gsize) n, G_PRIORITY_DEFAULT, NULL, on_written,
                                     client);
  else
    end_stream_client (client);
}

static void
read_more (StreamClient *client)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (client->connection), client->bytes,
                             sizeof client->bytes, G_PRIORITY_DEFAULT, NULL, on_read, client);
}

static gboolean
on_incoming (GuringSocketService *service, GuringSocketConnection *connection, gpointer user_data)
{
  StreamClient *client = g_new (StreamClient, 1);

  client->connection = G_IO_STREAM (g_object_ref (connection));
  read_more (client);
  return TRUE;
}

static void
serve_by_streams (guint16 port)
{
  GuringSocketService *service = guring_socket_service_new ();
  GError *error = NULL;

  g_signal_connect (service, "incoming", G_CALLBACK (on_incoming), NULL);
  if (port == 0)
    port = guring_socket_service_add_any_inet_port (service, NULL, &error);
  else
    guring_socket_service_add_inet_port (service, port, NULL, &error);
  if (error != NULL)
    fail ("could not listen", error->message);
  print_port (port);
}

/* --raw: what liburing has. One multishot operation receives, into buffers that all clients share,
 * until too many of them are on their way back to the client. */

#define N_BUFFERS 1024
#define MAX_UNSENT 8

static GuringRing *ring;
static GuringBufferGroup *buffers;

typedef struct
{
  int fd;
  GQueue unsent;      /* of GBytes */
  gsize n_sent;       /* of the first */
  guint64 receive_id; /* 0: it does not receive */
  gboolean waits_for_buffers;
  gboolean sending;
  gboolean ended; /* nothing more is to be received */
} RawClient;

static void go_on (RawClient *client);

static guint64
queue (const struct io_uring_sqe *sqe, GuringCompletionFunc func, gpointer user_data)
{
  GError *error = NULL;
  guint64 id = guring_ring_queue (ring, sqe, func, user_data, NULL, &error);

  if (id == 0)
    fail ("could not queue", error->message);
  return id;
}

static void
drop_unsent (RawClient *client)
{
  g_queue_clear_full (&client->unsent, (GDestroyNotify) g_bytes_unref);
  client->n_sent = 0;
}

static void
on_sent (GuringRing *unused, const GuringCompletion *completion, gpointer user_data)
{
  RawClient *client = user_data;

  client->sending = FALSE;
  if (completion->res < 0)
    {
      client->ended = TRUE;
      drop_unsent (client);
    }
  else
    {
      GBytes *bytes = g_queue_peek_head (&client->unsent);

      client->n_sent += (gsize) completion->res;
      if (client->n_sent == g_bytes_get_size (bytes))
        {
          g_bytes_unref (g_queue_pop_head (&client->unsent));
          client->n_sent = 0;
        }
    }
  go_on (client);
}

static void
send_next (RawClient *client)
{
  struct io_uring_sqe sqe = { 0 };
  gsize size;
  const char *data = g_bytes_get_data (g_queue_peek_head (&client->unsent), &size);

  io_uring_prep_send (&sqe, client->fd, data + client->n_sent, size - client->n_sent, MSG_NOSIGNAL);
  queue (&sqe, on_sent, client);
  client->sending = TRUE;
}

static gboolean
on_time_for_buffers (gpointer user_data)
{
  ((RawClient *) user_data)->waits_for_buffers = FALSE;
  go_on (user_data);
  return G_SOURCE_REMOVE;
}

static void
on_received (GuringRing *unused, const GuringCompletion *completion, gpointer user_data)
{
  RawClient *client = user_data;
  GBytes *bytes = guring_buffer_group_take_bytes (buffers, completion);
  int res = completion->res;

  if (guring_completion_is_final (completion))
    client->receive_id = 0;
  if (bytes != NULL && res > 0 && !client->ended)
    g_queue_push_tail (&client->unsent, g_steal_pointer (&bytes));
  else if (res == -ENOBUFS)
    {
      client->waits_for_buffers = TRUE;
      g_timeout_add (1, on_time_for_buffers, client);
    }
  else if (res == 0 || (res < 0 && res != -ECANCELED))
    client->ended = TRUE;
  g_clear_pointer (&bytes, g_bytes_unref);
  go_on (client);
}

static void
receive (RawClient *client)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_recv_multishot (&sqe, client->fd, NULL, 0, 0);
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = guring_buffer_group_get_id (buffers);
  client->receive_id = queue (&sqe, on_received, client);
}

static void
go_on (RawClient *client)
{
  gboolean has_unsent = client->unsent.length > 0;

  if (has_unsent && !client->sending)
    send_next (client);
  if (!client->ended && !has_unsent && client->receive_id == 0 && !client->waits_for_buffers)
    receive (client);
  if (client->receive_id != 0 && (client->ended || client->unsent.length >= MAX_UNSENT))
    guring_ring_cancel (ring, client->receive_id);

  if (client->ended && !client->sending && client->receive_id == 0 && !client->waits_for_buffers &&
      !has_unsent)
    {
      close (client->fd);
      g_free (client);
    }
}

static gboolean accept_clients (gpointer listener);

static void
on_accepted (GuringRing *unused, const GuringCompletion *completion, gpointer listener)
{
  if (completion->res >= 0)
    {
      RawClient *client = g_new0 (RawClient, 1);

      client->fd = completion->res;
      receive (client);
    }
  if (!guring_completion_is_final (completion))
    return;
  if (completion->res >= 0 || completion->res == -ECONNABORTED)
    accept_clients (listener);
  else
    g_timeout_add (PAUSE_MILLISECONDS, accept_clients, listener);
}

static gboolean
accept_clients (gpointer listener)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_multishot_accept (&sqe, GPOINTER_TO_INT (listener), NULL, NULL, SOCK_CLOEXEC);
  queue (&sqe, on_accepted, listener);
  return G_SOURCE_REMOVE;
}

static void
serve_by_sqes (guint16 port)
{
  GError *error = NULL;

  ring = guring_ring_get_default (&error);
  if (ring != NULL)
    buffers = guring_buffer_group_new (ring, N_BUFFERS, BUFFER_SIZE, &error);
  if (buffers == NULL)
    fail ("this way needs io_uring", error->message);
  accept_clients (GINT_TO_POINTER (listen_on (port)));
}

int
main (int argc, char **argv)
{
  gboolean by_watches = FALSE, by_streams = FALSE, by_sqes = FALSE;
  int port = 0;
  GOptionEntry options[] = {
    { "watch", 0, 0, G_OPTION_ARG_NONE, &by_watches, "Watch descriptors", NULL },
    { "stream", 0, 0, G_OPTION_ARG_NONE, &by_streams, "Use streams (the default)", NULL },
    { "raw", 0, 0, G_OPTION_ARG_NONE, &by_sqes, "Use SQEs", NULL },
    { "port", 'p', 0, G_OPTION_ARG_INT, &port, "Listen on port N, else on a free one", "N" },
    { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
  };
  GOptionContext *parser = g_option_context_new (NULL);
  GError *error = NULL;

  g_option_context_add_main_entries (parser, options, NULL);
  if (!g_option_context_parse (parser, &argc, &argv, &error))
    fail ("usage", error->message);
  if (argc > 1 || by_watches + by_streams + by_sqes > 1 || port < 0 || port > G_MAXUINT16)
    fail ("usage", "echo-server [--watch | --stream | --raw] [--port N]");
  g_option_context_free (parser);

  if (by_watches)
    serve_by_watches ((guint16) port);
  else if (by_sqes)
    serve_by_sqes ((guint16) port);
  else
    serve_by_streams ((guint16) port);
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
  return EXIT_SUCCESS;
}
