/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A task's step without io_uring: what has to be waited for is polled by the main loop, everything
 * else is done by one of GLib's worker threads. */

#include "config.h"

#include <errno.h>
#include <glib-unix.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "descriptor.h"
#include "fallback.h"
#include "perform.h"

/* Whether the receiver has room is nothing that the sender's descriptor tells. */
static gboolean
sends_to_unix_socket (const struct io_uring_sqe *sqe)
{
  const struct msghdr *message = (gpointer) (guintptr) sqe->addr;
  const struct sockaddr *address = message->msg_name;

  return address != NULL && address->sa_family == AF_UNIX;
}

/* Returns: what the operation waits for if its descriptor makes it wait, 0 if it waits for nothing
 * that poll() knows */
gushort
guring_fallback_get_poll_events (const struct io_uring_sqe *sqe)
{
  switch (sqe->opcode)
    {
    case IORING_OP_READ:
    case IORING_OP_RECV:
      return POLLIN;
    case IORING_OP_RECVMSG:
      return sqe->msg_flags & MSG_ERRQUEUE ? POLLERR : POLLIN;
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
    case IORING_OP_SEND:
    case IORING_OP_CONNECT:
      return POLLOUT;
    case IORING_OP_SENDMSG:
      return sends_to_unix_socket (sqe) ? 0 : POLLOUT;
    case IORING_OP_POLL_ADD:
      return sqe->poll_events;
    default:
      return 0;
    }
}

/* Returns: whether @res says that the operation has to wait for its descriptor. EAGAIN of connect()
 * is not it: nothing tells when the listener of a unix socket has room. */
gboolean
guring_fallback_has_to_wait (const struct io_uring_sqe *sqe, gint32 res)
{
  if (sqe->opcode == IORING_OP_CONNECT)
    return res == -EINPROGRESS;

  return res == -EAGAIN && guring_fallback_get_poll_events (sqe) != 0;
}

/* Another callback of this iteration may have taken what there was. */
static gboolean
is_still_ready (const struct io_uring_sqe *sqe)
{
  struct pollfd fd = { sqe->fd, (short) guring_fallback_get_poll_events (sqe), 0 };

  return poll (&fd, 1, 0) > 0;
}

/* @message: room for the vectors */
static void
make_sending (struct io_uring_sqe *sqe, struct msghdr *message)
{
  if (sqe->opcode == IORING_OP_WRITEV)
    {
      message->msg_iov = (struct iovec *) (guintptr) sqe->addr;
      message->msg_iovlen = sqe->len;
      sqe->addr = (guint64) (guintptr) message;
      sqe->opcode = IORING_OP_SENDMSG;
    }
  else
    sqe->opcode = IORING_OP_SEND;
  sqe->msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
}

/* The first vector that has something */
static void
make_single (struct io_uring_sqe *sqe)
{
  const struct iovec *vector = (gpointer) (guintptr) sqe->addr;
  const struct iovec *last = vector + sqe->len - 1;

  while (vector < last && vector->iov_len == 0)
    vector++;
  sqe->opcode = IORING_OP_WRITE;
  sqe->addr = (guint64) (guintptr) vector->iov_base;
  sqe->len = (guint) MIN (vector->iov_len, G_MAXINT);
}

/* A socket takes what it can; a pipe that is ready takes so much without waiting, see pipe(7). */
static void
make_write_non_blocking (struct io_uring_sqe *sqe, struct msghdr *message)
{
  struct stat status;

  if (fstat (sqe->fd, &status) == 0 && S_ISSOCK (status.st_mode))
    {
      make_sending (sqe, message);
      return;
    }

  if (sqe->opcode == IORING_OP_WRITEV)
    make_single (sqe);
  sqe->len = MIN (sqe->len, PIPE_BUF);
}

static void
make_non_blocking (struct io_uring_sqe *sqe, struct msghdr *message)
{
  switch (sqe->opcode)
    {
    case IORING_OP_WRITE:
    case IORING_OP_WRITEV:
      make_write_non_blocking (sqe, message);
      break;
    case IORING_OP_RECV:
    case IORING_OP_RECVMSG:
    case IORING_OP_SEND:
    case IORING_OP_SENDMSG:
      sqe->msg_flags |= MSG_DONTWAIT;
      break;
    default:
      break;
    }
}

