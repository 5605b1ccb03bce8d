/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How buffer groups begin and end: promises 2 and 9. Linked with --wrap at the liburing boundary.
 */

#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "ring-private.h"

#include "buffer-support.h"

#define FIRST_ID G_MAXUINT16

int __real_io_uring_register_buf_ring (struct io_uring *uring,
                                       struct io_uring_buf_reg *registration,
                                       unsigned int flags);
int __wrap_io_uring_register_buf_ring (struct io_uring *uring,
                                       struct io_uring_buf_reg *registration,
                                       unsigned int flags);
int __real_io_uring_unregister_buf_ring (struct io_uring *uring, int id);
int __wrap_io_uring_unregister_buf_ring (struct io_uring *uring, int id);
int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);

static int register_fault; /* what io_uring_register_buf_ring() returns, having done nothing */
static guint n_unregistered;
static int submit_fault;

int
__wrap_io_uring_register_buf_ring (struct io_uring *uring,
                                   struct io_uring_buf_reg *registration,
                                   unsigned int flags)
{
  return register_fault != 0 ? register_fault
                             : __real_io_uring_register_buf_ring (uring, registration, flags);
}

int
__wrap_io_uring_unregister_buf_ring (struct io_uring *uring, int id)
{
  n_unregistered++;
  return __real_io_uring_unregister_buf_ring (uring, id);
}

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  return submit_fault != 0 ? submit_fault : __real_io_uring_submit (uring);
}

/* Whose memory it is */

static guint
count_in_group (Receiver *receiver)
{
  GuringBufferPool *pool = guring_buffer_table_lookup (ring->buffers, receiver->id);
  guint n = 0;

  for (guint i = 0; i < receiver->bytes->len; i++)
    {
      const guint8 *data = g_bytes_get_data (receiver->bytes->pdata[i], NULL);

      n += data >= pool->memory && data < pool->memory + N_BUFFERS * BUFFER_SIZE;
    }
  guring_buffer_pool_unref (pool);
  return n;
}

START_TEST (bytes_are_copies_only_while_many_are_kept)
{
  Receiver receiver;

  receiver_init (&receiver);
  receive (&receiver);
  for (guint i = 0; i < 3; i++)
    {
      send_messages (0, 2 * N_BUFFERS);
      run_until (receiver.bytes->len == 2 * N_BUFFERS);
      ck_assert_uint_eq (count_in_group (&receiver), N_BUFFERS * 3 / 4);
      g_ptr_array_set_size (receiver.bytes, 0);
    }
  receiver_stop (&receiver);
  receiver_clear (&receiver);
}
END_TEST

/* Who goes first */

START_TEST (bytes_outlive_group_and_ring)
{
  Receiver receiver;

  receiver_init (&receiver);
  receive (&receiver);
  send_messages (0, 4);
  run_until (receiver.bytes->len == 4);
  receiver.group = NULL;
  if (_i & 1)
    g_clear_object (&group);
  ck_assert (guring_ring_close (ring, -1, NULL));
  if (_i & 2)
    g_clear_object (&ring);
  assert_messages (&receiver, 4);
  g_clear_object (&group);
  g_thread_join (g_thread_new ("unref", unref_array, receiver.bytes));
  ck_assert_uint_eq (n_unregistered, 0); /* with an io_uring that is gone */
}
END_TEST

static gboolean
is_registered (guint16 id)
{
  struct io_uring_buf_ring *own = aligned_alloc (4096, 4096);
  struct io_uring_buf_reg registration = { .ring_entries = 1, .bgid = id };
  int ret;

  memset (own, 0, 4096);
  registration.ring_addr = (guint64) (guintptr) own;
  ret = io_uring_register_buf_ring (guring_ring_get_uring (ring), &registration, 0);
  if (ret == 0)
    io_uring_unregister_buf_ring (guring_ring_get_uring (ring), id);
  free (own);
  ck_assert (ret == 0 || ret == -EEXIST);
  return ret != 0;
}

START_TEST (operations_keep_the_group_that_was_dropped)
{
  Receiver receiver;

  receiver_init (&receiver);
  receiver.group = NULL;
  receive (&receiver);
  if (_i) /* else it is in the backlog */
    assert_submits (1);
  g_clear_object (&group);
  for (guint i = 0; i < 3 * N_BUFFERS; i++)
    {
      send_messages (i, 1);
      run_until (receiver.n_brought > i);
    }
  ck_assert (is_registered (receiver.id));

  receiver_stop (&receiver);
  receiver_clear (&receiver);
  ck_assert (!is_registered (receiver.id));
}
END_TEST

