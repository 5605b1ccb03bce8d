/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A web server as GLib's own parts make one: GSocketService, streams, g_file_load_contents_async().
 *
 *   http-gio DIRECTORY
 *
 * Prints its port. It answers GET with the whole file, over connections that stay.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gio/gio.h>

static GFile *directory;

typedef struct
{
  GIOStream *stream;
  char request[4096];
  gsize length;
  GString *header;
  char *contents;
} Client;

static void read_more (Client *client);

static void
end (Client *client)
{
  g_object_unref (client->stream);
  g_string_free (client->header, TRUE);
  g_free (client->contents);
  g_free (client);
}

static void
on_written (GObject *output, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;

  if (!g_output_stream_writev_all_finish (G_OUTPUT_STREAM (output), result, NULL, NULL))
    {
      end (client);
      return;
    }
  g_clear_pointer (&client->contents, g_free);
  client->length = 0;
  read_more (client);
}

/* The vectors must stay for the call: it gets a copy of them with the client. */
static void
respond (Client *client, gsize size)
{
  GOutputVector *vectors = g_new (GOutputVector, 2);

  g_string_printf (client->header, "HTTP/1.1 200 OK\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
                   size);
  vectors[0] = (GOutputVector){ client->header->str, client->header->len };
  vectors[1] = (GOutputVector){ client->contents, size };
  g_object_set_data_full (G_OBJECT (client->stream), "vectors", vectors, g_free);
  g_output_stream_writev_all_async (g_io_stream_get_output_stream (client->stream), vectors, 2,
                                    G_PRIORITY_DEFAULT, NULL, on_written, client);
}

static void
on_loaded (GObject *file, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;
  gsize size;

  if (g_file_load_contents_finish (G_FILE (file), result, &client->contents, &size, NULL, NULL))
    respond (client, size);
  else
    end (client);
}

static void
load (Client *client)
{
  g_autoptr (GFile) file = NULL;
  char name[64];

  if (sscanf (client->request, "GET /%63[A-Za-z0-9] ", name) != 1)
    {
      end (client);
      return;
    }
  file = g_file_get_child (directory, name);
  g_file_load_contents_async (file, NULL, on_loaded, client);
}

static void
on_read (GObject *input, GAsyncResult *result, gpointer user_data)
{
  Client *client = user_data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL);

  if (n <= 0)
    {
      end (client);
      return;
    }
  client->length += (gsize) n;
  client->request[client->length] = '\0';
  if (strstr (client->request, "\r\n\r\n") != NULL)
    load (client);
  else
    read_more (client);
}

static void
read_more (Client *client)
{
  g_input_stream_read_async (g_io_stream_get_input_stream (client->stream),
                             client->request + client->length,
                             sizeof client->request - 1 - client->length, G_PRIORITY_DEFAULT, NULL,
                             on_read, client);
}

static gboolean
on_incoming (GSocketService *service,
             GSocketConnection *connection,
             GObject *source,
             gpointer user_data)
{
  Client *client = g_new0 (Client, 1);

  client->stream = G_IO_STREAM (g_object_ref (connection));
  client->header = g_string_new (NULL);
  read_more (client);
  return TRUE;
}

int
main (int argc, char **argv)
{
  GSocketService *service = g_socket_service_new ();
  GError *error = NULL;
  guint16 port;

  if (argc != 2)
    {
      fprintf (stderr, "usage: http-gio DIRECTORY\n");
      return EXIT_FAILURE;
    }
  directory = g_file_new_for_path (argv[1]);
  g_signal_connect (service, "incoming", G_CALLBACK (on_incoming), NULL);
  port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (service), NULL, &error);
  if (port == 0)
    g_error ("%s", error->message);
  printf ("%u\n", port);
  fflush (stdout);
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
}