static gboolean
is_too_late (void)
{
  gint64 end = g_source_get_ready_time (g_main_current_source ());

  return end >= 0 && g_get_monotonic_time () >= end;
}

static gint32
perform_without_blocking (GuringTask *task, const struct io_uring_sqe *sqe)
{
  struct io_uring_sqe now = *sqe;
  struct msghdr message = { 0 };

  if (guring_task_is_interrupted (task))
    return -ECANCELED;
  if (!is_still_ready (sqe))
    return is_too_late () ? -ETIMEDOUT : -EAGAIN;

  make_non_blocking (&now, &message);
  return guring_perform (&now);
}

static gboolean
has_to_wait_again (const struct io_uring_sqe *sqe, gint32 res)
{
  return res == -EAGAIN || (sqe->opcode == IORING_OP_CONNECT && res == -EALREADY);
}

static gboolean
on_fd_ready (gint fd, GIOCondition condition, gpointer user_data)
{
  GuringTask *task = user_data;
  const struct io_uring_sqe *sqe = guring_task_get_sqe (task);
  gint32 res = perform_without_blocking (task, sqe);

  if (has_to_wait_again (sqe, res))
    return G_SOURCE_CONTINUE;

  guring_task_step_ended (task, res);
  return G_SOURCE_REMOVE;
}

static void
run_when_ready (GuringTask *task, GIOCondition condition)
{
  g_autoptr (GSource) source = g_unix_fd_source_new (guring_task_get_sqe (task)->fd, condition);
  GCancellable *cancellable = guring_task_get_cancellable (task);
  guint timeout = guring_task_get_timeout (task);

  if (cancellable != NULL)
    {
      g_autoptr (GSource) cancelled = g_cancellable_source_new (cancellable);

      g_source_set_dummy_callback (cancelled);
      g_source_add_child_source (source, cancelled);
    }

  if (timeout > 0)
    g_source_set_ready_time (source, g_get_monotonic_time () + (gint64) timeout * G_USEC_PER_SEC);

  guring_task_set_source (task, source);
  g_source_set_static_name (source, "GuringTask");
  g_source_set_priority (source, guring_task_get_priority (task));
  g_source_set_callback (source, G_SOURCE_FUNC (on_fd_ready), task, NULL);
  g_source_attach (source, guring_task_get_context (task));
}

static void
perform_in_thread (GTask *thread_task, gpointer source, gpointer task, GCancellable *cancellable)
{
  g_task_return_int (thread_task, guring_perform (guring_task_get_sqe (task)));
}

static void
on_performed (GObject *source_object, GAsyncResult *result, gpointer task)
{
  const struct io_uring_sqe *sqe = guring_task_get_sqe (task);
  gint32 res = (gint32) g_task_propagate_int (G_TASK (result), NULL);

  if (guring_fallback_has_to_wait (sqe, res))
    run_when_ready (task, (GIOCondition) guring_fallback_get_poll_events (sqe));
  else
    guring_task_step_ended (task, res);
}

/* The thread may look at its GTask when all is over. That has no reference on the task, so that
 * what the task is about ends in the thread of the context. */
static void
run_in_thread (GuringTask *task)
{
  g_autoptr (GTask) thread_task = g_task_new (NULL, NULL, on_performed, task);

  g_task_set_task_data (thread_task, task, NULL);
  g_task_set_name (thread_task, "GuringTask");
  g_task_set_priority (thread_task, guring_task_get_priority (task));
  g_task_run_in_thread (thread_task, perform_in_thread);
}

/* Nothing waits to transfer nothing; a connect, whose SQE has no length, begins before it waits. */
static gboolean
waits_first (const struct io_uring_sqe *sqe)
{
  return sqe->len > 0 || sqe->opcode == IORING_OP_POLL_ADD;
}

void
guring_fallback_run (GuringTask *task)
{
  const struct io_uring_sqe *sqe = guring_task_get_sqe (task);
  gushort events = guring_fallback_get_poll_events (sqe);

  if (events != 0 && waits_first (sqe) && guring_descriptor_can_poll (sqe->fd))
    run_when_ready (task, (GIOCondition) events);
  else
    run_in_thread (task);
}
