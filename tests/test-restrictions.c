/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A restricted ring does what it is allowed and nothing else, whoever enforces it: the kernel, or
 * the library where that can't. */

#include "config.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring-private.h"
#include "support.h"

int __real_io_uring_register (unsigned fd, unsigned opcode, const void *arg, unsigned n);
int __wrap_io_uring_register (unsigned fd, unsigned opcode, const void *arg, unsigned n);

enum
{
  KERNEL,
  LIBRARY,
  N_ENFORCERS
};

static int enforcer;
static guint8 highest_register_opcode = G_MAXUINT8; /* that the kernel knows */
static GuringRestrictions *restrictions;

/* A kernel that lacks some, or all of it */
int
__wrap_io_uring_register (unsigned fd, unsigned opcode, const void *arg, unsigned n)
{
  const struct io_uring_restriction *list = arg;

  if (enforcer == LIBRARY)
    return -EINVAL;
  for (unsigned i = 0; opcode == IORING_REGISTER_RESTRICTIONS && i < n; i++)
    if (list[i].opcode == IORING_RESTRICTION_REGISTER_OP &&
        list[i].register_op > highest_register_opcode)
      return -EINVAL;
  return __real_io_uring_register (fd, opcode, arg, n);
}

static gboolean
is_restricted_by_kernel (void)
{
  gboolean restricted;

  g_object_get (ring, "restricted-by-kernel", &restricted, NULL);
  return restricted;
}

static void
make_restricted_ring (void)
{
  g_autoptr (GError) error = NULL;

  ring = guring_ring_new_restricted (NULL, 8, restrictions, &error);
  ck_assert_msg (ring != NULL, "%s", error != NULL ? error->message : "no error");
  ck_assert_int_eq (is_restricted_by_kernel (), enforcer == KERNEL);
}

static void
setup (void)
{
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  make_pipe (ends);
  restrictions = guring_restrictions_new ();
  guring_restrictions_allow_opcode (restrictions, IORING_OP_READ);
  guring_restrictions_allow_opcode (restrictions, IORING_OP_WRITE);
}

static void
teardown (void)
{
  g_clear_object (&restrictions);
  teardown_ring_and_pipe ();
}

static void
assert_refused (const struct io_uring_sqe *sqe)
{
  g_autoptr (GError) error = NULL;
  Record record = { 0 };

  ck_assert_uint_eq (guring_ring_queue (ring, sqe, record_completion, &record, record_notify,
                                        &error),
                     0);
  assert_error (error, G_IO_ERROR_PERMISSION_DENIED);
  assert_untouched (&record);
}

START_TEST (what_is_allowed_is_done)
{
  struct io_uring_sqe sqe = { 0 };
  Record reading = { 0 }, writing = { 0 };
  gchar byte = 0;

  enforcer = _i;
  make_restricted_ring ();
  queue_read_byte (ends[0], &byte, &reading);
  io_uring_prep_write (&sqe, ends[1], "x", 1, 0);
  queue (&sqe, &writing);
  run_until (reading.n_final > 0 && writing.n_final > 0);
  assert_ended_with (&reading, 1);
  assert_ended_with (&writing, 1);
  ck_assert_int_eq (byte, 'x');
}
END_TEST

START_TEST (what_is_not_allowed_is_refused)
{
  struct io_uring_sqe open = { 0 }, nop = { 0 };

  enforcer = _i;
  make_restricted_ring ();
  io_uring_prep_openat (&open, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
  assert_refused (&open);
  io_uring_prep_nop (&nop);
  assert_refused (&nop);
  ck_assert (guring_ring_supports (ring, IORING_OP_READ));
  ck_assert (!guring_ring_supports (ring, IORING_OP_NOP));
}
END_TEST

static void
queue_what_is_not_allowed (GuringRing *completed_ring,
                           const GuringCompletion *completion,
                           gpointer record)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  assert_refused (&sqe);
  record_completion (completed_ring, completion, record);
}

/* What callbacks queue goes a shorter way. */
START_TEST (a_callback_may_do_no_more)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  enforcer = _i;
  make_restricted_ring ();
  io_uring_prep_write (&sqe, ends[1], "x", 1, 0);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, queue_what_is_not_allowed, &record,
                                        record_notify, NULL),
                     0);
  run_until (record.n_final > 0);
  assert_ended_with (&record, 1);
}
END_TEST

START_TEST (flags_that_are_not_allowed_are_refused)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  gchar byte = 0;

  enforcer = _i;
  guring_restrictions_allow_sqe_flags (restrictions, IOSQE_ASYNC);
  make_restricted_ring ();
  io_uring_prep_read (&sqe, ends[0], &byte, 1, 0);
  sqe.flags = IOSQE_ASYNC | IOSQE_IO_DRAIN;
  assert_refused (&sqe);

  sqe.flags = IOSQE_ASYNC;
  queue (&sqe, &record);
  write_byte (ends[1]);
  run_until (record.n_final > 0);
  assert_ended_with (&record, 1);
}
END_TEST

static gboolean
queue_two_reads (Record *records, gchar *bytes, GError **error)
{
  GuringRequest requests[2];

  for (guint i = 0; i < 2; i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_read (&sqe, ends[0], &bytes[i], 1, 0);
      requests[i] = request (&sqe, &records[i]);
    }
  return guring_ring_queue_chain (ring, requests, 2, NULL, error);
}

