/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "chain-support.h"

guint64 finished[64];
guint n_finished;

static gchar sink; /* what is read from the pipe */

static void
setup (void)
{
  setup_ring_and_pipe ();
  n_finished = 0;
}

TCase *
add_chain_case (Suite *suite, const gchar *name)
{
  TCase *tcase = add_case (suite, name);

  tcase_add_checked_fixture (tcase, setup, teardown_ring_and_pipe);
  return tcase;
}

static void
record_order (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  record_completion (completed_ring, completion, data);
  if (guring_completion_is_final (completion) && n_finished < G_N_ELEMENTS (finished))
    finished[n_finished++] = completion->id;
}

void
chain_add (Chain *chain, const struct io_uring_sqe *sqe, guint8 flags)
{
  GuringRequest *added = &chain->requests[chain->n];

  ck_assert_uint_lt (chain->n, CHAIN_MAX);
  *added = request (sqe, &chain->records[chain->n]);
  added->func = record_order;
  added->sqe.flags |= flags;
  chain->n++;
}

void
chain_add_nop (Chain *chain, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  chain_add (chain, &sqe, flags);
}

void
chain_add_bad (Chain *chain, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, -1, &sink, sizeof sink, 0);
  chain_add (chain, &sqe, flags);
}

void
chain_add_read (Chain *chain, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, ends[0], &sink, sizeof sink, 0);
  chain_add (chain, &sqe, flags);
}

void
chain_add_link_timeout (Chain *chain, struct __kernel_timespec *timespec, guint8 flags)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_link_timeout (&sqe, timespec, 0);
  chain_add (chain, &sqe, flags);
}

void
chain_queue (Chain *chain)
{
  g_autoptr (GError) error = NULL;
  gboolean queued = guring_ring_queue_chain (ring, chain->requests, chain->n, chain->ids, &error);

  ck_assert_msg (queued, "%s", error != NULL ? error->message : "no error");
}

void
chain_queue_singly (Chain *chain)
{
  for (guint i = 0; i < chain->n; i++)
    {
      GuringRequest *single = &chain->requests[i];
      g_autoptr (GError) error = NULL;

      chain->ids[i] = guring_ring_queue (ring, &single->sqe, single->func, single->user_data,
                                         single->notify, &error);
      ck_assert_msg (chain->ids[i] != 0, "%s", error != NULL ? error->message : "no error");
    }
}

guint
chain_count_ended (const Chain *chain)
{
  guint n = 0;

  for (guint i = 0; i < chain->n; i++)
    n += chain->records[i].n_notified;
  return n;
}

void
assert_results (const Chain *chain, const gint32 *results)
{
  for (guint i = 0; i < chain->n; i++)
    {
      assert_ended (&chain->records[i]);
      ck_assert_msg (chain->records[i].res == results[i], "member %u of %u: %d and not %d", i,
                     chain->n, chain->records[i].res, results[i]);
      ck_assert_uint_eq (chain->records[i].id, chain->ids[i]);
    }
}

void
assert_order (const guint64 *ids, guint n)
{
  ck_assert_uint_eq (n_finished, n);
  for (guint i = 0; i < n; i++)
    ck_assert_uint_eq (finished[i], ids[i]);
}

void
write_bytes (guint n)
{
  for (guint i = 0; i < n; i++)
    write_byte (ends[1]);
}
