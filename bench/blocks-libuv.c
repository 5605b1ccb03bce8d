/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <uv.h>

#include "blocks.h"

static uv_fs_t *requests;

static void start (guint slot);

static void
on_transferred (uv_fs_t *request)
{
  gssize n = request->result;

  uv_fs_req_cleanup (request);
  bench_blocks_end (n);
  start ((guint) (request - requests)); /* the loop ends when nothing is under way */
}

static void
start (guint slot)
{
  gint64 offset = bench_blocks_next ();
  uv_buf_t buffer = uv_buf_init (bench_blocks_get_memory (slot), BENCH_BLOCK);

  if (offset < 0)
    return;
  if (bench_blocks.writes)
    uv_fs_write (uv_default_loop (), &requests[slot], bench_blocks.fd, &buffer, 1, offset,
                 on_transferred);
  else
    uv_fs_read (uv_default_loop (), &requests[slot], bench_blocks.fd, &buffer, 1, offset,
                on_transferred);
}

void
bench_blocks_libuv (const BenchCase *test)
{
  bench_blocks_open (test);
  requests = g_new0 (uv_fs_t, test->depth);
  bench_begin ();
  for (guint slot = 0; slot < test->depth; slot++)
    start (slot);
  uv_run (uv_default_loop (), UV_RUN_DEFAULT);
  bench_blocks_finish ();
}