static gpointer
unref_object (gpointer object)
{
  g_object_unref (object);
  return NULL;
}

START_TEST (group_is_dropped_in_any_thread)
{
  guint16 id = guring_buffer_group_get_id (group);

  ck_assert (is_registered (id));
  g_thread_join (g_thread_new ("unref", unref_object, g_steal_pointer (&group)));
  ck_assert (!is_registered (id));
}
END_TEST

static void
close_and_take (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  ck_assert (guring_ring_close (completed_ring, -1, NULL));
  *(GBytes **) data = guring_buffer_group_take_bytes (group, completion);
}

START_TEST (bytes_are_taken_after_the_callback_closed_the_ring)
{
  struct io_uring_sqe sqe = { 0 };
  GBytes *bytes = NULL;

  io_uring_prep_recv (&sqe, sockets[1], NULL, 0, 0);
  io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
  sqe.buf_group = guring_buffer_group_get_id (group);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, close_and_take, &bytes, NULL, NULL), 0);
  send_messages (0, 1);
  run_until (bytes != NULL);
  assert_message (bytes, 0);
  g_bytes_unref (bytes);
}
END_TEST

/* The kernel may still write there. */
START_TEST (operations_that_never_ended_keep_the_memory)
{
  guint16 id = guring_buffer_group_get_id (group);
  GuringBufferPool *pool = guring_buffer_table_lookup (ring->buffers, id);
  Receiver receiver;

  receiver_init (&receiver);
  receive (&receiver);
  assert_submits (1);
  submit_fault = -EPERM;
  ck_assert (!guring_ring_close (ring, -1, NULL));
  g_clear_object (&ring);
  g_clear_object (&group);
  receiver_clear (&receiver);

  ck_assert_uint_eq (pool->n_references, 2);
  guring_buffer_pool_unref (pool);
  guring_buffer_pool_unref (pool);
}
END_TEST

/* What can't be */

START_TEST (numbers_are_checked_and_rounded_up)
{
  static const guint numbers[][2] = {
    { 1, 1 }, { 2, 2 }, { 3, 4 }, { 1000, 1024 }, { 32768, 32768 }
  };
  static const struct
  {
    guint n_buffers;
    gsize buffer_size;
  } wrong[] = { { 0, 1 }, { 1, 0 }, { 32769, 1 }, { G_MAXUINT, 1 }, { 1, G_MAXSIZE } };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr (GuringBufferGroup) made = make_group (numbers[i][0], 7);

      ck_assert_uint_eq (guring_buffer_group_get_n_buffers (made), numbers[i][1]);
      ck_assert_uint_eq (guring_buffer_group_get_buffer_size (made), 7);
    }

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      ck_assert_ptr_null (
        guring_buffer_group_new (ring, wrong[i].n_buffers, wrong[i].buffer_size, &error));
      assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);
    }
}
END_TEST

static const struct
{
  int fault;
  gint code;
  const gchar *words;
} faults[] = {
  { -EINVAL, G_IO_ERROR_NOT_SUPPORTED, "Linux 5.19" },
  { -ENOMEM, G_IO_ERROR_NO_SPACE, "RLIMIT_MEMLOCK" },
  { -EPERM, G_IO_ERROR_PERMISSION_DENIED, "seccomp" },
  { -ENOSYS, G_IO_ERROR_NOT_SUPPORTED, "seccomp" },
  { -EEXIST, G_IO_ERROR_EXISTS, "65536" },
  { -EFAULT, G_IO_ERROR_FAILED, "refuses" },
};

START_TEST (what_the_kernel_refuses_is_said_in_words)
{
  g_autoptr (GError) error = NULL;

  register_fault = faults[_i].fault;
  ck_assert_ptr_null (guring_buffer_group_new (ring, 8, 8, &error));
  assert_error (error, faults[_i].code);
  ck_assert_msg (strstr (error->message, faults[_i].words) != NULL, "%s", error->message);
  register_fault = 0;
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

static gpointer
make_in_thread (gpointer error)
{
  return guring_buffer_group_new (ring, 8, 8, error);
}

static void
make_while_closing (GuringRing *completed_ring, const GuringCompletion *completion, gpointer error)
{
  ck_assert_ptr_null (guring_buffer_group_new (completed_ring, 8, 8, error));
}

START_TEST (ring_that_is_closing_is_refused)
{
  g_autoptr (GError) error = NULL;
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, make_while_closing, &error, NULL, NULL), 0);
  ck_assert (guring_ring_close (ring, -1, NULL));
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

