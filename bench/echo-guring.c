/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The callback API: one operation receives all that comes, into buffers that the connections
 * share. */

#include <sys/socket.h>

#include "echo.h"

typedef struct
{
  int fd;
  GBytes *bytes; /* that are sent */
} Connection;

static GuringBufferGroup *buffers;

static void
on_sent (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  Connection *connection = user_data;

  g_clear_pointer (&connection->bytes, g_bytes_unref);
  bench_expect ("send", completion->res, BENCH_MESSAGE);
  bench_echo_count ();
}

static void
on_received (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  Connection *connection = user_data;
  struct io_uring_sqe sqe = { 0 };
  GError *error = NULL;

  bench_expect ("recv", completion->res, BENCH_MESSAGE);
  connection->bytes = guring_buffer_group_take_bytes (buffers, completion);
  io_uring_prep_send (&sqe, connection->fd, g_bytes_get_data (connection->bytes, NULL),
                      (gsize) completion->res, MSG_NOSIGNAL);
  if (guring_ring_queue (ring, &sqe, on_sent, connection, NULL, &error) == 0)
    g_error ("%s", error->message);
}

static void
receive (GuringRing *ring, Connection *connection)
{
  struct io_uring_sqe sqe = { 0 };
  GError *error = NULL;

  io_uring_prep_recv_multishot (&sqe, connection->fd, NULL, 0, 0);
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = guring_buffer_group_get_id (buffers);
  if (guring_ring_queue (ring, &sqe, on_received, connection, NULL, &error) == 0)
    g_error ("%s", error->message);
}

void
bench_echo_guring (void)
{
  GuringRing *ring = bench_ring_new (bench_connections.n * 2);
  Connection *connections = g_new0 (Connection, bench_connections.n);
  GError *error = NULL;

  buffers = guring_buffer_group_new (ring, bench_connections.n_buffers, BENCH_BUFFER, &error);
  if (buffers == NULL)
    g_error ("%s", error->message);
  for (guint i = 0; i < bench_connections.n; i++)
    {
      connections[i].fd = bench_connections.fds[i];
      receive (ring, &connections[i]);
    }
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
}
