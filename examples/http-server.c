/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A web server for the files of a directory.
 *
 *   http-server DIRECTORY [--port N] [--timeout SECONDS] [--max-connections N]
 *
 * Prints the port that it listens on. GET and HEAD, HTTP/1.1 and 1.0, persistent connections,
 * ranges, conditions. examples/http/ has its parts: connection.c is the way of a request.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <guring/guring.h>

#include "http/connection.h"

#define RESERVED 24 /* descriptors of the server itself */

static int directory = -1;
static int timeout = 30;

static void
fail (const char *what, const char *reason)
{
  fprintf (stderr, "http-server: %s: %s\n", what, reason);
  exit (EXIT_FAILURE);
}

static gboolean
on_incoming (GuringSocketService *service, GuringSocketConnection *connection, gpointer user_data)
{
  http_connection_serve (connection, directory, (guint) timeout);
  return TRUE;
}

static void
listen_on (GuringSocketService *service, int port)
{
  g_autoptr (GError) error = NULL;

  if (port == 0)
    port = guring_socket_service_add_any_inet_port (service, NULL, &error);
  else
    guring_socket_service_add_inet_port (service, (guint16) port, NULL, &error);
  if (error != NULL)
    fail ("could not listen", error->message);

  printf ("%d\n", port);
  fflush (stdout);
}

/* A connection has a file open, too: who reads slowly shall not leave the others without. */
static guint
limit_connections (int wanted)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
    fail ("limits", g_strerror (errno));
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  return (guint) CLAMP ((MAX (limit.rlim_cur, RESERVED) - RESERVED) / 2, 1, (rlim_t) wanted);
}

int
main (int argc, char **argv)
{
  int port = 0, max_connections = 1000;
  GOptionEntry options[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, &port, "Listen on port N, else on a free one", "N" },
    { "timeout", 't', 0, G_OPTION_ARG_INT, &timeout, "Wait so long for a client", "SECONDS" },
    { "max-connections", 'm', 0, G_OPTION_ARG_INT, &max_connections, "Serve so many at once", "N" },
    { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) parser = g_option_context_new ("DIRECTORY");
  g_autoptr (GError) error = NULL;
  g_autoptr (GuringSocketService) service = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_option_context_add_main_entries (parser, options, NULL);
  if (!g_option_context_parse (parser, &argc, &argv, &error))
    fail ("usage", error->message);
  if (argc != 2 || port < 0 || port > G_MAXUINT16 || timeout < 1 || max_connections < 1)
    fail ("usage", "http-server DIRECTORY [--port N] [--timeout SECONDS] [--max-connections N]");

  directory = open (argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    fail (argv[1], g_strerror (errno));

  service = guring_socket_service_new ();
  guring_socket_service_set_max_connections (service, limit_connections (max_connections));
  g_signal_connect (service, "incoming", G_CALLBACK (on_incoming), NULL);
  listen_on (service, port);
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}
