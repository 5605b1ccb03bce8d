/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rings that are not made, that break, and whose operations fail. */

#include "config.h"

#include <unistd.h>

#include "interpose-errors.h"
#include "sweep.h"

#define INJECT_RESULT 1 /* IORING_NOP_INJECT_RESULT of newer headers (Linux 6.10) */

static const struct io_uring *broken;
static gboolean can_inject;

int __real_close (int fd);
int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);
int __real_io_uring_get_events (struct io_uring *uring);
int __wrap_io_uring_get_events (struct io_uring *uring);

static const int enter_errors[] = { ENTER_ERRORS };
static const Interposed submit = { "io_uring_submit", enter_errors, G_N_ELEMENTS (enter_errors) };
static const Interposed get_events = { "io_uring_get_events", enter_errors,
                                       G_N_ELEMENTS (enter_errors) };

/* Another ring may have been in the same place. */
static gboolean
is_another (const struct io_uring *uring)
{
  if (uring == broken)
    broken = NULL;
  return TRUE;
}

INTERPOSE_IF (is_another (uring),
              int,
              io_uring_queue_init_params,
              (unsigned entries, struct io_uring *uring, struct io_uring_params *params),
              (entries, uring, params),
              -error_number,
              SETUP_ERRORS)

/* Operations: they fail as their system calls do, and Linux 6.1 cancels some by itself */

#define OPERATION(opcode, ...) [opcode] = { #opcode, INTERPOSED_ERRORS (__VA_ARGS__, ECANCELED) }

static const Interposed operations[] = {
  OPERATION (IORING_OP_NOP, EINVAL),
  OPERATION (IORING_OP_READ, READ_ERRORS),
  OPERATION (IORING_OP_WRITE, WRITE_ERRORS),
  OPERATION (IORING_OP_WRITEV, WRITE_ERRORS, EOPNOTSUPP),
  OPERATION (IORING_OP_FSYNC, FSYNC_ERRORS),
  OPERATION (IORING_OP_POLL_ADD, EINVAL, ENOMEM),
  OPERATION (IORING_OP_SENDMSG, SEND_ERRORS),
  OPERATION (IORING_OP_RECVMSG, RECV_ERRORS),
  OPERATION (IORING_OP_ACCEPT, ACCEPT_ERRORS),
  OPERATION (IORING_OP_CONNECT, CONNECT_ERRORS),
  OPERATION (IORING_OP_FALLOCATE, FALLOCATE_ERRORS),
  OPERATION (IORING_OP_OPENAT, OPEN_ERRORS),
  OPERATION (IORING_OP_CLOSE, CLOSE_ERRORS),
  OPERATION (IORING_OP_STATX, STAT_ERRORS),
  OPERATION (IORING_OP_SEND, SEND_ERRORS),
  OPERATION (IORING_OP_RECV, RECV_ERRORS, ENOBUFS),
  OPERATION (IORING_OP_SPLICE, SPLICE_ERRORS),
  OPERATION (IORING_OP_RENAMEAT, RENAME_ERRORS),
  OPERATION (IORING_OP_UNLINKAT, UNLINK_ERRORS, EINVAL),
  OPERATION (IORING_OP_MKDIRAT, MKDIR_ERRORS),
  OPERATION (IORING_OP_LINKAT, LINK_ERRORS),
  /* Else it may not find what it looks for, or too late. */
  [IORING_OP_ASYNC_CANCEL] = { "IORING_OP_ASYNC_CANCEL", INTERPOSED_ERRORS (EALREADY, ENOENT) },
};

/* What takes its place fails, and so breaks its chain. */
static void
fail_operation (struct io_uring_sqe *sqe, int error_number)
{
  guint8 links = sqe->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
  guint64 user_data = sqe->user_data;

  if (sqe->opcode == IORING_OP_CLOSE && error_number != ECANCELED)
    __real_close (sqe->fd);
  *sqe = (struct io_uring_sqe){ 0 };
  io_uring_prep_nop (sqe);
  sqe->flags = links;
  sqe->user_data = user_data;
  sqe->rw_flags = INJECT_RESULT;
  sqe->len = (guint32) -error_number;
}

