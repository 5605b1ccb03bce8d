/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>

#include "echo.h"
#include "textbook.h"

typedef struct
{
  int fd;
  char message[BENCH_BUFFER];
} Connection;

static Textbook *textbook;

static void receive (Connection *connection);

static void
on_sent (int res, gpointer connection)
{
  bench_expect ("send", res, BENCH_MESSAGE);
  bench_echo_count ();
  receive (connection);
}

static void
on_received (int res, gpointer user_data)
{
  Connection *connection = user_data;
  struct io_uring_sqe *sqe = textbook_get_sqe (textbook);

  bench_expect ("recv", res, BENCH_MESSAGE);
  io_uring_prep_send (sqe, connection->fd, connection->message, (size_t) res, MSG_NOSIGNAL);
  textbook_submit (textbook, sqe, on_sent, connection);
}

static void
receive (Connection *connection)
{
  struct io_uring_sqe *sqe = textbook_get_sqe (textbook);

  io_uring_prep_recv (sqe, connection->fd, connection->message, sizeof connection->message, 0);
  textbook_submit (textbook, sqe, on_received, connection);
}

void
bench_echo_textbook (void)
{
  textbook = textbook_new (4096);
  for (guint i = 0; i < bench_connections.n; i++)
    {
      Connection *connection = g_new (Connection, 1);

      connection->fd = bench_connections.fds[i];
      receive (connection);
    }
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
}
