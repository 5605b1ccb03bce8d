/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 4 with buffers that the kernel selects: none is lost. */

#include "config.h"

#include <sys/socket.h>
#include <unistd.h>

#include "buffer-support.h"

#define N_MESSAGES 100000u

/* What is received */

START_TEST (multishot_recv_brings_what_was_sent)
{
  Receiver receiver;

  receiver_init (&receiver);
  receive (&receiver);
  for (guint i = 0; i < 200; i++)
    {
      send_messages (i, 1);
      run_until (receiver.bytes->len > i);
    }
  assert_messages (&receiver, 200);
  ck_assert_uint_eq (receiver.record.n_more, 200);
  receiver_stop (&receiver);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

START_TEST (single_recv_and_read_take_one_each)
{
  struct io_uring_sqe sqe = { 0 };
  Receiver receiver, reader;
  int fds[2];

  receiver_init (&receiver);
  receiver_init (&reader);
  make_pipe (fds);
  io_uring_prep_read (&sqe, fds[0], NULL, 0, 0);
  queue_receiving (&sqe, &reader);
  receive_once (&receiver);
  send_messages (0, 1);
  ck_assert_int_eq (write (fds[1], "", 1), 1);

  run_until (receiver.record.n_final > 0 && reader.record.n_final > 0);
  assert_messages (&receiver, 1);
  assert_messages (&reader, 1);
  receiver_clear (&receiver);
  receiver_clear (&reader);
  close_pipe (fds);
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

START_TEST (end_of_stream_and_errors_bring_nothing)
{
  struct io_uring_sqe sqe = { 0 };
  Receiver receiver;
  int fds[2];

  receiver_init (&receiver);
  receive (&receiver);
  assert_submits (1);
  guring_ring_cancel (ring, receiver.record.id);
  run_until (receiver.record.n_final == 1);
  ck_assert_int_eq (receiver.record.res, -ECANCELED);

  ck_assert_int_eq (shutdown (sockets[0], SHUT_WR), 0);
  receive (&receiver);
  run_until (receiver.record.n_final == 2);
  ck_assert_int_eq (receiver.record.res, 0);

  make_pipe (fds);
  close (fds[1]);
  io_uring_prep_read (&sqe, fds[0], NULL, 0, 0);
  queue_receiving (&sqe, &receiver);
  run_until (receiver.record.n_final == 3);
  ck_assert_int_eq (receiver.record.res, 0);
  close (fds[0]);

  ck_assert_uint_eq (receiver.bytes->len, 0);
  receiver_clear (&receiver);
}
END_TEST

START_TEST (two_groups_of_a_ring_do_not_mix)
{
  GuringBufferGroup *first = group;
  Receiver small, large;

  receiver_init (&large);
  group = make_group (2, 1);
  ck_assert_uint_ne (guring_buffer_group_get_id (group), large.id);
  receiver_init (&small);
  send_messages (0, 2);
  receive_once (&large);
  receive_once (&small);

  run_until (large.record.n_final > 0 && small.record.n_final > 0);
  assert_messages (&large, 1);
  ck_assert_uint_eq (g_bytes_get_size (g_ptr_array_index (small.bytes, 0)), 1);

  /* Nor is a buffer taken through the other group. */
  small.group = first;
  small.record = (Record){ 0 };
  send_messages (1, 1);
  receive_once (&small);
  run_until (small.record.n_final > 0);
  ck_assert_uint_eq (small.bytes->len, 1);
  receiver_clear (&large);
  receiver_clear (&small);
  g_object_unref (group);
  group = first;
}
END_TEST

/* Who has the buffers */

START_TEST (bytes_that_are_kept_starve_nobody)
{
  Receiver receiver;

  receiver_init (&receiver);
  receiver.again = FALSE;
  receive (&receiver);
  for (guint i = 0; i < 10 * N_BUFFERS; i++)
    {
      send_messages (i, 1);
      run_until (receiver.bytes->len > i);
    }
  assert_messages (&receiver, 10 * N_BUFFERS);
  ck_assert_uint_eq (receiver.n_dry, 0);
  receiver_stop (&receiver);

  assert_n_buffers_with_kernel (N_BUFFERS / 4);
  g_ptr_array_set_size (receiver.bytes, 0);
  assert_n_buffers_with_kernel (N_BUFFERS);
  receiver_clear (&receiver);
}
END_TEST

START_TEST (after_running_dry_it_goes_on)
{
  Receiver receiver;

  receiver_init (&receiver);
  send_messages (0, 5 * N_BUFFERS);
  receive (&receiver);
  run_until (receiver.bytes->len == 5 * N_BUFFERS);
  assert_messages (&receiver, 5 * N_BUFFERS);
  ck_assert_uint_gt (receiver.n_dry, 0);
  receiver_stop (&receiver);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

START_TEST (one_buffer_is_enough)
{
  Receiver receiver;

  g_object_unref (group);
  group = make_group (1, BUFFER_SIZE);
  receiver_init (&receiver);
  send_messages (0, 20);
  receive (&receiver);
  run_until (receiver.bytes->len == 20);
  assert_messages (&receiver, 20);
  receiver_stop (&receiver);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (1);
}
END_TEST

START_TEST (buffers_that_nobody_takes_come_back)
{
  struct io_uring_sqe sqe = { 0 };
  Receiver receiver;

  receiver_init (&receiver);
  receiver.group = NULL;
  receive (&receiver);
  for (guint i = 0; i < 3 * N_BUFFERS; i++)
    {
      send_messages (i, 1);
      run_until (receiver.n_brought > i);
    }
  receiver_stop (&receiver);
  receiver_clear (&receiver);

  io_uring_prep_recv (&sqe, sockets[1], NULL, 0, 0); /* and without a callback */
  io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
  sqe.buf_group = guring_buffer_group_get_id (group);
  send_messages (0, 3 * N_BUFFERS);
  for (guint i = 0; i < 3 * N_BUFFERS; i++)
    {
      ck_assert_uint_ne (guring_ring_queue (ring, &sqe, NULL, NULL, NULL, NULL), 0);
      ck_assert_int_eq (iterate_ring (TRUE), 1);
    }
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

typedef struct
{
  GuringCompletion completion;
  GBytes *bytes;
  gboolean again;
} Twice;

static void
take_twice (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Twice *twice = data;

  twice->completion = *completion;
  twice->bytes = guring_buffer_group_take_bytes (group, completion);
  twice->again = guring_buffer_group_take_bytes (group, completion) != NULL;
}

START_TEST (bytes_are_taken_once_and_within_the_callback)
{
  struct io_uring_sqe sqe = { 0 };
  Twice twice = { 0 };

  io_uring_prep_recv (&sqe, sockets[1], NULL, 0, 0);
  io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
  sqe.buf_group = guring_buffer_group_get_id (group);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, take_twice, &twice, NULL, NULL), 0);
  send_messages (0, 1);
  run_until (twice.bytes != NULL);

  ck_assert (!twice.again);
  ck_assert_ptr_null (guring_buffer_group_take_bytes (group, &twice.completion));
  assert_message (twice.bytes, 0);
  g_bytes_unref (twice.bytes);
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

static const GuringCompletion *outer;

/* The callback of the second message runs within that of the first, and takes both. */
static void
take_both_when_nested (GuringRing *completed_ring,
                       const GuringCompletion *completion,
                       gpointer data)
{
  Receiver *receiver = data;

  if (receiver->n_brought++ == 0)
    {
      outer = completion;
      run_until (receiver->bytes->len > 0);
      ck_assert_ptr_null (guring_buffer_group_take_bytes (group, completion));
    }
  else if (completion->res > 0)
    {
      g_ptr_array_add (receiver->bytes, guring_buffer_group_take_bytes (group, outer));
      g_ptr_array_add (receiver->bytes, guring_buffer_group_take_bytes (group, completion));
    }
}

START_TEST (nested_callbacks_have_a_completion_each)
{
  Receiver receiver;

  receiver_init (&receiver);
  for (guint i = 0; i < 2; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      if (_i)
        io_uring_prep_recv_multishot (&sqe, sockets[1], NULL, 0, 0);
      else
        io_uring_prep_recv (&sqe, sockets[1], NULL, 0, 0);
      io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
      sqe.buf_group = receiver.id;
      ck_assert_uint_ne (guring_ring_queue (ring, &sqe, take_both_when_nested, &receiver, NULL,
                                            NULL),
                         0);
    }
  send_messages (0, 2);
  run_until (receiver.bytes->len == 2);
  assert_messages (&receiver, 2);
  ck_assert (guring_ring_close (ring, -1, NULL));
  receiver_clear (&receiver);
}
END_TEST

START_TEST (any_thread_returns_buffers_while_others_arrive)
{
  GThread *threads[20];
  Receiver receiver;

  receiver_init (&receiver);
  receive (&receiver);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    {
      send_messages (0, N_BUFFERS);
      run_until (receiver.bytes->len == N_BUFFERS);
      assert_messages (&receiver, N_BUFFERS);
      threads[i] = g_thread_new ("unref", unref_array, receiver.bytes);
      receiver.bytes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
    }
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  receiver_stop (&receiver);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

static void
keep_at_random (GPtrArray *kept, GBytes *bytes)
{
  gint place = g_random_int_range (0, 3 * N_BUFFERS);

  if ((guint) place < kept->len)
    g_ptr_array_remove_index_fast (kept, (guint) place);
  if (g_random_boolean ())
    g_ptr_array_add (kept, g_bytes_ref (bytes));
}

START_TEST (no_buffer_is_lost_in_100000_messages)
{
  GPtrArray *kept = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  guint n_sent = 0, n_burst;
  Receiver receiver;

  receiver_init (&receiver);
  receive (&receiver);
  for (; n_sent < N_MESSAGES; n_sent += n_burst)
    {
      n_burst = (guint) g_random_int_range (1, 3 * N_BUFFERS);
      send_messages (n_sent, n_burst);
      run_until (receiver.bytes->len == n_burst);
      for (guint i = 0; i < n_burst; i++)
        {
          assert_message (g_ptr_array_index (receiver.bytes, i), n_sent + i);
          keep_at_random (kept, g_ptr_array_index (receiver.bytes, i));
        }
      g_ptr_array_set_size (receiver.bytes, 0);
    }
  ck_assert_uint_gt (receiver.n_dry, 0);
  g_ptr_array_unref (kept);
  receiver_stop (&receiver);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("buffer-group");
  TCase *tcase = add_case (suite, "group");

  tcase_add_checked_fixture (tcase, setup_group, teardown_group);
  tcase_add_test (tcase, multishot_recv_brings_what_was_sent);
  tcase_add_test (tcase, single_recv_and_read_take_one_each);
  tcase_add_test (tcase, end_of_stream_and_errors_bring_nothing);
  tcase_add_test (tcase, two_groups_of_a_ring_do_not_mix);
  tcase_add_test (tcase, bytes_that_are_kept_starve_nobody);
  tcase_add_test (tcase, after_running_dry_it_goes_on);
  tcase_add_test (tcase, one_buffer_is_enough);
  tcase_add_test (tcase, buffers_that_nobody_takes_come_back);
  tcase_add_test (tcase, bytes_are_taken_once_and_within_the_callback);
  tcase_add_loop_test (tcase, nested_callbacks_have_a_completion_each, 0, 2);
  tcase_add_test (tcase, any_thread_returns_buffers_while_others_arrive);
  tcase_add_test (tcase, no_buffer_is_lost_in_100000_messages);
  return run_suite (suite);
}
