/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 5, chains stay whole: members that succeed, fail and wait, with soft and hard links,
 * drains, link timeouts and cancellations; from what each would do by itself follows what must have
 * become of its chain. */

#include "config.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "faults.h"
#include "input.h"
#include "oracle.h"
#include "records.h"

#define N_ENTRIES 8
#define MAX_STEPS 48
#define MAX_CHAINS RECORDS_MAX
#define MAX_MEMBERS (N_ENTRIES + 2)
#define N_WAITERS 12
#define PATIENCE (8 * G_TIME_SPAN_SECOND)

/* Linux 6.11, not in the headers of liburing 2.3; they refuse flags that they don't know. */
#define INJECT_RESULT 1u
#define NO_FLAG 0x80000000u

typedef enum
{
  SUCCEED,
  FAIL, /* when it runs */
  BAD,  /* and is refused when it is submitted, with its chain */
  WAIT, /* for its eventfd */
  LIMIT /* link timeout */
} Kind;

typedef struct
{
  Kind kind;
  gint32 own; /* result, when it is left alone */
  gint fd;
  gboolean hard;
  gboolean cancelled;
  gboolean limited; /* by a timeout that may be over before it ends */
} Member;

typedef struct
{
  guint first; /* of the records */
  guint n;
  gboolean drains;
} Chain;

static GMainContext *context;
static GuringRing *ring;
static gboolean can_inject;
static gint waiters[N_WAITERS];
static guint n_waiters;
static Member members[RECORDS_MAX];
static Chain chains[MAX_CHAINS];
static guint n_chains;
static gboolean closing;
static gboolean ring_broke;

/* Both are there until the end. */
static struct __kernel_timespec soon = { .tv_nsec = 1 };
static struct __kernel_timespec never = { .tv_sec = 3600 };

static gint32
run_nop (guint flags)
{
  struct io_uring uring;
  struct io_uring_cqe *cqe;
  struct io_uring_sqe *sqe;
  gint32 res;

  if (io_uring_queue_init (1, &uring, 0) < 0)
    return -1;
  sqe = io_uring_get_sqe (&uring);
  *sqe = (struct io_uring_sqe){ .opcode = IORING_OP_NOP, .len = 77 };
  sqe->rw_flags = (gint) flags;
  io_uring_submit_and_wait (&uring, 1);
  io_uring_peek_cqe (&uring, &cqe);
  res = cqe->res;
  io_uring_queue_exit (&uring);
  return res;
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  records_init ();
  context = g_main_context_new ();
  can_inject = run_nop (INJECT_RESULT) == 77;
  for (guint i = 0; i < N_WAITERS; i++)
    waiters[i] = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  return 0;
}

static void
on_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer record)
{
  record_completed (record, completion);
}

static void
on_notify (gpointer record)
{
  record_notified (record);
}

static void
prepare_result (FuzzInput *input, struct io_uring_sqe *sqe, Member *member)
{
  gint32 res = (gint32) input_take_below (input, 100);

  member->own = member->kind == FAIL ? -1 - res : 0;
  if (can_inject)
    {
      io_uring_prep_nop (sqe);
      sqe->len = (guint32) member->own;
      sqe->rw_flags = INJECT_RESULT;
    }
  else if (member->kind == FAIL)
    {
      io_uring_prep_read (sqe, -1, &members, 0, 0);
      member->own = -EBADF;
    }
  else
    io_uring_prep_nop (sqe);
}

static void
prepare_wait (struct io_uring_sqe *sqe, Member *member)
{
  member->own = POLLIN;
  member->fd = waiters[n_waiters++];
  io_uring_prep_poll_add (sqe, member->fd, POLLIN);
}

static void
prepare_limit (FuzzInput *input, struct io_uring_sqe *sqe, Member *member)
{
  gboolean is_short = input_take_boolean (input);

  io_uring_prep_link_timeout (sqe, is_short ? &soon : &never, 0);
  member->own = is_short ? -ETIME : -ECANCELED;
}

static void
prepare (FuzzInput *input, struct io_uring_sqe *sqe, Member *member)
{
  static const Kind kinds[] = { SUCCEED, SUCCEED, FAIL, BAD, WAIT, WAIT, LIMIT, LIMIT };

  member->kind = input_take_choice (input, kinds);
  if (member->kind == WAIT && n_waiters == N_WAITERS)
    member->kind = SUCCEED;

  switch (member->kind)
    {
    case BAD:
      io_uring_prep_fsync (sqe, waiters[0], NO_FLAG);
      member->own = -EINVAL;
      break;
    case WAIT:
      prepare_wait (sqe, member);
      break;
    case LIMIT:
      prepare_limit (input, sqe, member);
      break;
    default:
      prepare_result (input, sqe, member);
    }

  member->hard = input_take_boolean (input);
  if (input_take_below (input, 8) == 7)
    sqe->flags |= IOSQE_IO_DRAIN;
}

