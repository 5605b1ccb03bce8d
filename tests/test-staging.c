/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a callback queues goes straight to the SQ: in order all the same, never more than the CQ has
 * room for, and it can be taken back. */

#include "config.h"

#include "support.h"

#define CQ_ENTRIES 16 /* of the fixture's ring */

static GString *order;
static guint n_linked;

/* Runs @act in a callback of the ring. */
static void
run_in_callback (GuringCompletionFunc act, gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, act, user_data, NULL, NULL), 0);
  run_until (guring_ring_get_room (ring) == CQ_ENTRIES);
}

static void
append (GuringRing *completed, const GuringCompletion *completion, gpointer letter)
{
  ck_assert_int_eq (completion->res, 0);
  g_string_append_c (order, (gchar) GPOINTER_TO_INT (letter));
}

static void
queue_letter (gchar letter)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, append, GINT_TO_POINTER (letter), NULL, NULL),
                     0);
}

static void
count_linked (GuringRing *completed, const GuringCompletion *completion, gpointer unused)
{
  ck_assert_int_eq (completion->res, 0);
  n_linked++;
}

/* Its second member ends when the kernel likes. */
static void
queue_chain (gchar letter)
{
  GuringRequest requests[] = {
    { { 0 }, append, GINT_TO_POINTER (letter), NULL },
    { { 0 }, count_linked, NULL, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    io_uring_prep_nop (&requests[i].sqe);
  ck_assert (guring_ring_queue_chain (ring, requests, G_N_ELEMENTS (requests), NULL, NULL));
}

/* A capital letter is a chain. */
static void
queue_script (GuringRing *completed, const GuringCompletion *completion, gpointer script)
{
  for (const gchar *letter = script; *letter != '\0'; letter++)
    if (g_ascii_isupper (*letter))
      queue_chain (*letter);
    else
      queue_letter (*letter);
}

START_TEST (chains_and_single_operations_stay_in_order)
{
  static const gchar *const scripts[] = {
    "abc", "Abc", "aBc", "abC", "aBcDe", "ABcD", "abcdefghijklmnopqrst", "Abcdefghijklmnop",
  };
  guint n_chains = 0;

  for (const gchar *letter = scripts[_i]; *letter != '\0'; letter++)
    n_chains += (guint) g_ascii_isupper (*letter);

  order = g_string_new (NULL);
  run_in_callback (queue_script, (gpointer) scripts[_i]);
  ck_assert_str_eq (order->str, scripts[_i]);
  ck_assert_uint_eq (n_linked, n_chains);
  g_string_free (order, TRUE);
}
END_TEST

static guint n_queued, n_completed; /* in a callback */

/* Its own completion has made room for one. */
static void
assert_room (GuringRing *completed, const GuringCompletion *completion, gpointer unused)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_lt (statistics.in_flight, CQ_ENTRIES);
  n_completed++;
}

static void
queue_many (GuringRing *completed, const GuringCompletion *completion, gpointer unused)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  for (guint i = 0; i < n_queued; i++)
    ck_assert_uint_ne (guring_ring_queue (ring, &sqe, assert_room, NULL, NULL, NULL), 0);
}

START_TEST (no_more_are_in_flight_than_the_cq_has_entries)
{
  Record reads[CQ_ENTRIES - 1] = { 0 };
  gchar bytes[CQ_ENTRIES - 1];
  struct io_uring_sqe sqe = { 0 };

  n_queued = (guint) _i;
  for (guint i = 0; i < G_N_ELEMENTS (reads); i++)
    queue_read_byte (ends[0], &bytes[i], &reads[i]);
  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, queue_many, NULL, NULL, NULL), 0);
  run_until (n_completed == n_queued);

  for (guint i = 0; i < G_N_ELEMENTS (reads); i++)
    write_byte (ends[1]);
  run_until (guring_ring_get_room (ring) == CQ_ENTRIES);
}
END_TEST

typedef struct
{
  Record records[3];
  gchar byte;
} Cancelled;

/* Between two that are not */
static void
queue_and_cancel (GuringRing *completed, const GuringCompletion *completion, gpointer data)
{
  Cancelled *cancelled = data;
  guint64 id;

  queue_nop (&cancelled->records[0]);
  id = queue_read_byte (ends[0], &cancelled->byte, &cancelled->records[1]);
  queue_nop (&cancelled->records[2]);
  ck_assert (guring_ring_cancel (ring, id));
}

START_TEST (what_is_cancelled_at_once_never_reaches_the_kernel)
{
  GuringStatistics statistics;
  Cancelled cancelled = { 0 };

  run_in_callback (queue_and_cancel, &cancelled);

  assert_ended_with (&cancelled.records[0], 0);
  assert_ended_with (&cancelled.records[1], -ECANCELED);
  assert_ended_with (&cancelled.records[2], 0);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.queued, 4);
  ck_assert_uint_eq (statistics.submitted, 3);
}
END_TEST

static void
queue_and_close (GuringRing *completed, const GuringCompletion *completion, gpointer data)
{
  Cancelled *cancelled = data;

  queue_nop (&cancelled->records[0]);
  queue_read_byte (ends[0], &cancelled->byte, &cancelled->records[1]);
  ck_assert (guring_ring_close (ring, -1, NULL));
}

START_TEST (closing_ends_what_was_queued_in_the_same_callback)
{
  struct io_uring_sqe sqe = { 0 };
  Cancelled cancelled = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, queue_and_close, &cancelled, NULL, NULL), 0);
  run_until (cancelled.records[1].n_notified > 0);

  assert_ended_with (&cancelled.records[0], -ECANCELED);
  assert_ended_with (&cancelled.records[1], -ECANCELED);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("staging");
  TCase *tcase = add_case (suite, "callbacks");

  tcase_add_checked_fixture (tcase, setup_ring_and_pipe, teardown_ring_and_pipe);
  tcase_add_loop_test (tcase, chains_and_single_operations_stay_in_order, 0, 8);
  tcase_add_loop_test (tcase, no_more_are_in_flight_than_the_cq_has_entries, 1, CQ_ENTRIES + 1);
  tcase_add_test (tcase, what_is_cancelled_at_once_never_reaches_the_kernel);
  tcase_add_test (tcase, closing_ends_what_was_queued_in_the_same_callback);
  return run_suite (suite);
}