static void
decide_for_operations (struct io_uring_sq *sq)
{
  for (unsigned i = sq->sqe_head; i != sq->sqe_tail; i++)
    {
      struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];
      const Interposed *operation = NULL;
      int error_number = 0;

      if (sqe->opcode < G_N_ELEMENTS (operations) && operations[sqe->opcode].name != NULL)
        operation = &operations[sqe->opcode];
      if (operation != NULL)
        error_number = interpose_decide (operation);
      if (error_number != 0)
        fail_operation (sqe, error_number);
    }
}

/* Entering */

static gboolean
is_for_good (int error_number)
{
  switch (error_number)
    {
    case 0:
    case EAGAIN:
    case EBUSY:
    case EINTR:
    case ENOMEM:
      return FALSE;
    default:
      return TRUE;
    }
}

static int
decide_to_enter (const Interposed *function, const struct io_uring *uring)
{
  int error_number = interpose_decide (function);

  if (!is_for_good (error_number))
    return error_number;
  broken = uring;
  g_main_context_wakeup (context); /* for whoever is to rescue it */
  return error_number;
}

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  int error_number = decide_to_enter (&submit, uring);

  if (error_number != 0)
    return -error_number;
  if (can_inject)
    decide_for_operations (&uring->sq);
  return __real_io_uring_submit (uring);
}

int
__wrap_io_uring_get_events (struct io_uring *uring)
{
  int error_number = decide_to_enter (&get_events, uring);

  return error_number != 0 ? -error_number : __real_io_uring_get_events (uring);
}

static gboolean
is_broken (GuringRing *ring_to_rescue)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring_to_rescue, &statistics);
  return broken != NULL && statistics.in_flight > 0 &&
         guring_ring_get_uring (ring_to_rescue) == broken;
}

gboolean
sweep_rescue (GuringRing *ring_to_rescue)
{
  gboolean was_broken = is_broken (ring_to_rescue);

  while (is_broken (ring_to_rescue))
    interpose_rescue (ring_to_rescue);
  return was_broken;
}

/* The default ring */

void
sweep_iterate (void)
{
  GuringRing *default_ring = broken != NULL ? guring_ring_get_default (NULL) : NULL;

  if (default_ring == NULL || !sweep_rescue (default_ring))
    g_main_context_iteration (context, TRUE);
}

GAsyncResult *
sweep_get (Answer *answer)
{
  while (answer->n_calls == 0)
    sweep_iterate ();
  ck_assert_uint_eq (answer->n_calls, 1);
  return answer->result;
}

GAsyncResult *
sweep_await (Answer *answer)
{
  ck_assert_uint_eq (answer->n_calls, 0);
  return sweep_get (answer);
}

static guint64
count_unfinished (void)
{
  GuringRing *default_ring = guring_ring_get_default (NULL);
  GuringStatistics statistics = { 0 };

  if (default_ring != NULL)
    guring_ring_get_statistics (default_ring, &statistics);
  return statistics.in_flight + statistics.backlog;
}

void
sweep_finish (void)
{
  while (count_unfinished () > 0)
    sweep_iterate ();
  while (g_main_context_iteration (context, FALSE))
    ;
  sweep_disarm ();
}

void
sweep_start_rings (void)
{
  struct io_uring uring;
  struct io_uring_cqe *cqe;

  if (!guring_is_supported (NULL) || io_uring_queue_init (1, &uring, 0) != 0)
    return;

  fail_operation (io_uring_get_sqe (&uring), 77);
  can_inject = __real_io_uring_submit (&uring) == 1 && io_uring_wait_cqe (&uring, &cqe) == 0 &&
               cqe->res == -77;
  if (!can_inject)
    g_printerr ("# SKIP of operations: this kernel has no IORING_NOP_INJECT_RESULT\n");
  io_uring_queue_exit (&uring);
}