/* A timeout limits something that can be limited, and is not limited itself. */
static gboolean
follows_well (const Member *member, const Member *previous)
{
  return member->kind != LIMIT || (previous != NULL && previous->kind != LIMIT);
}

static void
build (FuzzInput *input, GuringRequest *requests, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      Member *member = &members[n_records];
      Record *record;

      do
        {
          *member = (Member){ .fd = -1 };
          requests[i].sqe = (struct io_uring_sqe){ 0 };
          prepare (input, &requests[i].sqe, member);
        }
      while (i > 0 && !follows_well (member, member - 1));

      if (i + 1 < n && member->hard)
        requests[i].sqe.flags |= IOSQE_IO_HARDLINK;
      if (i > 0 && member->kind == LIMIT && member->own == -ETIME)
        member[-1].limited = TRUE;

      record = record_new (&requests[i].sqe);
      record->data = member;
      requests[i].func = on_completion;
      requests[i].user_data = record;
      requests[i].notify = on_notify;
    }
}

static gboolean
offer (GuringRequest *requests, guint n, guint64 *ids, GError **error)
{
  if (n != 1)
    return guring_ring_queue_chain (ring, requests, n, ids, error);

  ids[0] = guring_ring_queue (ring, &requests->sqe, requests->func, requests->user_data,
                              requests->notify, error);
  return ids[0] != 0;
}

static void
add_chain (FuzzInput *input)
{
  guint n = 1 + input_take_below (input, MAX_MEMBERS);
  GuringRequest requests[MAX_MEMBERS] = { 0 };
  guint64 ids[MAX_MEMBERS] = { 0 };
  Chain *chain = &chains[n_chains];
  g_autoptr (GError) error = NULL;
  gboolean accepted;

  if (n_records + n > RECORDS_MAX)
    return;

  *chain = (Chain){ .first = n_records, .n = n };
  build (input, requests, n);
  accepted = offer (requests, n, ids, &error);
  oracle_holds ("a chain that fits is accepted, and no other",
                accepted ==
                  (!ring_broke && n <= N_ENTRIES && follows_well (&members[chain->first], NULL)),
                "%u members: %s", n, error != NULL ? error->message : "accepted");
  for (guint i = 0; i < n; i++)
    {
      records[chain->first + i].id = ids[i];
      chain->drains = chain->drains || (requests[i].sqe.flags & IOSQE_IO_DRAIN);
    }
  if (accepted)
    n_chains++;
}

static void
cancel (FuzzInput *input)
{
  guint i = input_take_below (input, n_records);

  if (n_records > 0 && guring_ring_cancel (ring, records[i].id))
    members[i].cancelled = TRUE;
}

static void
release (guint waiter)
{
  eventfd_write (waiters[waiter], 1);
}

static void
iterate (void)
{
  g_autoptr (GError) error = NULL;
  gint n = guring_ring_iterate (ring, FALSE, &error);

  oracle_holds ("a ring works until it is closed", n >= 0 || ring_broke, "%s",
                error != NULL ? error->message : "no error");
}

static void
step (FuzzInput *input)
{
  switch (input_take_below (input, 8))
    {
    case 0:
      iterate ();
      break;
    case 1:
      g_main_context_iteration (context, FALSE);
      break;
    case 2:
      cancel (input);
      break;
    case 3:
      release (input_take_below (input, N_WAITERS));
      break;
    default:
      add_chain (input);
    }
  records_check_statistics (ring, NULL);
}

static guint64
count_unfinished (void)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  return statistics.queued - statistics.completed;
}

/* Nothing holds anything up any more, so all ends by itself. */
static void
run_to_the_end (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;
  struct pollfd fd = { .fd = guring_ring_get_uring (ring)->ring_fd, .events = POLLIN };

  for (guint i = 0; i < n_waiters; i++)
    release (i);

  for (iterate (); count_unfinished () > 0; iterate ())
    {
      oracle_holds ("what runs ends", g_get_monotonic_time () < deadline,
                    "%" G_GUINT64_FORMAT " operations did not", count_unfinished ());
      faults_rescue (ring);
      poll (&fd, 1, 1);
    }
}

static gboolean
has_kind (const Chain *chain, Kind kind, gint32 res)
{
  for (guint i = chain->first; i < chain->first + chain->n; i++)
    if (members[i].kind == kind && records[i].res == res)
      return TRUE;
  return FALSE;
}

