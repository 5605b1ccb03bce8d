/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A multishot recv of a socket, which fills buffers of a group that all sockets of the ring share.
 * It goes on between the calls; what comes in between waits here. Where that can't be had, each
 * call receives into memory of its own. */

#include "config.h"

#include <errno.h>

#include "receiver.h"
#include "stream-task.h"

#define N_BUFFERS 256
#define BUFFER_SIZE 4096
#define MAX_WAITING 16 /* buffers; then the peer is to wait */

#define GOES_ON 1 /* what the end is before there is one */

struct _GuringReceiver
{
  GSocket *socket;
  GInputStream *stream;
  gboolean has_stream; /* it is pending for this */

  GuringTask *task; /* that waits, or NULL; not owned */
  GQueue waiting;   /* GBytes that no task has taken */
  gint32 end;       /* 0 or a negated errno that no task was told, or GOES_ON */

  GuringRing *ring; /* not owned: it has the operation */
  GThread *thread;  /* that has armed it */
  guint64 id;       /* of the operation, 0 while there is none */
  GuringBufferGroup *group;
  gboolean single; /* no multishot recv here */
};

/* Of a task */
typedef struct
{
  GuringReceiver *receiver;
  gpointer buffer; /* if it is received without a group */
  GBytes *bytes;
} Call;

static void
receiver_clear (gpointer data)
{
  GuringReceiver *receiver = data;

  g_queue_clear_full (&receiver->waiting, (GDestroyNotify) g_bytes_unref);
  g_clear_object (&receiver->group);
  g_object_unref (receiver->socket);
  g_object_unref (receiver->stream);
}

void
guring_receiver_unref (GuringReceiver *receiver)
{
  g_atomic_rc_box_release_full (receiver, receiver_clear);
}

GuringReceiver *
guring_receiver_new (GSocket *socket, GInputStream *stream)
{
  GuringReceiver *receiver = g_atomic_rc_box_new0 (GuringReceiver);

  receiver->socket = g_object_ref (socket);
  receiver->stream = g_object_ref (stream);
  receiver->end = GOES_ON;
  g_queue_init (&receiver->waiting);
  return receiver;
}

static void
call_free (gpointer data)
{
  Call *call = data;

  guring_receiver_unref (call->receiver);
  g_free (call->buffer);
  g_clear_pointer (&call->bytes, g_bytes_unref);
  g_free (call);
}

/* The stream is pending as long as somebody else could get in between. */

static gboolean
hold_stream (GuringReceiver *receiver, GError **error)
{
  receiver->has_stream =
    receiver->has_stream || g_input_stream_set_pending (receiver->stream, error);
  return receiver->has_stream;
}

static void
release_stream (GuringReceiver *receiver)
{
  if (!receiver->has_stream || receiver->id != 0 || !g_queue_is_empty (&receiver->waiting))
    return;

  receiver->has_stream = FALSE;
  g_input_stream_clear_pending (receiver->stream);
}

/* The end of a call */

/* @res: only looked at if nothing waits. A GuringStepFunc. */
static void
finish_call (GuringTask *task, gint32 res)
{
  Call *call = guring_task_get_data (task);
  GuringReceiver *receiver = call->receiver;

  receiver->task = NULL;
  call->bytes = g_queue_pop_head (&receiver->waiting);
  if (call->bytes == NULL && res == 0)
    call->bytes = g_bytes_new (NULL, 0);
  if (call->bytes == NULL)
    receiver->end = GOES_ON; /* it may be worth another try */
  release_stream (receiver);

  if (call->bytes != NULL)
    guring_task_return (task, 0);
  else if (guring_stream_task_met_close (receiver->socket, FALSE, res))
    guring_task_return_error (task, guring_stream_task_make_closed_error ());
  else
    guring_task_return_errno (task, -res);
}

/* Without a group */

static void
on_received_single (GuringTask *task, gint32 res)
{
  Call *call = guring_task_get_data (task);

  if (res > 0)
    {
      gpointer data = g_realloc (g_steal_pointer (&call->buffer), (gsize) res);

      g_queue_push_tail (&call->receiver->waiting, g_bytes_new_take (data, (gsize) res));
    }
  finish_call (task, res);
}

static void
receive_single (GuringReceiver *receiver, GuringTask *task)
{
  Call *call = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  call->buffer = g_malloc (BUFFER_SIZE);
  guring_task_set_timeout (task, g_socket_get_timeout (receiver->socket));
  io_uring_prep_recv (&sqe, g_socket_get_fd (receiver->socket), call->buffer, BUFFER_SIZE, 0);
  if (guring_task_run (task, &sqe, on_received_single))
    receiver->task = task;
  else
    release_stream (receiver);
}

/* With a group */

static GuringBufferGroup *
get_group (GuringRing *ring)
{
  GQuark quark = g_quark_from_static_string ("guring-receiver-group");
  GuringBufferGroup *group = g_object_get_qdata (G_OBJECT (ring), quark);

  if (group == NULL)
    {
      group = guring_buffer_group_new (ring, N_BUFFERS, BUFFER_SIZE, NULL);
      g_object_set_qdata_full (G_OBJECT (ring), quark, group, g_object_unref);
    }
  return group;
}

static void on_received (GuringRing *ring, const GuringCompletion *completion, gpointer user_data);

