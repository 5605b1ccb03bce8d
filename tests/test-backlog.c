/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The FIFO of SQEs that wait for the kernel. White box: the backlog by itself. */

#include "config.h"

#include <string.h>

#include "backlog.h"
#include "support.h"

#define N_SEEDS 20
#define N_STEPS 3000
#define FIRST_CAPACITY 64

static GuringBacklog backlog;

static void
teardown (void)
{
  guring_backlog_clear (&backlog);
}

static guint64
push (guint8 opcode, guint8 flags, guint64 user_data)
{
  struct io_uring_sqe sqe = { .opcode = opcode, .flags = flags, .user_data = user_data };

  *guring_backlog_push (&backlog) = sqe;
  return backlog.tail - 1;
}

/* Check's assertions make a system call each, too slow for each element. */
static void
assert_is_like (GQueue *model)
{
  guint64 position = backlog.head;
  guint n_wrong = 0;

  ck_assert_uint_eq (backlog.tail - backlog.head, model->length);
  for (GList *link = model->head; link != NULL; link = link->next)
    n_wrong +=
      guring_backlog_get (&backlog, position++)->user_data != GPOINTER_TO_SIZE (link->data);
  ck_assert_uint_eq (n_wrong, 0);
}

/* Mostly grows in the first half, mostly shrinks in the second. */
START_TEST (it_is_a_queue_across_growth_and_wrap_around)
{
  GRand *random = g_rand_new_with_seed ((guint32) _i);
  GQueue model = G_QUEUE_INIT;

  for (guint i = 0; i < N_STEPS; i++)
    {
      if (g_rand_int_range (random, 0, 10) < (i < N_STEPS / 2 ? 6 : 4))
        {
          ck_assert_uint_eq (push (IORING_OP_NOP, 0, i), backlog.tail - 1);
          g_queue_push_tail (&model, GSIZE_TO_POINTER (i));
        }
      else if (!g_queue_is_empty (&model))
        {
          g_queue_pop_head (&model);
          backlog.head++;
        }
      if (i % 10 == 0)
        assert_is_like (&model);
    }
  assert_is_like (&model);
  ck_assert_uint_gt (backlog.tail, backlog.capacity);
  g_queue_clear (&model);
  g_rand_free (random);
}
END_TEST

START_TEST (it_keeps_its_memory_while_it_is_no_longer_than_before)
{
  struct io_uring_sqe *sqes;

  push (IORING_OP_NOP, 0, 0);
  sqes = backlog.sqes;
  for (guint64 i = 1; i < 10 * FIRST_CAPACITY; i++)
    {
      push (IORING_OP_NOP, 0, i);
      if (i >= FIRST_CAPACITY - 1)
        ck_assert_uint_eq (guring_backlog_get (&backlog, backlog.head++)->user_data,
                           i + 1 - FIRST_CAPACITY);
    }
  ck_assert_ptr_eq (backlog.sqes, sqes);
  ck_assert_uint_eq (backlog.capacity, FIRST_CAPACITY);
}
END_TEST

START_TEST (positions_hold_their_sqe_while_it_grows)
{
  backlog.head = backlog.tail = FIRST_CAPACITY / 2 + 5;
  for (guint64 i = 0; i < 10000; i++)
    {
      guint64 position = push (IORING_OP_NOP, 0, i);

      ck_assert_uint_eq (position, backlog.head + i);
    }
  for (guint64 i = 0; i < 10000; i++)
    ck_assert_uint_eq (guring_backlog_get (&backlog, backlog.head + i)->user_data, i);
}
END_TEST

START_TEST (clearing_leaves_an_empty_one)
{
  for (guint i = 0; i < 1000; i++)
    push (IORING_OP_NOP, 0, i);
  guring_backlog_clear (&backlog);
  ck_assert_uint_eq (backlog.head, 0);
  ck_assert_uint_eq (backlog.tail, 0);
  ck_assert_uint_eq (push (IORING_OP_NOP, 0, 7), 0);
  ck_assert_uint_eq (guring_backlog_get (&backlog, 0)->user_data, 7);
}
END_TEST

