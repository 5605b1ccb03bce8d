/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "raw.h"
#include "harness.h"

void
bench_raw_init (struct io_uring *ring, unsigned entries, unsigned cq_entries)
{
  struct io_uring_params params = {
    .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
             IORING_SETUP_CQSIZE,
    .cq_entries = cq_entries,
  };

  bench_expect ("io_uring_queue_init", io_uring_queue_init_params (entries, ring, &params), 0);
  bench_expect ("io_uring_register_ring_fd", io_uring_register_ring_fd (ring), 1);
}