static void
print_chain (const Chain *chain)
{
  static const gchar *const names[] = { "succeed", "fail", "bad", "wait", "limit" };

  for (guint i = chain->first; i < chain->first + chain->n; i++)
    g_printerr ("operation %u: %s %d, %s link%s%s: %d\n", i, names[members[i].kind], members[i].own,
                members[i].hard ? "hard" : "soft", members[i].cancelled ? ", cancelled" : "",
                members[i].limited ? ", limited" : "", records[i].res);
}

static void
check_result (const Chain *chain, guint i, gboolean expected, const gchar *why)
{
  if (!expected)
    print_chain (chain);
  oracle_holds ("chains break where they should, and nowhere else", expected,
                "operation %u ended with %d: %s", i, records[i].res, why);
}

/* Of a chain that the kernel refused as a whole */
static void
check_refused (const Chain *chain)
{
  for (guint i = chain->first; i < chain->first + chain->n; i++)
    check_result (chain, i,
                  records[i].res == -ECANCELED ||
                    (members[i].kind == BAD && records[i].res == -EINVAL),
                  "its chain is bad");
}

/* What a timeout that is over says depends on how far the other one was. */
static void
check_limit (const Chain *chain, guint i)
{
  gint32 res = records[i].res;

  check_result (chain, i,
                res == -ECANCELED || (members[i].own == -ETIME &&
                                      (res == -ETIME || res == -ENOENT || res == -EALREADY)),
                "it limits the one before it");
}

/* Each does what it does by itself, unless it is cancelled, or one before it broke the chain. */
static void
check_links (const Chain *chain)
{
  gboolean broken = FALSE;

  for (guint i = chain->first; i < chain->first + chain->n; i++)
    {
      const Member *member = &members[i];
      gint32 res = records[i].res;

      if (member->kind == LIMIT)
        {
          check_limit (chain, i);
          continue;
        }
      if (broken)
        check_result (chain, i, res == -ECANCELED, "its chain is broken");
      else
        check_result (chain, i,
                      res == member->own ||
                        (res == -ECANCELED && (member->cancelled || member->limited || closing)),
                      "its chain is whole");
      broken = broken || (res < 0 && !member->hard);
    }
}

static gboolean
ran (guint i)
{
  return members[i].kind != LIMIT && records[i].res != -ECANCELED;
}

static void
check_order (const Chain *chain)
{
  guint last = 0;

  for (guint i = chain->first; i < chain->first + chain->n; i++)
    if (ran (i))
      {
        oracle_holds ("chains run in order", records[i].place > last, "operation %u is too early",
                      i);
        last = records[i].place;
      }
}

/* Who runs before a drain ends before it starts, and nobody behind it starts before it ends. */
static void
check_drain (guint c)
{
  const Chain *chain = &chains[c];
  guint end = chain->first + chain->n;

  for (guint i = chain->first; i < end; i++)
    for (guint j = 0; j < n_records && ran (i); j++)
      if (records[j].id != 0 && ran (j) && (j < chain->first || j >= end))
        oracle_holds ("a drain waits for all, and all wait for it",
                      (j < i) == (records[j].place < records[i].place),
                      "operation %u, a drain, and operation %u", i, j);
}

static void
check_chain (guint c)
{
  const Chain *chain = &chains[c];

  if (has_kind (chain, BAD, -EINVAL))
    check_refused (chain);
  else
    {
      check_links (chain);
      check_order (chain);
    }
  if (chain->drains)
    check_drain (c);
}

static void
finish (void)
{
  eventfd_t value;

  if (!closing)
    run_to_the_end ();
  records_close (ring);
  records_check_ended (NULL);
  records_check_statistics (ring, NULL);
  g_object_unref (ring);

  for (guint c = 0; c < n_chains && !ring_broke; c++)
    check_chain (c);
  for (guint i = 0; i < N_WAITERS; i++)
    eventfd_read (waiters[i], &value);
}

static void
on_broken (const struct io_uring *uring)
{
  ring_broke = TRUE;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = { data, size };
  guint cq_entries = input_take_boolean (&input) ? N_ENTRIES : 2 * N_ENTRIES;
  g_autoptr (GError) error = NULL;

  closing = input_take_below (&input, 4) == 3;
  records_start ();
  n_waiters = n_chains = 0;
  ring_broke = FALSE;
  faults_listen (on_broken);
  ring = g_initable_new (GURING_TYPE_RING, NULL, &error, "context", context, "entries", N_ENTRIES,
                         "cq-entries", cq_entries, NULL);
  if (ring == NULL)
    {
      oracle_holds ("a ring is made", faults_have_fired (), "%s", error->message);
      return 0;
    }

  for (guint i = 0; i < MAX_STEPS && !input_is_empty (&input); i++)
    step (&input);
  finish ();
  return 0;
}