/* Each member of a chain finds its end, wherever the buffer wraps. */
START_TEST (chains_end_behind_their_last_member)
{
  static const guint8 links[] = { IOSQE_IO_LINK, IOSQE_IO_HARDLINK,
                                  IOSQE_IO_LINK | IOSQE_IO_HARDLINK };
  GRand *random = g_rand_new_with_seed (11);

  for (guint i = 0; i < 500; i++)
    {
      guint64 first = backlog.head;
      guint64 end = first + (guint64) g_rand_int_range (random, 1, 20);

      for (guint64 position = first; position < end; position++)
        push (IORING_OP_NOP, position + 1 < end ? links[position % 3] : IOSQE_IO_DRAIN, 0);
      push (IORING_OP_NOP, 0, 0);

      for (guint64 position = first; position < end; position++)
        ck_assert_uint_eq (guring_backlog_get_chain_end (&backlog, position), end);
      ck_assert_uint_eq (guring_backlog_get_chain_end (&backlog, end), end + 1);
      backlog.head = end + 1;
    }
  ck_assert_uint_eq (backlog.capacity, FIRST_CAPACITY);
  g_rand_free (random);
}
END_TEST

/* A letter is an operation: s is soft-linked, h is hard-linked, b is both, S and H are link
 * timeouts that are linked so, T is one at the end, and a dot is any other at the end. The digit
 * below it is how many end with it. */
static const struct
{
  const gchar *operations;
  const gchar *n_ended;
} cancellations[] = {
  { ".", "1" },         { "ss.", "321" },     { "hh.", "111" },   { "hs.", "121" },
  { "sh.", "311" },     { "shs.", "4121" },   { "bs.", "121" },   { "sT", "21" },
  { "hT", "21" },       { "sS.", "311" },     { "hS.", "211" },   { "hH.", "211" },
  { "sH.", "311" },     { "hsT", "121" },     { "hhT", "121" },   { "shSs.", "52121" },
  { "ssSs.", "54121" }, { "hShS.", "21211" }, { "s.h.", "2111" }, { "bS.", "211" },
  { "sSss.", "51321" },
};

static void
push_letter (gchar letter)
{
  static const gchar letters[] = "shbSHT.";
  static const guint8 flags[] = { IOSQE_IO_LINK,
                                  IOSQE_IO_HARDLINK,
                                  IOSQE_IO_LINK | IOSQE_IO_HARDLINK,
                                  IOSQE_IO_LINK,
                                  IOSQE_IO_HARDLINK,
                                  0,
                                  0 };
  gsize which = (gsize) (strchr (letters, letter) - letters);

  push (g_ascii_isupper (letter) ? IORING_OP_LINK_TIMEOUT : IORING_OP_READ, flags[which], 1);
}

START_TEST (a_cancelled_member_takes_along_what_the_kernel_would)
{
  const gchar *operations = cancellations[_i].operations;

  for (guint offset = 0; offset < FIRST_CAPACITY; offset++)
    {
      backlog.head = backlog.tail = offset;
      for (const gchar *letter = operations; *letter != '\0'; letter++)
        push_letter (*letter);

      for (guint i = 0; operations[i] != '\0'; i++)
        {
          guint64 end = guring_backlog_get_cancel_end (&backlog, offset + i);
          guint64 expected = (guint64) (cancellations[_i].n_ended[i] - '0');

          ck_assert_msg (end == offset + i + expected, "%s, member %u", operations, i);
        }
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("backlog");
  TCase *tcase = add_case (suite, "backlog");

  tcase_add_checked_fixture (tcase, NULL, teardown);
  tcase_add_loop_test (tcase, it_is_a_queue_across_growth_and_wrap_around, 0, N_SEEDS);
  tcase_add_test (tcase, it_keeps_its_memory_while_it_is_no_longer_than_before);
  tcase_add_test (tcase, positions_hold_their_sqe_while_it_grows);
  tcase_add_test (tcase, clearing_leaves_an_empty_one);
  tcase_add_test (tcase, chains_end_behind_their_last_member);
  tcase_add_loop_test (tcase, a_cancelled_member_takes_along_what_the_kernel_would, 0,
                       G_N_ELEMENTS (cancellations));
  return run_suite_without_io_uring (suite);
}