/* Returns: whether an operation receives now */
static gboolean
arm (GuringReceiver *receiver)
{
  GuringRing *ring = guring_ring_get_default (NULL);
  GuringBufferGroup *group = ring != NULL ? get_group (ring) : NULL;
  struct io_uring_sqe sqe = { 0 };

  if (group == NULL || guring_ring_get_room (ring) == 0)
    return FALSE;

  io_uring_prep_recv_multishot (&sqe, g_socket_get_fd (receiver->socket), NULL, 0, 0);
  io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
  sqe.buf_group = guring_buffer_group_get_id (group);

  g_set_object (&receiver->group, group);
  receiver->ring = ring;
  receiver->thread = g_thread_self ();
  receiver->id = guring_ring_queue (ring, &sqe, on_received, g_atomic_rc_box_acquire (receiver),
                                    (GDestroyNotify) guring_receiver_unref, NULL);
  if (receiver->id == 0)
    guring_receiver_unref (receiver);
  return receiver->id != 0;
}

static void
receive (GuringReceiver *receiver, GuringTask *task)
{
  if (receiver->id == 0 && (receiver->single || !arm (receiver)))
    receive_single (receiver, task);
  else if (guring_task_wait_for (task, receiver->ring, receiver->id, finish_call))
    receiver->task = task;
  else
    release_stream (receiver);
}

/* Goes on after the end of an operation that did not end the input. */
static void
receive_again (GuringReceiver *receiver)
{
  GuringTask *task = g_steal_pointer (&receiver->task);

  if (guring_task_is_interrupted (task) || g_socket_is_closed (receiver->socket))
    guring_task_step_ended (task, -ECANCELED);
  else
    receive (receiver, task);
}

/* Linux 6.0 has the operation; before that it is -EINVAL. */
static gboolean
ends_input (GuringReceiver *receiver, gint32 res)
{
  if (res == -EINVAL)
    receiver->single = TRUE;
  return res <= 0 && res != -EINVAL && res != -ECANCELED && res != -ENOBUFS && res != -EINTR;
}

static void
on_received (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  GuringReceiver *receiver = user_data;
  GBytes *bytes = guring_buffer_group_take_bytes (receiver->group, completion);

  if (bytes != NULL)
    g_queue_push_tail (&receiver->waiting, bytes);
  if (guring_completion_is_final (completion))
    receiver->id = 0;
  if (receiver->id == 0 && ends_input (receiver, completion->res))
    receiver->end = completion->res;

  if (receiver->task == NULL && receiver->waiting.length == MAX_WAITING && receiver->id != 0)
    guring_ring_cancel (ring, receiver->id);
  else if (receiver->task != NULL && !g_queue_is_empty (&receiver->waiting))
    guring_task_step_ended (receiver->task, 0);
  else if (receiver->task != NULL && receiver->end != GOES_ON)
    guring_task_step_ended (receiver->task, receiver->end);
  else if (receiver->task != NULL && receiver->id == 0)
    receive_again (receiver);
  else
    release_stream (receiver);
}

/* What a task asks for */

/* Something else may have answered it. */
static gboolean
answer (gpointer user_data)
{
  GuringTask *task = user_data;
  const Call *call = guring_task_get_data (task);

  if (call->receiver->task == task)
    guring_task_step_ended (task, call->receiver->end);
  return G_SOURCE_REMOVE;
}

/* Until then it is the one call that there may be. */
static void
answer_later (GuringReceiver *receiver, GuringTask *task)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  if (!guring_task_wait_for (task, NULL, 0, finish_call))
    {
      release_stream (receiver);
      return;
    }

  receiver->task = task;
  g_source_set_priority (source, guring_task_get_priority (task));
  g_source_set_static_name (source, "GuringReceiver");
  g_source_set_callback (source, answer, g_object_ref (task), g_object_unref);
  g_source_attach (source, guring_task_get_context (task));
}

static gboolean
has_answer (GuringReceiver *receiver)
{
  return receiver->end != GOES_ON || !g_queue_is_empty (&receiver->waiting);
}

void
guring_receiver_start (GuringReceiver *receiver, GuringTask *task)
{
  Call *call = g_new0 (Call, 1);
  GError *error = NULL;

  call->receiver = g_atomic_rc_box_acquire (receiver);
  guring_task_set_data (task, call, call_free);
  if (receiver->task != NULL)
    guring_task_return_error (task, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_PENDING,
                                                         "The connection is receiving"));
  else if (g_cancellable_set_error_if_cancelled (guring_task_get_cancellable (task), &error) ||
           !hold_stream (receiver, &error))
    guring_task_return_error (task, error);
  else if (has_answer (receiver))
    answer_later (receiver, task);
  else if (receiver->id == 0 && g_socket_get_timeout (receiver->socket) > 0)
    receive_single (receiver, task);
  else
    receive (receiver, task);
}

GBytes *
guring_receiver_take (GuringTask *task)
{
  Call *call = guring_task_get_data (task);

  return g_steal_pointer (&call->bytes);
}

/* What nobody has taken goes with the connection, as what the kernel still has does. */
void
guring_receiver_abort (GuringReceiver *receiver)
{
  if (receiver->id != 0)
    {
      guring_ring_cancel (receiver->ring, receiver->id);
      if (receiver->thread == g_thread_self ()) /* else the socket closes when the loop runs */
        guring_ring_submit (receiver->ring, NULL);
    }
  else if (receiver->task != NULL)
    guring_task_abort (receiver->task);
}
