/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buffers that the kernel chooses from: rings of them, and those that an operation provides. */

#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kinds-support.h"

#define GROUP 3 /* of buffers */
#define N_BUFFERS 4
#define BUFFER_SIZE 64
#define BIG_SIZE (1 << 16)

typedef struct
{
  struct io_uring_buf_ring *ring;
  guint8 buffers[N_BUFFERS][BUFFER_SIZE];
  GByteArray *received;
  gboolean gives_back;
  guint n_final;
  gint32 last_result;
} Receiver;

static void
give_back (Receiver *receiver, guint16 which)
{
  io_uring_buf_ring_add (receiver->ring, receiver->buffers[which], BUFFER_SIZE, which,
                         io_uring_buf_ring_mask (N_BUFFERS), 0);
  io_uring_buf_ring_advance (receiver->ring, 1);
}

static void
receiver_free (Receiver *receiver)
{
  munmap (receiver->ring, N_BUFFERS * sizeof (struct io_uring_buf));
  g_byte_array_unref (receiver->received);
}

/* Returns: FALSE if the test is to be skipped */
static gboolean
receiver_init (Receiver *receiver)
{
  gsize size = N_BUFFERS * sizeof (struct io_uring_buf);
  struct io_uring_buf_reg reg = { .ring_entries = N_BUFFERS, .bgid = GROUP };
  int ret;

  *receiver = (Receiver){ .received = g_byte_array_new () };
  receiver->ring = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  ck_assert_ptr_ne (receiver->ring, MAP_FAILED);
  io_uring_buf_ring_init (receiver->ring);
  reg.ring_addr = (guint64) (gsize) receiver->ring;
  ret = io_uring_register_buf_ring (guring_ring_get_uring (ring), &reg, 0);
  if (skip_if (ret == -EINVAL, "buffer rings"))
    {
      receiver_free (receiver);
      return FALSE;
    }

  ck_assert_int_eq (ret, 0);
  for (guint16 i = 0; i < N_BUFFERS; i++)
    give_back (receiver, i);
  return TRUE;
}

static void
receiver_clear (Receiver *receiver)
{
  ck_assert_int_eq (io_uring_unregister_buf_ring (guring_ring_get_uring (ring), GROUP), 0);
  receiver_free (receiver);
}

static void
receive (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Receiver *receiver = data;

  if (completion->res > 0)
    {
      guint16 which = (guint16) (completion->flags >> IORING_CQE_BUFFER_SHIFT);

      ck_assert_uint_ne (completion->flags & IORING_CQE_F_BUFFER, 0);
      g_byte_array_append (receiver->received, receiver->buffers[which], (guint) completion->res);
      if (receiver->gives_back)
        give_back (receiver, which);
    }
  receiver->n_final += (guint) guring_completion_is_final (completion);
  receiver->last_result = completion->res;
}

static void
queue_receiver (Receiver *receiver, int fd)
{
  struct io_uring_sqe sqe = { 0 };
  g_autoptr (GError) error = NULL;

  io_uring_prep_recv_multishot (&sqe, fd, NULL, 0, 0);
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = GROUP;
  receiver->n_final = 0;
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, receive, receiver, NULL, &error), 0);
  submit_ring ();
}

START_TEST (a_multishot_receive_keeps_the_data_intact)
{
  g_autofree guint8 *sent = make_random_data (BIG_SIZE);
  Receiver receiver;
  int fds[2];

  if (!receiver_init (&receiver))
    return;

  receiver.gives_back = TRUE;
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  queue_receiver (&receiver, fds[0]);
  for (guint i = 0; i < BIG_SIZE; i += BUFFER_SIZE * 2)
    {
      ck_assert_int_eq (write (fds[1], &sent[i], BUFFER_SIZE * 2), BUFFER_SIZE * 2);
      run_until (receiver.received->len == i + BUFFER_SIZE * 2);
      ck_assert_uint_eq (receiver.n_final, 0);
    }
  ck_assert_mem_eq (receiver.received->data, sent, BIG_SIZE);

  close (fds[1]);
  run_until (receiver.n_final == 1);
  ck_assert_int_eq (receiver.last_result, 0);
  close (fds[0]);
  receiver_clear (&receiver);
}
END_TEST

START_TEST (a_multishot_receive_ends_without_buffers_and_can_be_queued_again)
{
  g_autofree guint8 *sent = make_random_data (BUFFER_SIZE * (N_BUFFERS + 1));
  Receiver receiver;
  int fds[2];

  if (!receiver_init (&receiver))
    return;

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  queue_receiver (&receiver, fds[0]);
  ck_assert_int_eq (write (fds[1], sent, BUFFER_SIZE * (N_BUFFERS + 1)),
                    BUFFER_SIZE * (N_BUFFERS + 1));
  run_until (receiver.n_final == 1);
  ck_assert_int_eq (receiver.last_result, -ENOBUFS);
  ck_assert_uint_eq (receiver.received->len, BUFFER_SIZE * N_BUFFERS);
  assert_counts (0, 0);

  give_back (&receiver, 0);
  queue_receiver (&receiver, fds[0]);
  run_until (receiver.received->len == BUFFER_SIZE * (N_BUFFERS + 1));
  ck_assert_mem_eq (receiver.received->data, sent, BUFFER_SIZE * (N_BUFFERS + 1));

  close (fds[1]);
  run_until (receiver.n_final == 1);
  close (fds[0]);
  receiver_clear (&receiver);
}
END_TEST

START_TEST (provided_buffers_are_chosen_from)
{
  struct io_uring_sqe provide = { 0 }, receive_sqe = { 0 }, remove_sqe = { 0 };
  gchar buffers[2][BUFFER_SIZE] = { 0 };
  Record record = { 0 };
  int fds[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  io_uring_prep_provide_buffers (&provide, buffers, BUFFER_SIZE, 2, GROUP, 7);
  ck_assert_int_ge (run_operation (&provide), 0);

  io_uring_prep_recv (&receive_sqe, fds[0], NULL, BUFFER_SIZE, 0);
  receive_sqe.flags |= IOSQE_BUFFER_SELECT;
  receive_sqe.buf_group = GROUP;
  queue (&receive_sqe, &record);
  ck_assert_int_eq (write (fds[1], "provided", 9), 9);
  run_until (record.n_notified > 0);
  assert_ended_with (&record, 9);
  ck_assert_uint_ne (record.flags & IORING_CQE_F_BUFFER, 0);
  ck_assert_str_eq (buffers[(record.flags >> IORING_CQE_BUFFER_SHIFT) - 7], "provided");

  io_uring_prep_remove_buffers (&remove_sqe, 2, GROUP);
  ck_assert_int_eq (run_operation (&remove_sqe), 1);
  ck_assert_int_eq (write (fds[1], "x", 1), 1);
  ck_assert_int_eq (run_operation (&receive_sqe), -ENOBUFS);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_multishot_receive_keeps_the_data_intact);
  tcase_add_test (tcase, a_multishot_receive_ends_without_buffers_and_can_be_queued_again);
  tcase_add_test (tcase, provided_buffers_are_chosen_from);
}

int
main (void)
{
  Suite *suite = suite_create ("kinds-buffers");

  add_tests (add_ring_case (suite, "ring"));
  return run_suite (suite);
}
