/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <uv.h>

#include "copy.h"

static void
on_copied (uv_fs_t *request)
{
  bench_expect ("copying", request->result, 0);
}

void
bench_copy_libuv (void)
{
  uv_fs_t request;

  bench_begin ();
  uv_fs_copyfile (uv_default_loop (), &request, bench_copied.source, bench_copied.destination, 0,
                  on_copied);
  uv_run (uv_default_loop (), UV_RUN_DEFAULT);
}
