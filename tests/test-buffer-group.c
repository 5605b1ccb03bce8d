/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buffers that the kernel selects: linked with --wrap at the liburing boundary. */

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ring-private.h"
#include "support.h"

#define N_BUFFERS 8u
#define BUFFER_SIZE 256u
#define FIRST_ID G_MAXUINT16
#define N_MESSAGES 100000u

int __real_io_uring_register_buf_ring (struct io_uring *uring,
                                       struct io_uring_buf_reg *registration,
                                       unsigned int flags);
int __wrap_io_uring_register_buf_ring (struct io_uring *uring,
                                       struct io_uring_buf_reg *registration,
                                       unsigned int flags);
int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);

static int register_fault; /* what io_uring_register_buf_ring() returns, having done nothing */
static int submit_fault;
static GuringBufferGroup *group;
static int sockets[2]; /* from the first to the second, message by message */

int
__wrap_io_uring_register_buf_ring (struct io_uring *uring,
                                   struct io_uring_buf_reg *registration,
                                   unsigned int flags)
{
  return register_fault != 0 ? register_fault
                             : __real_io_uring_register_buf_ring (uring, registration, flags);
}

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  return submit_fault != 0 ? submit_fault : __real_io_uring_submit (uring);
}

/* What operations brought */
typedef struct
{
  Record record;
  GuringBufferGroup *group; /* NULL: nothing is taken */
  guint16 id;
  int fd;
  gboolean again; /* goes on after -ENOBUFS */
  guint n_dry;    /* how often that was */
  guint n_brought;
  GPtrArray *bytes;
} Receiver;

static GuringBufferGroup *
make_group (guint n_buffers, gsize buffer_size)
{
  g_autoptr (GError) error = NULL;
  GuringBufferGroup *made = guring_buffer_group_new (ring, n_buffers, buffer_size, &error);

  ck_assert_msg (made != NULL, "%s", error != NULL ? error->message : "no error");
  return made;
}

static void
setup (void)
{
  setup_ring ();
  group = make_group (N_BUFFERS, BUFFER_SIZE);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
}

static void
teardown (void)
{
  g_clear_object (&group);
  close_pipe (sockets);
  teardown_ring ();
}

static void
receiver_init (Receiver *receiver)
{
  *receiver = (Receiver){ .group = group, .fd = sockets[1], .again = TRUE };
  receiver->id = guring_buffer_group_get_id (group);
  receiver->bytes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
}

static void receive (Receiver *receiver);

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

static guint64
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

static void
receive (Receiver *receiver)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_recv_multishot (&sqe, receiver->fd, NULL, 0, 0);
  receiver->record.id = queue_receiving (&sqe, receiver);
}

static void
receive_once (Receiver *receiver)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_recv (&sqe, receiver->fd, NULL, 0, 0);
  queue_receiving (&sqe, receiver);
}

static void
stop (Receiver *receiver)
{
  ck_assert (guring_ring_cancel (ring, receiver->record.id));
  run_until (receiver->record.n_final > 0);
}

static void
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

static void
send_messages (guint first, guint n)
{
  for (guint i = first; i < first + n; i++)
    {
      guint8 message[BUFFER_SIZE];
      gsize size = make_message (i, message);

      ck_assert_int_eq (send (sockets[0], message, size, 0), (gssize) size);
    }
}

static void
assert_message (GBytes *bytes, guint number)
{
  guint8 message[BUFFER_SIZE];
  gsize size = make_message (number, message);

  ck_assert_uint_eq (g_bytes_get_size (bytes), size);
  ck_assert_mem_eq (g_bytes_get_data (bytes, NULL), message, size);
}

static void
assert_messages (Receiver *receiver, guint n)
{
  ck_assert_uint_eq (receiver->bytes->len, n);
  for (guint i = 0; i < n; i++)
    assert_message (g_ptr_array_index (receiver->bytes, i), i);
}

/* None is lost, none is there twice: what the kernel fills in one submission until it is dry */
static void
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
  stop (&receiver);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

