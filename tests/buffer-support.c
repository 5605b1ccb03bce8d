/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <sys/socket.h>

#include "buffer-support.h"

GuringBufferGroup *group;
int sockets[2];

GuringBufferGroup *
make_group (guint n_buffers, gsize buffer_size)
{
  g_autoptr (GError) error = NULL;
  GuringBufferGroup *made = guring_buffer_group_new (ring, n_buffers, buffer_size, &error);

  ck_assert_msg (made != NULL, "%s", error != NULL ? error->message : "no error");
  return made;
}

void
setup_group (void)
{
  setup_ring ();
  group = make_group (N_BUFFERS, BUFFER_SIZE);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
}

void
teardown_group (void)
{
  g_clear_object (&group);
  close_pipe (sockets);
  teardown_ring ();
}

void
receiver_init (Receiver *receiver)
{
  *receiver = (Receiver){ .group = group, .fd = sockets[1], .again = TRUE };
  receiver->id = guring_buffer_group_get_id (group);
  receiver->bytes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
}

gpointer
unref_array (gpointer array)
{
  g_ptr_array_unref (array);
  return NULL;
}

static void
on_received (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Receiver *receiver = data;
  GBytes *bytes = NULL;

  record_completion (completed_ring, completion, &receiver->record);
  receiver->n_brought += (completion->flags & IORING_CQE_F_BUFFER) != 0;
  if (receiver->group != NULL)
    bytes = guring_buffer_group_take_bytes (receiver->group, completion);
  if (bytes != NULL)
    g_ptr_array_add (receiver->bytes, bytes);

  receiver->n_dry += completion->res == -ENOBUFS;
  if (completion->res == -ENOBUFS && receiver->again)
    {
      receiver->record = (Record){ 0 };
      receive (receiver);
    }
}

guint64
queue_receiving (struct io_uring_sqe *sqe, Receiver *receiver)
{
  g_autoptr (GError) error = NULL;
  guint64 id;

  io_uring_sqe_set_flags (sqe, IOSQE_BUFFER_SELECT);
  sqe->buf_group = receiver->id;
  id = guring_ring_queue (ring, sqe, on_received, receiver, NULL, &error);
  ck_assert_msg (id != 0, "%s", error != NULL ? error->message : "no error");
  return id;
}

void
receive (Receiver *receiver)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_recv_multishot (&sqe, receiver->fd, NULL, 0, 0);
  receiver->record.id = queue_receiving (&sqe, receiver);
}

void
receive_once (Receiver *receiver)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_recv (&sqe, receiver->fd, NULL, 0, 0);
  queue_receiving (&sqe, receiver);
}

void
receiver_stop (Receiver *receiver)
{
  ck_assert (guring_ring_cancel (ring, receiver->record.id));
  run_until (receiver->record.n_final > 0);
}

void
receiver_clear (Receiver *receiver)
{
  g_ptr_array_unref (receiver->bytes);
}

/* Message @number is that many bytes long at least, and different from the others. */
static gsize
make_message (guint number, guint8 *message)
{
  gsize size = number % BUFFER_SIZE + 1;

  for (gsize i = 0; i < size; i++)
    message[i] = (guint8) (number * 31 + i * 7);
  return size;
}

void
send_messages (guint first, guint n)
{
  for (guint i = first; i < first + n; i++)
    {
      guint8 message[BUFFER_SIZE];
      gsize size = make_message (i, message);

      ck_assert_int_eq (send (sockets[0], message, size, 0), (gssize) size);
    }
}

void
assert_message (GBytes *bytes, guint number)
{
  guint8 message[BUFFER_SIZE];
  gsize size = make_message (number, message);

  ck_assert_uint_eq (g_bytes_get_size (bytes), size);
  ck_assert_mem_eq (g_bytes_get_data (bytes, NULL), message, size);
}

void
assert_messages (Receiver *receiver, guint n)
{
  ck_assert_uint_eq (receiver->bytes->len, n);
  for (guint i = 0; i < n; i++)
    assert_message (g_ptr_array_index (receiver->bytes, i), i);
}

/* None is lost, none is there twice: what the kernel fills in one submission until it is dry */
void
assert_n_buffers_with_kernel (guint n)
{
  Receiver receiver;

  receiver_init (&receiver);
  receiver.group = NULL;
  receiver.again = FALSE;
  send_messages (0, n + 1);
  receive (&receiver);
  run_until (receiver.record.n_final > 0);
  ck_assert_int_eq (receiver.record.res, -ENOBUFS);
  ck_assert_uint_eq (receiver.n_brought, n);

  receive_once (&receiver); /* the message that is left */
  run_until (receiver.record.n_final > 1);
  ck_assert_int_gt (receiver.record.res, 0);
  receiver_clear (&receiver);
}
