/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promises 1, 4, 5 and 9 when io_uring_enter() fails: linked with --wrap at the liburing boundary.
 */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "support.h"

int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);
int __real_io_uring_get_events (struct io_uring *uring);
int __wrap_io_uring_get_events (struct io_uring *uring);

static int submit_fault;      /* what io_uring_submit() returns, having done nothing */
static guint n_submit_faults; /* how many times more */
static guint submit_limit;    /* how many SQEs it takes at most, 0: all */
static int get_events_fault;
static guint n_get_events_faults;

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  if (n_submit_faults > 0)
    {
      n_submit_faults--;
      return submit_fault;
    }

  if (submit_limit == 0)
    return __real_io_uring_submit (uring);

  /* Hide what is beyond the limit. */
  uring->sq.sqe_tail = MIN (uring->sq.sqe_tail, *uring->sq.khead + submit_limit);
  return __real_io_uring_submit (uring);
}

int
__wrap_io_uring_get_events (struct io_uring *uring)
{
  if (n_get_events_faults == 0)
    return __real_io_uring_get_events (uring);

  n_get_events_faults--;
  return get_events_fault;
}

static void
queue_nops (Record *records, guint n)
{
  for (guint i = 0; i < n; i++)
    queue_nop (&records[i]);
}

static const int transient_errors[] = { -EAGAIN, -EBUSY, -EINTR, -ENOMEM, 0 };

START_TEST (a_transient_error_is_retried_from_the_loop)
{
  Record records[20] = { 0 };

  queue_nops (records, G_N_ELEMENTS (records));
  submit_fault = transient_errors[_i];
  n_submit_faults = 5;
  ck_assert_int_eq (guring_ring_submit (ring, NULL), 0);
  ck_assert_uint_eq (n_submit_faults, 4);
  assert_counts (0, G_N_ELEMENTS (records));

  run_until (records[G_N_ELEMENTS (records) - 1].n_notified > 0);
  ck_assert_uint_eq (n_submit_faults, 0);
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    assert_ended_with (&records[i], 0);
}
END_TEST

START_TEST (a_blocking_iterate_retries_too)
{
  Record record = { 0 };

  queue_nops (&record, 1);
  submit_fault = -EAGAIN;
  n_submit_faults = 5;
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, NULL), 1);
  assert_ended_with (&record, 0);
}
END_TEST

START_TEST (closing_retries_too)
{
  Record record = { 0 };
  gchar byte;

  queue_read_byte (ends[0], &byte, &record);
  assert_submits (1);

  submit_fault = -EAGAIN;
  n_submit_faults = 5;
  ck_assert (guring_ring_close (ring, -1, NULL));
  ck_assert_uint_eq (n_submit_faults, 0);
  assert_ended_with (&record, -ECANCELED);
}
END_TEST

START_TEST (a_short_submit_goes_on_with_the_rest_in_order)
{
  Record records[20] = { 0 };

  submit_limit = 3;
  queue_nops (records, G_N_ELEMENTS (records));
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    {
      run_until (records[i].n_notified > 0);
      assert_ended_with (&records[i], 0);
    }
}
END_TEST

/* The kernel would run the rest of the chain on its own. */
START_TEST (a_chain_cut_by_a_short_submit_ends_there)
{
  Record single = { 0 };
  Record records[4] = { 0 };
  Record behind = { 0 };
  GuringRequest chain[4];
  int hard = _i ? IOSQE_IO_HARDLINK : 0;

  queue_nops (&single, 1);
  for (guint i = 0; i < G_N_ELEMENTS (chain); i++)
    {
      struct io_uring_sqe sqe = { 0 };

      io_uring_prep_nop (&sqe);
      sqe.flags |= (guint8) (i + 1 < G_N_ELEMENTS (chain) ? hard : 0);
      chain[i] = request (&sqe, &records[i]);
    }
  ck_assert (guring_ring_queue_chain (ring, chain, G_N_ELEMENTS (chain), NULL, NULL));
  queue_nops (&behind, 1);

  submit_limit = 3;
  run_until (behind.n_notified > 0 && records[1].n_notified > 0);
  assert_ended_with (&single, 0);
  assert_ended_with (&records[0], 0);
  assert_ended_with (&records[1], 0);
  assert_ended_with (&records[2], -ECANCELED);
  assert_ended_with (&records[3], -ECANCELED);
  assert_ended_with (&behind, 0);
}
END_TEST

