/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An io_uring without a kernel: one ring in plain memory behind liburing's functions, g_poll() and
 * the monotonic clock, which are linked with --wrap. The fuzzer's input says what becomes of each
 * call; where it ends, everything goes well. */

#pragma once

#include <liburing.h>

#include "input.h"

/* The harness's part */
typedef struct
{
  /* io_uring_submit(), which is going to take the first @n_taken of these. */
  void (*submitting) (const struct io_uring_sqe *sqes, guint n_sqes, guint n_taken);
  /* The thread is going to sleep for @timeout ms, -1: until something happens. */
  void (*sleeping) (gint timeout);
  /* Others do something while it sleeps. Returns: whether it must wake up */
  gboolean (*meanwhile) (void);
  /* Any id that the library ever returned */
  guint64 (*choose_id) (FuzzInput *input);
} FakeUringFuncs;

/* What the library sees */
typedef struct
{
  unsigned sq_head, sq_tail, sq_flags;
  unsigned cq_head, cq_tail;
} FakeUringMemory;

typedef struct
{
  FuzzInput *input;
  const FakeUringFuncs *funcs;

  struct io_uring *uring;  /* NULL: none is open */
  FakeUringMemory *memory; /* as the last one left it, if none is */
  unsigned first_cqe;      /* its place */
  GArray *requests;        /* guint64: user_data of what was taken and has not ended */
  GArray *posted;          /* struct io_uring_cqe: all that were ever in the CQ */
  GArray *waiting;         /* struct io_uring_cqe: need an io_uring_enter() to get there */

  gboolean fails;  /* descriptors and memory may run out */
  int setup_error; /* of the last io_uring_queue_init_params(), else 0 */
  int failure;     /* with what io_uring_enter() fails for good, else 0 */
  guint64 n_enters;
  guint64 n_overflows; /* that io_uring_get_events() found */
} FakeUring;

extern FakeUring fake_uring;

void fake_uring_start (FuzzInput *input, const FakeUringFuncs *funcs);
void fake_uring_act (void); /* the kernel does something */
int fake_uring_poll (GPollFD *fds, guint n_fds, gint timeout);