START_TEST (single_recv_and_read_take_one_each)
{
  struct io_uring_sqe sqe = { 0 };
  Receiver receiver, reader;
  guint8 message[BUFFER_SIZE];
  int fds[2];

  receiver_init (&receiver);
  receiver_init (&reader);
  make_pipe (fds);
  io_uring_prep_read (&sqe, fds[0], NULL, 0, 0);
  queue_receiving (&sqe, &reader);
  receive_once (&receiver);
  send_messages (0, 1);
  ck_assert_int_eq (write (fds[1], message, make_message (0, message)), 1);

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
  Receiver receiver;

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
  stop (&receiver);

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
  stop (&receiver);
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
  stop (&receiver);
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
  stop (&receiver);
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

/* The callback of the second message runs within that of the first, before this one takes. */
static void
take_after_nested (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Receiver *receiver = data;
  gboolean is_first = receiver->record.n_more == 0;

  receiver->record.n_more++;
  if (is_first)
    run_until (receiver->bytes->len > 0);
  g_ptr_array_insert (receiver->bytes, is_first ? 0 : -1,
                      guring_buffer_group_take_bytes (group, completion));
  receiver->record.n_final++;
}

START_TEST (nested_callbacks_take_their_own)
{
  struct io_uring_sqe sqe = { 0 };
  Receiver receiver;

  receiver_init (&receiver);
  io_uring_prep_recv (&sqe, sockets[1], NULL, 0, 0);
  io_uring_sqe_set_flags (&sqe, IOSQE_BUFFER_SELECT);
  sqe.buf_group = receiver.id;
  for (guint i = 0; i < 2; i++)
    ck_assert_uint_ne (guring_ring_queue (ring, &sqe, take_after_nested, &receiver, NULL, NULL), 0);
  send_messages (0, 2);
  run_until (receiver.bytes->len == 2);
  assert_messages (&receiver, 2);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (N_BUFFERS);
}
END_TEST

static gpointer
unref_array (gpointer array)
{
  g_ptr_array_unref (array);
  return NULL;
}

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
  stop (&receiver);
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
  stop (&receiver);
  receiver_clear (&receiver);
  assert_n_buffers_with_kernel (N_BUFFERS);
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
  g_thread_join (g_thread_new ("unref", unref_array, g_ptr_array_ref (receiver.bytes)));
  receiver_clear (&receiver);
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

  stop (&receiver);
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
  GIOErrorEnum code;
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

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, multishot_recv_brings_what_was_sent);
  tcase_add_test (tcase, single_recv_and_read_take_one_each);
  tcase_add_test (tcase, end_of_stream_and_errors_bring_nothing);
  tcase_add_test (tcase, two_groups_of_a_ring_do_not_mix);
  tcase_add_test (tcase, bytes_that_are_kept_starve_nobody);
  tcase_add_test (tcase, after_running_dry_it_goes_on);
  tcase_add_test (tcase, one_buffer_is_enough);
  tcase_add_test (tcase, buffers_that_nobody_takes_come_back);
  tcase_add_test (tcase, bytes_are_taken_once_and_within_the_callback);
  tcase_add_test (tcase, nested_callbacks_take_their_own);
  tcase_add_test (tcase, any_thread_returns_buffers_while_others_arrive);
  tcase_add_test (tcase, no_buffer_is_lost_in_100000_messages);
}

int
main (void)
{
  Suite *suite = suite_create ("buffer-group");
  TCase *tcase = add_case (suite, "group");

  tcase_add_checked_fixture (tcase, setup, teardown);
  add_tests (tcase);
  tcase_add_loop_test (tcase, bytes_outlive_group_and_ring, 0, 4);
  tcase_add_loop_test (tcase, operations_keep_the_group_that_was_dropped, 0, 2);
  tcase_add_test (tcase, group_is_dropped_in_any_thread);
  tcase_add_test (tcase, bytes_are_taken_after_the_callback_closed_the_ring);
  tcase_add_test (tcase, operations_that_never_ended_keep_the_memory);
  tcase_add_test (tcase, numbers_are_checked_and_rounded_up);
  tcase_add_loop_test (tcase, what_the_kernel_refuses_is_said_in_words, 0, G_N_ELEMENTS (faults));
  tcase_add_test (tcase, other_threads_and_closed_rings_are_refused);
  tcase_add_test (tcase, ids_of_the_application_are_left_alone);
  tcase_add_test (tcase, bundles_are_refused);
  return run_suite (suite);
}