START_TEST (a_lasting_error_ends_what_waits_and_refuses_more)
{
  g_autoptr (GError) error = NULL;
  Record records[20] = { 0 };
  struct io_uring_sqe sqe = { 0 };

  queue_nops (records, G_N_ELEMENTS (records));
  submit_fault = -EPERM;
  n_submit_faults = 1;
  ck_assert_int_eq (guring_ring_submit (ring, &error), -1);
  assert_error (error, G_IO_ERROR_PERMISSION_DENIED);
  assert_untouched (&records[0]); /* callbacks come from the loop */

  run_until (records[G_N_ELEMENTS (records) - 1].n_notified > 0);
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    assert_ended_with (&records[i], -EPERM);

  g_clear_error (&error);
  io_uring_prep_nop (&sqe);
  ck_assert_uint_eq (guring_ring_queue (ring, &sqe, NULL, NULL, NULL, &error), 0);
  assert_error (error, G_IO_ERROR_PERMISSION_DENIED);
  g_clear_error (&error);
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, &error), -1);
  assert_error (error, G_IO_ERROR_PERMISSION_DENIED);
}
END_TEST

/* What is in flight can't be cancelled any more, and may still be written to. */
START_TEST (closing_a_broken_ring_leaks_what_is_in_flight_and_says_so)
{
  g_autoptr (GError) error = NULL;
  Record record = { 0 };
  gchar byte;

  queue_read_byte (ends[0], &byte, &record);
  assert_submits (1);

  submit_fault = -EPERM;
  n_submit_faults = 1;
  ck_assert (!guring_ring_close (ring, -1, &error));
  assert_error (error, G_IO_ERROR_TIMED_OUT);
  ck_assert_ptr_nonnull (strstr (error->message, "leaked"));

  g_clear_object (&ring);
  assert_untouched (&record);
}
END_TEST

/* What the kernel is at work on ends without another io_uring_enter(). */
START_TEST (closing_a_broken_ring_waits_for_what_ends_by_itself)
{
  struct __kernel_timespec soon = { .tv_nsec = 20 * 1000 * 1000 };
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  io_uring_prep_timeout (&sqe, &soon, 0, 0);
  queue (&sqe, &record);
  assert_submits (1);

  submit_fault = -EPERM;
  n_submit_faults = 1;
  ck_assert (guring_ring_close (ring, -1, NULL));
  assert_ended_with (&record, -ETIME);
}
END_TEST

/* Overflows the CQ of 16 with 16 operations and their cancellations. */
static void
overflow_cq (Record records[16])
{
  static gchar byte;
  guint64 ids[16];

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    ids[i] = queue_read_byte (ends[0], &byte, &records[i]);
  guring_ring_submit (ring, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    ck_assert (guring_ring_cancel (ring, ids[i]));
}

static guint
count_ended (const Record records[16])
{
  guint n_ended = 0;

  for (guint i = 0; i < 16; i++)
    n_ended += records[i].n_notified;
  return n_ended;
}

START_TEST (an_overflow_that_can_not_be_flushed_yet_is_retried)
{
  Record records[16] = { 0 };

  get_events_fault = -EBUSY;
  n_get_events_faults = 5;
  overflow_cq (records);

  run_until (count_ended (records) == G_N_ELEMENTS (records));
  ck_assert_uint_lt (n_get_events_faults, 5);
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    assert_ended_with (&records[i], -ECANCELED);
}
END_TEST

/* A loop that spun would have something to do in every iteration. */
START_TEST (a_descriptor_that_somebody_closed_is_noticed_once)
{
  g_autoptr (GError) error = NULL;
  struct io_uring_sqe sqe = { 0 };

  close (guring_ring_get_uring (ring)->ring_fd);
  while (g_main_context_iteration (context, FALSE))
    ;

  io_uring_prep_nop (&sqe);
  ck_assert_uint_eq (guring_ring_queue (ring, &sqe, NULL, NULL, NULL, &error), 0);
  ck_assert_ptr_nonnull (strstr (error->message, "closed the ring's descriptor"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("faults");
  TCase *tcase = add_case (suite, "ring");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
  tcase_add_loop_test (tcase, a_transient_error_is_retried_from_the_loop, 0,
                       G_N_ELEMENTS (transient_errors));
  tcase_add_test (tcase, a_blocking_iterate_retries_too);
  tcase_add_test (tcase, closing_retries_too);
  tcase_add_test (tcase, a_short_submit_goes_on_with_the_rest_in_order);
  tcase_add_loop_test (tcase, a_chain_cut_by_a_short_submit_ends_there, 0, 2);
  tcase_add_test (tcase, a_lasting_error_ends_what_waits_and_refuses_more);
  tcase_add_test (tcase, closing_a_broken_ring_leaks_what_is_in_flight_and_says_so);
  tcase_add_test (tcase, closing_a_broken_ring_waits_for_what_ends_by_itself);
  tcase_add_test (tcase, an_overflow_that_can_not_be_flushed_yet_is_retried);
  tcase_add_test (tcase, a_descriptor_that_somebody_closed_is_noticed_once);
  return run_suite (suite);
}