START_TEST (other_threads_and_closed_rings_are_refused)
{
  g_autoptr (GError) error = NULL;

  ck_assert (g_main_context_acquire (context));
  ck_assert_ptr_null (g_thread_join (g_thread_new ("make", make_in_thread, &error)));
  assert_error (error, G_IO_ERROR_BUSY);
  g_main_context_release (context);
  g_clear_error (&error);

  ck_assert (guring_ring_close (ring, -1, NULL));
  ck_assert_ptr_null (guring_buffer_group_new (ring, 8, 8, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
}
END_TEST

/* Beside the application's own */

START_TEST (ids_of_the_application_are_left_alone)
{
  static guint8 memory[2][4096] __attribute__ ((aligned (4096)));
  struct io_uring_buf_ring *own = (struct io_uring_buf_ring *) (gpointer) memory[0];
  struct io_uring_buf_reg registration = { .ring_addr = (guint64) (guintptr) own,
                                           .ring_entries = 1,
                                           .bgid = FIRST_ID - 1 };
  g_autoptr (GuringBufferGroup) next = NULL;
  Receiver receiver;

  ck_assert_uint_eq (guring_buffer_group_get_id (group), FIRST_ID);
  ck_assert_int_eq (io_uring_register_buf_ring (guring_ring_get_uring (ring), &registration, 0), 0);
  next = make_group (8, 8);
  ck_assert_uint_eq (guring_buffer_group_get_id (next), FIRST_ID - 2);

  io_uring_buf_ring_add (own, memory[1], 4096, 0, io_uring_buf_ring_mask (1), 0);
  io_uring_buf_ring_advance (own, 1);
  receiver_init (&receiver);
  receiver.id = FIRST_ID - 1;
  send_messages (0, 1);
  receive_once (&receiver);
  run_until (receiver.record.n_final > 0);
  ck_assert_int_eq (receiver.record.res, 1);
  ck_assert (receiver.record.flags & IORING_CQE_F_BUFFER);
  ck_assert_uint_eq (receiver.bytes->len, 0);
  receiver_clear (&receiver);
}
END_TEST

START_TEST (bundles_are_refused)
{
  g_autoptr (GError) error = NULL;
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_recv (&sqe, sockets[1], NULL, 0, 0);
  io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
  sqe.ioprio = 1 << 4; /* IORING_RECVSEND_BUNDLE */
  sqe.buf_group = guring_buffer_group_get_id (group);
  ck_assert_uint_eq (guring_ring_queue (ring, &sqe, NULL, NULL, NULL, &error), 0);
  assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);

  sqe.buf_group = 0;
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, NULL, NULL, NULL, NULL), 0);
  ck_assert_int_eq (iterate_ring (TRUE), 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("buffer-group-ends");
  TCase *tcase = add_case (suite, "group");

  tcase_add_checked_fixture (tcase, setup_group, teardown_group);
  tcase_add_test (tcase, bytes_are_copies_only_while_many_are_kept);
  tcase_add_loop_test (tcase, bytes_outlive_group_and_ring, 0, 4);
  tcase_add_loop_test (tcase, operations_keep_the_group_that_was_dropped, 0, 2);
  tcase_add_test (tcase, group_is_dropped_in_any_thread);
  tcase_add_test (tcase, bytes_are_taken_after_the_callback_closed_the_ring);
  tcase_add_test (tcase, operations_that_never_ended_keep_the_memory);
  tcase_add_test (tcase, numbers_are_checked_and_rounded_up);
  tcase_add_loop_test (tcase, what_the_kernel_refuses_is_said_in_words, 0, G_N_ELEMENTS (faults));
  tcase_add_test (tcase, other_threads_and_closed_rings_are_refused);
  tcase_add_test (tcase, ring_that_is_closing_is_refused);
  tcase_add_test (tcase, ids_of_the_application_are_left_alone);
  tcase_add_test (tcase, bundles_are_refused);
  return run_suite (suite);
}
