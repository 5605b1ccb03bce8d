/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <uv.h>

#include "load.h"

#define BUFFER_SIZE (2 * BENCH_FILE_SIZE) /* who gets less has the whole file */

typedef struct
{
  uv_fs_t request;
  int fd;
  char buffer[BUFFER_SIZE];
} Load;

static void start (void);

static void
on_closed (uv_fs_t *request)
{
  uv_fs_req_cleanup (request);
  g_free (request->data);
  start ();
}

static void
on_read (uv_fs_t *request)
{
  Load *load = request->data;

  bench_loads_end (request->result);
  uv_fs_req_cleanup (request);
  uv_fs_close (uv_default_loop (), request, load->fd, on_closed);
}

static void
on_opened (uv_fs_t *request)
{
  Load *load = request->data;
  uv_buf_t buffer = uv_buf_init (load->buffer, sizeof load->buffer);

  if (request->result < 0)
    bench_fail ("opening", (int) -request->result);
  load->fd = (int) request->result;
  uv_fs_req_cleanup (request);
  uv_fs_read (uv_default_loop (), request, load->fd, &buffer, 1, 0, on_read);
}

static void
start (void)
{
  gint i = bench_loads_next ();
  Load *load;

  if (i < 0)
    return;
  load = g_new (Load, 1);
  load->request.data = load;
  uv_fs_open (uv_default_loop (), &load->request, bench_loads.names[i], O_RDONLY, 0, on_opened);
}

void
bench_loads_libuv (const BenchCase *test)
{
  bench_loads_set_up (test);
  bench_begin ();
  for (guint slot = 0; slot < test->depth; slot++)
    start ();
  uv_run (uv_default_loop (), UV_RUN_DEFAULT);
  bench_end (test->n_ops);
}
