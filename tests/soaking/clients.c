/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <guring/guring.h>

#include "clients.h"
#include "fuzz/faults.h"
#include "fuzz/oracle.h"
#include "inputs.h"
#include "service.h"

#define MAX_CLIENTS 24 /* at once */
#define MAX_STALLED 8  /* among them */
#define MAX_NEW 12
#define MAX_PATIENCE 60    /* iterations, of who thinks better of it */
#define TIMEOUT_SECONDS 60 /* until nothing more happens */

typedef enum
{
  HONEST,
  CANCELS,
  RESETS, /* TCP, with a RST */
  STALLS, /* sends, and does not read */
  IDLES,  /* says nothing */
  N_BEHAVIOURS
} Behaviour;

static const gchar *const names[] = { "honest", "cancels", "resets", "stalls", "idles" };

typedef struct
{
  Behaviour behaviour;
  GSocket *socket; /* NULL: there is none in this place */
  GuringSocketConnection *connection;
  GCancellable *cancellable;
  guint n_calls;  /* not ended; to stall is one */
  guint stalls;   /* 1 if so */
  guint patience; /* 0: it has given up, or never will */
  gsize size;
  gsize n_received;
  gchar *message;
  guint8 buffer[8192];
} Client;

static GMainContext *context;
static Client clients[MAX_CLIENTS];
static guint64 counts[N_BEHAVIOURS];

void
clients_init (GMainContext *its_context)
{
  context = its_context;
}

static gboolean
is_stalled (const Client *client)
{
  return client->stalls > 0;
}

static guint
count (gboolean stalled)
{
  guint n = 0;

  for (guint i = 0; i < MAX_CLIENTS; i++)
    n += clients[i].socket != NULL && is_stalled (&clients[i]) == stalled;
  return n;
}

/* The end of a call, and of the client with its last one */

static void
go (Client *client)
{
  g_clear_object (&client->connection);
  g_object_unref (client->socket);
  g_object_unref (client->cancellable);
  g_free (client->message);
  *client = (Client){ 0 };
}

static void
on_closed (GObject *connection, GAsyncResult *result, gpointer data)
{
  Client *client = data;
  g_autoptr (GError) error = NULL;

  oracle_holds ("who does nothing wrong is served",
                g_io_stream_close_finish (G_IO_STREAM (connection), result, &error) ||
                  faults_have_fired (),
                "%s", error->message);
  go (client);
}

static void
end_call (Client *client, gboolean succeeded, const GError *error)
{
  oracle_holds ("exactly once", client->n_calls > 0, "a client is called back");
  oracle_holds ("an error if and only if it failed", succeeded == (error == NULL), "%s",
                error != NULL ? error->message : "no error");
  oracle_holds ("who does nothing wrong is served",
                succeeded || client->behaviour != HONEST || faults_have_fired (), "%s",
                error->message);
  if (!succeeded)
    {
      g_cancellable_cancel (client->cancellable);
      client->n_calls -= client->stalls;
      client->stalls = 0;
    }
  if (--client->n_calls > 0)
    return;

  if (client->behaviour == HONEST && client->connection != NULL)
    g_io_stream_close_async (G_IO_STREAM (client->connection), 0, NULL, on_closed, client);
  else
    go (client);
}

static void
give_up (Client *client)
{
  const struct linger linger = { .l_onoff = 1 };

  client->patience = 0;
  if (client->behaviour == RESETS)
    setsockopt (g_socket_get_fd (client->socket), SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  g_cancellable_cancel (client->cancellable);
  client->n_calls -= client->stalls;
  client->stalls = 0;
  if (client->n_calls == 0)
    go (client);
}

/* What it does */

static void read_more (Client *client);

static void
on_read (GObject *input, GAsyncResult *result, gpointer data)
{
  Client *client = data;
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (input), result, &error);

  if (n > 0)
    {
      oracle_holds ("what was sent comes",
                    client->n_received + (gsize) n <= client->size &&
                      memcmp (client->buffer, service_get_pattern () + client->n_received,
                              (gsize) n) == 0,
                    "%zd bytes after %zu of %zu", n, client->n_received, client->size);
      client->n_received += (gsize) n;
      if (client->n_received < client->size)
        read_more (client);
    }
  else if (n == 0)
    oracle_holds ("what was sent comes", client->behaviour != HONEST || faults_have_fired (),
                  "%zu bytes of %zu", client->n_received, client->size);
  end_call (client, n >= 0, error);
}

static void
read_more (Client *client)
{
  client->n_calls++;
  g_input_stream_read_async (g_io_stream_get_input_stream (G_IO_STREAM (client->connection)),
                             client->buffer, sizeof client->buffer, 0, client->cancellable, on_read,
                             client);
}

static void
on_written (GObject *output, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  gboolean done = g_output_stream_write_all_finish (G_OUTPUT_STREAM (output), result, NULL, &error);

  end_call (data, done, error);
}

