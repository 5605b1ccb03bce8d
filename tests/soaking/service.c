/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <gio/gunixsocketaddress.h>
#include <unistd.h>

#include "service.h"

#define BUFFER_SIZE 4096

typedef struct
{
  GuringSocketConnection *connection;
  GInputStream *input;
  GOutputStream *output;
  Want want;
  GBytes *received; /* that are on their way back, or NULL */
  gchar buffer[BUFFER_SIZE];
} Session;

static GuringSocketService *service;
static GSocket *listeners[2]; /* TCP, unix */
static GSocketAddress *addresses[2];
static GFile *file;
static guint8 pattern[SERVICE_MAX_SIZE];
static guint n_connections;

const guint8 *
service_get_pattern (void)
{
  return pattern;
}

guint
service_get_n_connections (void)
{
  return n_connections;
}

GSocketAddress *
service_get_address (gboolean tcp)
{
  return addresses[!tcp];
}

gboolean
service_is_idle (void)
{
  return g_socket_condition_check (listeners[0], G_IO_IN) == 0 &&
         g_socket_condition_check (listeners[1], G_IO_IN) == 0;
}

/* Sessions. A client that goes away ends its own, and so does a fault. */

static void
end (Session *session)
{
  g_clear_pointer (&session->received, g_bytes_unref);
  g_object_unref (session->connection);
  g_free (session);
}

static void go_on (Session *session);

static void
on_written (GObject *output, GAsyncResult *result, gpointer data)
{
  Session *session = data;

  g_clear_pointer (&session->received, g_bytes_unref);
  if (g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, NULL, NULL))
    go_on (session);
  else
    end (session);
}

static void
write_back (Session *session, gconstpointer bytes, gssize size)
{
  if (size > 0)
    g_output_stream_write_all_async (session->output, bytes, (gsize) size, 0, NULL, on_written,
                                     session);
  else
    end (session);
}

static void
on_read (GObject *input, GAsyncResult *result, gpointer data)
{
  Session *session = data;

  write_back (session, session->buffer,
              g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL));
}

static void
on_received (GObject *connection, GAsyncResult *result, gpointer data)
{
  Session *session = data;
  gconstpointer bytes = NULL;
  gsize size = 0;

  session->received = guring_socket_connection_receive_finish (session->connection, result, NULL);
  if (session->received != NULL)
    bytes = g_bytes_get_data (session->received, &size);
  write_back (session, bytes, (gssize) size);
}

static void
go_on (Session *session)
{
  if (session->want == WANTS_ECHO)
    g_input_stream_read_async (session->input, session->buffer, BUFFER_SIZE, 0, NULL, on_read,
                               session);
  else
    guring_socket_connection_receive_async (session->connection, 0, NULL, on_received, session);
}

static void
on_file_sent (GObject *output, GAsyncResult *result, gpointer data)
{
  g_output_stream_splice_finish (G_OUTPUT_STREAM (output), result, NULL);
  end (data);
}

static void
on_file_opened (GObject *unused, GAsyncResult *result, gpointer data)
{
  Session *session = data;
  g_autoptr (GFileInputStream) contents = guring_file_read_finish (file, result, NULL);

  if (contents != NULL)
    g_output_stream_splice_async (session->output, G_INPUT_STREAM (contents),
                                  G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE, 0, NULL, on_file_sent,
                                  session);
  else
    end (session);
}

static void
on_asked (GObject *input, GAsyncResult *result, gpointer data)
{
  Session *session = data;

  session->want = (Want) session->buffer[0];
  if (g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL) != 1)
    end (session);
  else if (session->want == WANTS_FILE)
    guring_file_read_async (file, 0, NULL, on_file_opened, session);
  else
    go_on (session);
}

static void
on_gone (gpointer unused, GObject *connection)
{
  n_connections--;
}

static gboolean
on_incoming (GuringSocketService *its_service, GuringSocketConnection *connection, gpointer unused)
{
  Session *session = g_new0 (Session, 1);

  n_connections++;
  g_object_weak_ref (G_OBJECT (connection), on_gone, NULL);
  session->connection = g_object_ref (connection);
  session->input = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  session->output = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  g_input_stream_read_async (session->input, session->buffer, 1, 0, NULL, on_asked, session);
  return TRUE;
}

/* Beginning and end */

static void
must (gboolean succeeded, GError *error)
{
  if (!succeeded)
    g_error ("%s", error->message);
}

static void
listen_on (guint i, GSocketAddress *address)
{
  GError *error = NULL;

  listeners[i] = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM,
                               G_SOCKET_PROTOCOL_DEFAULT, &error);
  must (listeners[i] != NULL, error);
  must (g_socket_bind (listeners[i], address, TRUE, &error), error);
  must (g_socket_listen (listeners[i], &error), error);
  must (guring_socket_service_add_socket (service, listeners[i], NULL, &error), error);
  addresses[i] = g_socket_get_local_address (listeners[i], &error);
  must (addresses[i] != NULL, error);
  g_object_unref (address);
}

static void
make_file (const gchar *directory)
{
  g_autofree gchar *path = g_build_filename (directory, "pattern", NULL);
  GError *error = NULL;

  for (gsize i = 0; i < sizeof pattern; i++)
    pattern[i] = (guint8) (i * 13 + i / 127);
  must (g_file_set_contents (path, (const gchar *) pattern, sizeof pattern, &error), error);
  file = g_file_new_for_path (path);
}

void
service_start (const gchar *directory)
{
  g_autofree gchar *name = g_strdup_printf ("guring-soak-%d", (gint) getpid ());

  make_file (directory);
  service = guring_socket_service_new ();
  g_signal_connect (service, "incoming", G_CALLBACK (on_incoming), NULL);
  listen_on (0, g_inet_socket_address_new_from_string ("127.0.0.1", 0));
  listen_on (1, g_unix_socket_address_new_with_type (name, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT));
}

void
service_stop (void)
{
  g_object_unref (service);
  g_file_delete (file, NULL, NULL);
  g_object_unref (file);
  for (guint i = 0; i < 2; i++)
    {
      g_object_unref (listeners[i]);
      g_object_unref (addresses[i]);
    }
}
