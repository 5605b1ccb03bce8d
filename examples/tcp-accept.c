/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lesson 2: wait until a listening socket is readable, in the three ways that a ring can be run:
 * by blocking, by peeking, and in a main loop. To need nobody else, the program is its own client.
 *
 *   tcp-accept [PORT]
 *
 * A peek while nothing is there looks at memory that the kernel shares, and makes no system call:
 *
 *   strace -e trace=all ./examples/tcp-accept 2>&1 >/dev/null | grep -A1 'before 1000'
 *
 * shows the lines "before 1000 …" and "after 1000 …" being written, with nothing between them.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <guring/guring.h>

#define RING_ENTRIES 2 /* one operation at a time: a tiny ring will do */
#define N_PEEKS 1000
#define USER_DATA 0xDEADBEEFu

static const char usage[] = "Usage: tcp-accept [PORT], a number up to 65535";

static int listener = -1;
static struct sockaddr_in address; /* of the listener */
static GMainLoop *loop;
static guint n_ready;

/* Not assert(), which -DNDEBUG removes. */
static void
check (gboolean condition, const char *what)
{
  if (condition)
    return;

  fprintf (stderr, "%s\n", what);
  exit (EXIT_FAILURE);
}

static void
check_call (int result, const char *what)
{
  if (result >= 0)
    return;

  fprintf (stderr, "Could not %s 127.0.0.1:%u: %s\n", what, ntohs (address.sin_port),
           g_strerror (errno));
  exit (EXIT_FAILURE);
}

static void
check_error (const GError *error, const char *what)
{
  if (error == NULL)
    return;

  fprintf (stderr, "%s: %s\n", what, error->message);
  exit (EXIT_FAILURE);
}

static void
start_listening (guint16 port)
{
  socklen_t length = sizeof address;

  address.sin_family = AF_INET;
  address.sin_port = htons (port);
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);

  listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  check_call (listener, "make a socket for");
  check_call (setsockopt (listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int)),
              "set SO_REUSEADDR for");
  check_call (bind (listener, (struct sockaddr *) &address, length), "bind to");
  check_call (listen (listener, 1), "listen on");
  check_call (getsockname (listener, (struct sockaddr *) &address, &length), "get the port of");
  printf ("Listening on 127.0.0.1:%u\n", ntohs (address.sin_port));
}

/* Does not wait for the connection: the listener's readiness tells of it. */
static int
start_connecting (void)
{
  int client = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int result;

  check_call (client, "make a client for");
  result = connect (client, (struct sockaddr *) &address, sizeof address);
  check_call (result < 0 && errno == EINPROGRESS ? 0 : result, "connect to");
  return client;
}

static void
on_readable (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  g_autoptr (GError) error = NULL;

  /* The kernel's user_data is the library's: it holds completion->id. This one is ours. */
  check (GPOINTER_TO_UINT (user_data) == USER_DATA, "The completion does not carry 0xDEADBEEF");

  guring_completion_to_error (completion, &error);
  check_error (error, "Could not poll the listener");
  check (completion->res & POLLIN, "The listener is ready, but not for reading");

  n_ready++;
  printf ("  Completion: user data 0x%X, POLLIN\n", GPOINTER_TO_UINT (user_data));
  if (loop != NULL)
    g_main_loop_quit (loop);
}

/* A poll request tells of readiness once: each accept needs another. */
static void
queue_poll (GuringRing *ring)
{
  struct io_uring_sqe sqe = { 0 };
  g_autoptr (GError) error = NULL;

  io_uring_prep_poll_add (&sqe, listener, POLLIN);
  guring_ring_queue (ring, &sqe, on_readable, GUINT_TO_POINTER (USER_DATA), NULL, &error);
  check_error (error, "Could not queue the poll request");
}

static gint
iterate (GuringRing *ring, gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  gint n_dispatched = guring_ring_iterate (ring, may_block, &error);

  check_error (error, "Could not iterate the ring");
  return n_dispatched;
}

static void
accept_connection (guint n_expected)
{
  int connection;

  check (n_ready == n_expected, "There was not exactly one completion");
  connection = accept (listener, NULL, NULL);
  check_call (connection, "accept a connection on");
  printf ("  Accepted a connection\n");
  close (connection);
}

static void
accept_by_blocking (GuringRing *ring)
{
  int client;

  printf ("[Block] guring_ring_iterate (ring, TRUE)\n");
  queue_poll (ring);
  client = start_connecting ();
  check (iterate (ring, TRUE) == 1, "Blocking did not return the completion");
  accept_connection (1);
  close (client);
}

static void
accept_by_peeking (GuringRing *ring)
{
  int client;

  printf ("[Peek] guring_ring_iterate (ring, FALSE)\n");
  queue_poll (ring);
  check (iterate (ring, FALSE) == 0, "Nobody connects, but there is a completion");

  /* The first peek submitted the request. Those that follow have nothing to tell the kernel. */
  printf ("before %d empty peeks\n", N_PEEKS);
  for (guint i = 0; i < N_PEEKS; i++)
    check (iterate (ring, FALSE) == 0, "Nobody connects, but there is a completion");
  printf ("after %d empty peeks\n", N_PEEKS);

  client = start_connecting ();
  while (iterate (ring, FALSE) == 0)
    g_thread_yield (); /* a program that peeks has other work to do here */
  accept_connection (2);
  close (client);
}

static gboolean
connect_from_loop (gpointer client)
{
  *(int *) client = start_connecting ();
  return G_SOURCE_REMOVE;
}

static void
accept_in_main_loop (GuringRing *ring)
{
  int client = -1;

  printf ("[Loop] g_main_loop_run (loop)\n");
  queue_poll (ring);
  loop = g_main_loop_new (NULL, FALSE);
  g_idle_add (connect_from_loop, &client);
  g_main_loop_run (loop); /* until on_readable() quits it */
  g_clear_pointer (&loop, g_main_loop_unref);
  accept_connection (3);
  close (client);
}

static guint16
parse_port (const char *text)
{
  guint64 port = 0;

  check (g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT16, &port, NULL), usage);
  return (guint16) port;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GuringRing) ring = NULL;

  setvbuf (stdout, NULL, _IOLBF, 0); /* for strace: a line is written when it is printed */

  check (argc <= 2, usage);
  start_listening (argc == 2 ? parse_port (argv[1]) : 0); /* 0: the kernel chooses one */

  ring = guring_ring_new (NULL, RING_ENTRIES, &error);
  check_error (error, "Could not make a ring");

  accept_by_blocking (ring);
  accept_by_peeking (ring);
  accept_in_main_loop (ring);

  close (listener);
  return EXIT_SUCCESS;
}