static void
send_message (Client *client)
{
  gsize size = client->message[0] == WANTS_FILE ? 0 : client->size;

  client->n_calls++;
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (client->connection)),
                                   client->message, 1 + size, 0, client->cancellable, on_written,
                                   client);
}

static void
on_connected (GObject *socket, GAsyncResult *result, gpointer data)
{
  Client *client = data;
  g_autoptr (GError) error = NULL;
  gboolean connected = guring_socket_connect_finish (G_SOCKET (socket), result, &error);

  if (connected)
    {
      client->connection = guring_socket_connection_new (client->socket, NULL);
      if (client->behaviour != IDLES)
        send_message (client);
      if (client->behaviour != STALLS)
        read_more (client);
      client->stalls = client->behaviour >= STALLS;
      client->n_calls += client->stalls;
    }
  end_call (client, connected, error);
}

/* Those that come */

static void
make_message (GRand *random, Client *client)
{
  static const gchar wants[] = { WANTS_ECHO, WANTS_RECEIVED, WANTS_FILE };
  gchar want = wants[g_rand_int_range (random, 0, G_N_ELEMENTS (wants))];

  client->size = (gsize) 1 << g_rand_int_range (random, 0, 17);
  client->size += (gsize) g_rand_int_range (random, 0, (gint) client->size);
  if (want == WANTS_FILE)
    client->size = SERVICE_MAX_SIZE;
  client->message = g_malloc (1 + client->size);
  client->message[0] = want;
  memcpy (client->message + 1, service_get_pattern (), client->size);
}

static void
start (GRand *random, Client *client)
{
  GSocketAddress *address = service_get_address (g_rand_boolean (random));
  g_autoptr (GError) error = NULL;

  *client = (Client){ .behaviour = (Behaviour) g_rand_int_range (random, 0, N_BEHAVIOURS) };
  if (client->behaviour >= STALLS && count (TRUE) >= MAX_STALLED)
    client->behaviour = HONEST;
  if (client->behaviour == CANCELS || client->behaviour == RESETS)
    client->patience = (guint) g_rand_int_range (random, 1, MAX_PATIENCE);
  counts[client->behaviour]++;

  make_message (random, client);
  client->cancellable = g_cancellable_new ();
  client->socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM,
                                 G_SOCKET_PROTOCOL_DEFAULT, &error);
  if (client->socket == NULL)
    g_error ("%s", error->message);
  client->n_calls = 1;
  guring_socket_connect_async (client->socket, address, 0, client->cancellable, on_connected,
                               client);
}

/* Returns: whether one will give up, whatever happens */
static gboolean
let_patience_run_out (void)
{
  gboolean some_have = FALSE;

  for (guint i = 0; i < MAX_CLIENTS; i++)
    if (clients[i].socket != NULL && clients[i].patience > 0)
      {
        if (--clients[i].patience == 0)
          give_up (&clients[i]);
        some_have = TRUE;
      }
  return some_have;
}

/* Who came and went at once may be in the kernel's queue still. */
static void
await_quiet (void)
{
  alarm (TIMEOUT_SECONDS);
  while (count (FALSE) > 0 || service_get_n_connections () > count (TRUE) || !service_is_idle () ||
         g_main_context_pending (context))
    g_main_context_iteration (context, !let_patience_run_out ());
  alarm (0);
}

void
clients_come (GRand *random)
{
  gboolean faults = g_rand_boolean (random);
  gint n = g_rand_int_range (random, 1, MAX_NEW);

  if (faults)
    inputs_start_faults (random);
  faults_begin_sparing (); /* no ring: that is for the harnesses */
  faults_arm ();
  for (guint i = 0; i < MAX_CLIENTS; i++)
    {
      if (is_stalled (&clients[i]) && g_rand_int_range (random, 0, 4) == 0)
        give_up (&clients[i]);
      else if (clients[i].socket == NULL && n-- > 0)
        start (random, &clients[i]);
    }
  await_quiet ();
  faults_end_sparing ();
  faults_stop ();
}

static guint64
count_in_flight (void)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (guring_ring_get_default (NULL), &statistics);
  return statistics.in_flight + statistics.backlog;
}

/* In the end nobody opens or closes a descriptor any more: files are closed on the ring, behind the
 * end of what has used them. */
void
clients_hang_up (void)
{
  for (guint i = 0; i < MAX_CLIENTS; i++)
    if (is_stalled (&clients[i]))
      give_up (&clients[i]);
  do
    await_quiet ();
  while (count_in_flight () > SERVICE_N_OPERATIONS && g_main_context_iteration (context, TRUE));
}

void
clients_print (void)
{
  for (guint i = 0; i < N_BEHAVIOURS; i++)
    printf ("  %-20s %12" G_GUINT64_FORMAT "\n", names[i], counts[i]);
}