START_TEST (a_chain_needs_its_flag)
{
  g_autoptr (GError) error = NULL;
  Record records[2] = { { 0 } };
  gchar bytes[2];

  enforcer = _i;
  make_restricted_ring ();
  ck_assert (!queue_two_reads (records, bytes, &error));
  assert_error (error, G_IO_ERROR_PERMISSION_DENIED);
  g_clear_object (&ring);

  guring_restrictions_allow_sqe_flags (restrictions, IOSQE_IO_LINK);
  make_restricted_ring ();
  ck_assert (queue_two_reads (records, bytes, NULL));
  write_byte (ends[1]);
  write_byte (ends[1]);
  run_until (records[1].n_final > 0);
  assert_ended_with (&records[0], 1);
  assert_ended_with (&records[1], 1);
}
END_TEST

START_TEST (cancelling_and_closing_need_no_permission)
{
  Record records[2] = { { 0 } };
  gchar bytes[2];
  guint64 id;

  enforcer = _i;
  make_restricted_ring ();
  id = queue_read_byte (ends[0], &bytes[0], &records[0]);
  assert_submits (1);
  ck_assert (guring_ring_cancel (ring, id));
  run_until (records[0].n_final > 0);
  assert_ended_with (&records[0], -ECANCELED);

  queue_read_byte (ends[0], &bytes[1], &records[1]);
  assert_submits (1);
  ck_assert (guring_ring_close (ring, -1, NULL));
  assert_ended_with (&records[1], -ECANCELED);
}
END_TEST

START_TEST (a_buffer_group_needs_permission)
{
  g_autoptr (GuringBufferGroup) group = NULL;
  g_autoptr (GError) error = NULL;

  enforcer = _i;
  make_restricted_ring ();
  ck_assert_ptr_null (guring_buffer_group_new (ring, 8, 64, &error));
  assert_error (error, G_IO_ERROR_PERMISSION_DENIED);
  g_clear_object (&ring);

  guring_restrictions_allow_register_opcode (restrictions, IORING_REGISTER_PBUF_RING);
  guring_restrictions_allow_register_opcode (restrictions, IORING_UNREGISTER_PBUF_RING);
  make_restricted_ring ();
  group = guring_buffer_group_new (ring, 8, 64, NULL);
  ck_assert_ptr_nonnull (group);
}
END_TEST

START_TEST (allowing_more_afterwards_changes_nothing)
{
  struct io_uring_sqe sqe = { 0 };

  enforcer = _i;
  make_restricted_ring ();
  guring_restrictions_allow_opcode (restrictions, IORING_OP_NOP);
  io_uring_prep_nop (&sqe);
  assert_refused (&sqe);
}
END_TEST

/* As somebody would who can write into this process's memory, past the library */
static int
submit_raw (struct io_uring_sqe *prepared)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe (&ring->uring);
  struct io_uring_cqe *cqe;
  int res;

  *sqe = *prepared;
  ck_assert_int_eq (io_uring_submit_and_wait (&ring->uring, 1), 1);
  ck_assert_int_eq (io_uring_peek_cqe (&ring->uring, &cqe), 0);
  res = cqe->res;
  io_uring_cqe_seen (&ring->uring, cqe);
  return res;
}

START_TEST (the_kernel_refuses_what_gets_past_the_library)
{
  struct io_uring_sqe nop = { 0 }, drained = { 0 };
  struct iovec buffer = { &nop, sizeof nop };
  gchar byte;

  make_restricted_ring ();
  io_uring_prep_nop (&nop);
  ck_assert_int_eq (submit_raw (&nop), -EACCES);
  io_uring_prep_read (&drained, ends[0], &byte, 1, 0);
  drained.flags = IOSQE_IO_DRAIN;
  ck_assert_int_eq (submit_raw (&drained), -EACCES);
  ck_assert_int_eq (io_uring_register_buffers (guring_ring_get_uring (ring), &buffer, 1), -EACCES);
}
END_TEST

START_TEST (without_the_kernel_there_is_no_way_past_the_library)
{
  enforcer = LIBRARY;
  make_restricted_ring ();
  ck_assert_ptr_null (guring_ring_get_uring (ring));
}
END_TEST

START_TEST (what_the_kernel_does_not_know_is_left_out_of_its_list)
{
  struct io_uring_sqe nop = { 0 };

  highest_register_opcode = IORING_REGISTER_IOWQ_MAX_WORKERS;
  guring_restrictions_allow_opcode (restrictions, 255);
  guring_restrictions_allow_register_opcode (restrictions, IORING_REGISTER_PBUF_RING);
  guring_restrictions_allow_register_opcode (restrictions, 255);
  make_restricted_ring ();
  ck_assert (!guring_ring_supports (ring, 255));
  io_uring_prep_nop (&nop);
  ck_assert_int_eq (submit_raw (&nop), -EACCES);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("restrictions");
  TCase *tcase = add_case (suite, "restricted");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_loop_test (tcase, what_is_allowed_is_done, 0, N_ENFORCERS);
  tcase_add_loop_test (tcase, what_is_not_allowed_is_refused, 0, N_ENFORCERS);
  tcase_add_loop_test (tcase, a_callback_may_do_no_more, 0, N_ENFORCERS);
  tcase_add_loop_test (tcase, flags_that_are_not_allowed_are_refused, 0, N_ENFORCERS);
  tcase_add_loop_test (tcase, a_chain_needs_its_flag, 0, N_ENFORCERS);
  tcase_add_loop_test (tcase, cancelling_and_closing_need_no_permission, 0, N_ENFORCERS);
  tcase_add_loop_test (tcase, a_buffer_group_needs_permission, 0, N_ENFORCERS);
  tcase_add_loop_test (tcase, allowing_more_afterwards_changes_nothing, 0, N_ENFORCERS);
  tcase_add_test (tcase, the_kernel_refuses_what_gets_past_the_library);
  tcase_add_test (tcase, without_the_kernel_there_is_no_way_past_the_library);
  tcase_add_test (tcase, what_the_kernel_does_not_know_is_left_out_of_its_list);
  return run_suite (suite);
}
