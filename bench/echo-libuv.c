/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <sys/socket.h>
#include <uv.h>

#include "echo.h"

typedef union
{
  uv_stream_t stream;
  uv_tcp_t tcp;
  uv_pipe_t pipe;
} Handle;

typedef struct
{
  Handle handle;
  uv_write_t request;
  char message[BENCH_BUFFER];
} Connection;

static void
on_written (uv_write_t *request, int status)
{
  bench_expect ("writing", status, 0);
  bench_echo_count ();
}

static void
on_read (uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
  Connection *connection = stream->data;
  uv_buf_t message = uv_buf_init (buffer->base, BENCH_MESSAGE);

  bench_expect ("reading", n, BENCH_MESSAGE);
  uv_write (&connection->request, stream, &message, 1, on_written);
}

static void
on_alloc (uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
  Connection *connection = handle->data;

  *buffer = uv_buf_init (connection->message, sizeof connection->message);
}

static void
start (int fd)
{
  Connection *connection = g_new0 (Connection, 1);
  Handle *handle = &connection->handle;
  int family;
  socklen_t size = sizeof family;

  getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  if (family == AF_UNIX)
    {
      uv_pipe_init (uv_default_loop (), &handle->pipe, 0);
      bench_expect ("opening", uv_pipe_open (&handle->pipe, fd), 0);
    }
  else
    {
      uv_tcp_init (uv_default_loop (), &handle->tcp);
      bench_expect ("opening", uv_tcp_open (&handle->tcp, fd), 0);
    }
  handle->stream.data = connection;
  bench_expect ("reading", uv_read_start (&handle->stream, on_alloc, on_read), 0);
}

void
bench_echo_libuv (void)
{
  for (guint i = 0; i < bench_connections.n; i++)
    start (bench_connections.fds[i]);
  uv_run (uv_default_loop (), UV_RUN_DEFAULT);
}
