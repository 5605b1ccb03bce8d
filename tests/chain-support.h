/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of chains share. */

#pragma once

#include "support.h"

#define CHAIN_MAX 8 /* the entries of the ring */

typedef struct
{
  guint n;
  GuringRequest requests[CHAIN_MAX];
  Record records[CHAIN_MAX];
  guint64 ids[CHAIN_MAX];
} Chain;

/* The ids of what has ended, in that order, when not too many */
extern guint64 finished[64];
extern guint n_finished;

TCase *add_chain_case (Suite *suite, const gchar *name); /* with a ring and a pipe */

void chain_add (Chain *chain, const struct io_uring_sqe *sqe, guint8 flags);
void chain_add_nop (Chain *chain, guint8 flags);
void chain_add_bad (Chain *chain, guint8 flags);  /* fails with -EBADF, and not before it runs */
void chain_add_read (Chain *chain, guint8 flags); /* ends when something is written to the pipe */
void chain_add_link_timeout (Chain *chain, struct __kernel_timespec *timespec, guint8 flags);

void chain_queue (Chain *chain);
void chain_queue_singly (Chain *chain); /* one after the other, not linked */
guint chain_count_ended (const Chain *chain);

#define chain_run(chain) run_until (chain_count_ended (chain) == (chain)->n)

void assert_results (const Chain *chain, const gint32 *results);
void assert_order (const guint64 *ids, guint n);
void write_bytes (guint n); /* to the pipe */
