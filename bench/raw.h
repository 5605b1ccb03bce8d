/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <liburing.h>

/* With the flags that are best for a program that does nothing else but wait for the ring */
void bench_raw_init (struct io_uring *ring, unsigned entries, unsigned cq_entries);
