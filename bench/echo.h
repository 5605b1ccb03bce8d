/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A server that sends back what it gets, with connections that stand already; the client is another
 * process. */

#pragma once

#include "harness.h"

G_BEGIN_DECLS

#define BENCH_MESSAGE 64
#define BENCH_BUFFER 256 /* for one, and what a real server would have beyond */

typedef struct
{
  int *fds; /* the server's ends */
  guint n;
  guint n_buffers; /* that connections share: a power of two, more than can be in use */
} BenchConnections;

extern BenchConnections bench_connections;

/* To be called for each message that is sent back. Measures, and ends the program with the last. */
void bench_echo_count (void);

/* The implementations */

void bench_echo_epoll (void);
void bench_echo_fd_source (void);
void bench_echo_fd_source_recurse (void);
void bench_echo_gio (void);
void bench_echo_guring (void);
void bench_echo_guring_gio (void);
void bench_echo_libuv (void);
void bench_echo_raw (void);
void bench_echo_textbook (void);

G_END_DECLS
