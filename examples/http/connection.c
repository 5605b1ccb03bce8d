/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads a request, opens the file, sends the head and the file in portions, reads the next request:
 * one step after the other. The head goes with the first portion: a client may acknowledge it 40 ms
 * later, and what is small would wait for that. What a client sends ahead waits in the buffer, and
 * then in the kernel. A step that fails or takes too long is the end. */

#define _GNU_SOURCE

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "connection.h"
#include "request.h"
#include "response.h"

#define MAX_HEAD 16384
#define PORTION 131072
#define MAX_LINGER (1 << 20) /* bytes that are read from a client that is not listened to */

typedef struct
{
  GIOStream *stream;
  int directory;
  gint64 timeout;  /* of a whole request, in µs */
  gint64 deadline; /* 0 before its first byte */

  char buffer[MAX_HEAD];
  gsize n_buffered;
  gsize n_lingered;

  HttpRequest request;
  HttpResponse response;
  int fd; /* of the file, or -1 */
  char *portion;
  GOutputVector parts[2]; /* that are sent */
} Client;

static void read_more (Client *client);
static void open_file (Client *client, const char *path);

static void
client_free (Client *client)
{
  http_request_clear (&client->request);
  http_response_clear (&client->response);
  if (client->fd >= 0)
    close (client->fd);
  g_object_unref (client->stream); /* the last reference closes it */
  g_free (client->portion);
  g_free (client);
}

/* The end: a connection that is closed while something comes in is reset, and the client may not
 * have read the last response by then. */

static void linger (Client *client);

static void
on_lingered (GObject *input, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL);

  client->n_lingered += (gsize) MAX (n, 0);
  if (n > 0 && client->n_lingered < MAX_LINGER && g_get_monotonic_time () < client->deadline)
    linger (client);
  else
    client_free (client);
}

static void
linger (Client *client)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (client->stream), client->buffer,
                             sizeof client->buffer, G_PRIORITY_DEFAULT, NULL, on_lingered, client);
}

static void
finish (Client *client)
{
  GSocket *socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (client->stream));

  client->deadline = g_get_monotonic_time () + client->timeout;
  if (g_socket_shutdown (socket, FALSE, TRUE, NULL))
    linger (client);
  else
    client_free (client);
}

/* Sending */

static void send_portion (Client *client);

static void
response_sent (Client *client)
{
  gboolean keep_alive = client->request.keep_alive;

  http_request_clear (&client->request);
  http_response_clear (&client->response);
  g_clear_pointer (&client->portion, g_free);
  if (client->fd >= 0)
    close (client->fd);
  client->fd = -1;
  client->deadline = 0;

  if (keep_alive)
    read_more (client);
  else
    finish (client);
}

static void
on_sent (GObject *output, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;

  if (!g_output_stream_writev_all_finish (G_OUTPUT_STREAM (output), result, NULL, NULL))
    client_free (client);
  else if (client->response.begin < client->response.end)
    send_portion (client);
  else
    response_sent (client);
}

/* The head, if it is not under way yet, and @size bytes of the file. */
static void
respond (Client *client, gsize size)
{
  HttpResponse *response = &client->response;
  guint first = response->is_under_way ? 1 : 0;
  guint n_parts = size > 0 ? 2 : 1;

  client->parts[0] = (GOutputVector){ response->head->str, response->head->len };
  client->parts[1] = (GOutputVector){ client->portion, size };
  response->is_under_way = TRUE;
  g_output_stream_writev_all_async (g_io_stream_get_output_stream (client->stream),
                                    &client->parts[first], n_parts - first, G_PRIORITY_DEFAULT,
                                    NULL, on_sent, client);
}

/* A file that has become shorter: the client sees that by the connection's end. */
static void
on_portion_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;
  gssize n = guring_read_into_finish (result, NULL);

  if (n <= 0)
    {
      client_free (client);
      return;
    }
  client->response.begin += n;
  respond (client, (gsize) n);
}

static void
send_portion (Client *client)
{
  HttpResponse *response = &client->response;
  gsize size = (gsize) MIN (response->end - response->begin, PORTION);

  if (client->portion == NULL)
    client->portion = g_malloc (size);
  guring_read_into_async (client->fd, client->portion, size, response->begin, G_PRIORITY_DEFAULT,
                          NULL, on_portion_read, client);
}

