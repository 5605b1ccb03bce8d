/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 10 with buffers: a forked child has what was received, and the parent does not notice. */

#include "config.h"

#include <sys/types.h>
#include <unistd.h>

#include "ring-private.h"

#include "buffer-support.h"

#define N_KEPT (N_BUFFERS * 3 / 4)

static Receiver receiver;
static GuringCompletion last_completion;

static void
setup (void)
{
  setup_group ();
  receiver_init (&receiver);
  receive (&receiver);
  send_messages (0, N_KEPT);
  run_until (receiver.bytes->len == N_KEPT);
}

static void
teardown (void)
{
  receiver_stop (&receiver);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (N_BUFFERS);
  teardown_group ();
}

static void
drop_everything (void)
{
  GError *error = NULL;

  for (guint i = 0; i < N_KEPT; i++)
    child_assert (g_bytes_get_size (g_ptr_array_index (receiver.bytes, i)) == i + 1);
  child_assert (*(const guint8 *) g_bytes_get_data (receiver.bytes->pdata[1], NULL) == 31);
  child_assert (guring_buffer_group_new (ring, 8, 8, &error) == NULL);
  child_assert (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED));
  g_error_free (error);

  g_ptr_array_unref (receiver.bytes);
  g_object_unref (group);
  g_object_unref (ring);
}

/* As if another thread of the parent had been in there */
START_TEST (child_has_the_bytes_and_drops_them_without_a_lock)
{
  pthread_mutex_lock (&ring->buffers->lock);
  run_in_child (drop_everything);
  pthread_mutex_unlock (&ring->buffers->lock);

  assert_messages (&receiver, N_KEPT);
  send_messages (N_KEPT, 10);
  run_until (receiver.bytes->len == N_KEPT + 10);
  assert_messages (&receiver, N_KEPT + 10);
}
END_TEST

START_TEST (parent_goes_on_beside_the_child)
{
  int fds[2];
  pid_t child;
  guint8 byte;

  make_pipe (fds);
  child = fork ();
  ck_assert_int_ge (child, 0);
  if (child == 0)
    {
      close (fds[1]);
      child_assert (read (fds[0], &byte, 1) == 0); /* until the parent is through */
      drop_everything ();
      end_child ();
    }

  g_ptr_array_set_size (receiver.bytes, 0);
  for (guint i = 0; i < 10 * N_BUFFERS; i++)
    {
      send_messages (i, 1);
      run_until (receiver.bytes->len > i);
    }
  assert_messages (&receiver, 10 * N_BUFFERS);
  close_pipe (fds);
  wait_for_child (child);
}
END_TEST

static void
fork_and_take (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  pid_t child;

  pthread_mutex_lock (&ring->buffers->lock); /* for the child it stays so */
  child = fork ();
  ck_assert_int_ge (child, 0);
  last_completion = *completion;
  if (child == 0)
    child_assert (guring_buffer_group_take_bytes (group, completion) == NULL);
  else
    pthread_mutex_unlock (&ring->buffers->lock);
  *(pid_t *) data = child;
}

START_TEST (fork_in_a_callback)
{
  struct io_uring_sqe sqe = { 0 };
  pid_t child = -1;

  receiver_stop (&receiver);
  io_uring_prep_recv (&sqe, receiver.fd, NULL, 0, 0);
  io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
  sqe.buf_group = receiver.id;
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, fork_and_take, &child, NULL, NULL), 0);
  send_messages (0, 1);
  run_until (child >= 0);
  if (child == 0)
    {
      drop_everything ();
      end_child ();
    }

  wait_for_child (child);
  ck_assert_int_eq (last_completion.res, 1);
  receiver.record = (Record){ 0 };
  receive (&receiver);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("buffer-group-fork");
  TCase *tcase = add_case (suite, "group");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, child_has_the_bytes_and_drops_them_without_a_lock);
  tcase_add_test (tcase, parent_goes_on_beside_the_child);
  tcase_add_test (tcase, fork_in_a_callback);
  return run_suite (suite);
}