static void
send_error (Client *client, guint status)
{
  if (status != 404 && status != 403)
    client->request.keep_alive = FALSE;
  http_response_init_error (&client->response, status, &client->request);
  respond (client, 0);
}

/* The file */

static guint
get_status (int error_number)
{
  switch (error_number)
    {
    case EACCES:
    case EPERM:
      return 403;
    case ELOOP:
    case ENAMETOOLONG:
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case EXDEV: /* out of the directory */
      return 404;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return 503;
    default:
      return 500;
    }
}

static void
open_index (Client *client)
{
  g_autofree char *path = g_build_filename (client->request.path, "index.html", NULL);

  close (client->fd);
  client->fd = -1;
  g_free (client->request.path);
  client->request.path = g_steal_pointer (&path);
  open_file (client, client->request.path);
}

static void
on_opened (int fd, int error_number, gpointer user_data)
{
  Client *client = user_data;
  struct stat status;

  client->fd = fd;
  if (fd < 0)
    send_error (client, get_status (error_number));
  else if (fstat (fd, &status) < 0)
    send_error (client, 500);
  else if (S_ISDIR (status.st_mode))
    open_index (client);
  else if (!S_ISREG (status.st_mode))
    send_error (client, 404);
  else
    {
      http_response_init_file (&client->response, client->request.path, &status, &client->request);
      if (client->response.begin < client->response.end)
        send_portion (client);
      else
        respond (client, 0);
    }
}

static void
open_file (Client *client, const char *path)
{
  beneath_open (client->directory, path, on_opened, client);
}

/* Requests */

/* Returns: whether there was a whole head */
static gboolean
take_head (Client *client)
{
  char *end = memmem (client->buffer, client->n_buffered, "\r\n\r\n", 4);
  gsize size;
  guint status;

  if (end == NULL)
    return FALSE;

  *end = '\0';
  size = (gsize) (end - client->buffer);
  status =
    strlen (client->buffer) == size ? http_request_parse (&client->request, client->buffer) : 400;
  client->n_buffered -= size + 4;
  memmove (client->buffer, end + 4, client->n_buffered);
  if (status == 200)
    open_file (client, client->request.path);
  else
    send_error (client, status);
  return TRUE;
}

static void
time_out (Client *client)
{
  if (client->n_buffered > 0)
    send_error (client, 408);
  else
    client_free (client);
}

static void
on_read (GObject *input, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (input), result, &error);

  if (n > 0)
    {
      client->n_buffered += (gsize) n;
      read_more (client);
    }
  else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    time_out (client);
  else
    client_free (client);
}

static gboolean
skip_empty_lines (Client *client)
{
  gsize n = 0;

  while (n < client->n_buffered && (client->buffer[n] == '\r' || client->buffer[n] == '\n'))
    n++;
  client->n_buffered -= n;
  memmove (client->buffer, client->buffer + n, client->n_buffered);
  return client->n_buffered > 0;
}

/* Each byte that comes starts a wait of the socket's timeout again, so that alone is no limit. */
static void
read_more (Client *client)
{
  gint64 now = g_get_monotonic_time ();

  if (client->n_buffered > 0 && client->deadline == 0)
    client->deadline = now + client->timeout;
  if (skip_empty_lines (client) && take_head (client))
    return;
  if (client->n_buffered == sizeof client->buffer)
    {
      gboolean in_first_line = memchr (client->buffer, '\n', client->n_buffered) == NULL;

      send_error (client, in_first_line ? 414 : 431);
      return;
    }
  if (client->deadline != 0 && now >= client->deadline)
    {
      time_out (client);
      return;
    }

  g_input_stream_read_async (g_io_stream_get_input_stream (client->stream),
                             client->buffer + client->n_buffered,
                             sizeof client->buffer - client->n_buffered, G_PRIORITY_DEFAULT, NULL,
                             on_read, client);
}

void
http_connection_serve (GuringSocketConnection *connection, int directory, guint timeout)
{
  Client *client = g_new0 (Client, 1);
  GSocket *socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (connection));

  client->stream = G_IO_STREAM (g_object_ref (connection));
  client->directory = directory;
  client->timeout = (gint64) timeout * G_USEC_PER_SEC;
  client->fd = -1;
  g_socket_set_timeout (socket, timeout);
  g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, TRUE, NULL); /* the last portion, too */
  read_more (client);
}
