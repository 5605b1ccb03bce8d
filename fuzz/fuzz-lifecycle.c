/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rings that come and go: queueing, cancelling, closing, dropping and iterating, from callbacks and
 * from another thread too, on contexts that end; and GIO's calls on the default ring beside them.
 */

#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "descriptors.h"
#include "faults.h"
#include "helper.h"
#include "input.h"
#include "oracle.h"
#include "records.h"

#define MAX_STEPS 48
#define MAX_DEPTH 3 /* of callbacks in callbacks */
#define MAX_RINGS 4 /* one after the other */
#define MAX_CALLS 6
#define N_WAITERS 4
#define FLOOD 10
#define PATIENCE 4                        /* iterations */
#define LONG_AGO (2 * G_TIME_SPAN_SECOND) /* libFuzzer's timer ends the wait as well, later */

/* Linux 6.4, not in the headers of liburing 2.3 */
#define TIMEOUT_MULTISHOT (1u << 6)

typedef struct
{
  GuringRing *ring; /* NULL: none yet, or no more */
  GMainContext *context;
  const struct io_uring *uring;
  gboolean closed;  /* or broken, which is no better */
  gboolean leaks;   /* it was closed without waiting, or broken */
  gboolean closing; /* or closed: GLib tells it late during a dispatch */
} Slot;

/* Of GIO */
typedef struct
{
  GCancellable *cancellable;
  gboolean cancelled;
  gboolean opens;
  guint n_calls;
} Call;

static FuzzInput *input;
static GMainContext *main_context;
static gchar *path; /* of a file */
static gint waiters[N_WAITERS];
static Slot slots[MAX_RINGS];
static guint n_slots;
static Call calls[MAX_CALLS];
static guint n_calls;
static guint depth;
static gboolean starting; /* no callback may come */
static struct __kernel_timespec soon = { .tv_nsec = 20000 };

static void step (void);

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  records_init ();
  descriptors_init ();
  helper_init ();
  path = g_build_filename (descriptors_get_directory (), "file", NULL);
  for (guint i = 0; i < N_WAITERS; i++)
    waiters[i] = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);

  main_context = g_main_context_default ();
  g_main_context_acquire (main_context);
  if (guring_ring_get_default (NULL) == NULL)
    g_error ("No default ring");
  return 0;
}

/* Callbacks */

static void
on_completion (GuringRing *ring, const GuringCompletion *completion, gpointer data)
{
  Record *record = data;
  const Slot *slot = record->owner;

  oracle_holds ("callbacks come from the loop", !starting, "of operation %u",
                (guint) (record - records));
  oracle_holds ("callbacks know their ring", slot->ring == ring || slot->ring == NULL,
                "another for operation %u", (guint) (record - records));
  record_completed (record, completion);

  if (depth++ < MAX_DEPTH && !input_is_empty (input))
    step ();
  depth--;
}

static void
on_notify (gpointer data)
{
  oracle_holds ("callbacks come from the loop", !starting, "notify of operation %u",
                (guint) ((Record *) data - records));
  record_notified (data);
}

/* Rings */

static GMainContext *
get_context (const Slot *slot)
{
  return slot->context != NULL ? slot->context : main_context;
}

static void
make_ring (void)
{
  static const guint sizes[] = { 8, 1, 2, 64 };
  g_autoptr (GError) error = NULL;
  Slot *slot = &slots[n_slots];

  if (n_slots == MAX_RINGS)
    return;

  slot->context = input_take_boolean (input) ? g_main_context_new () : NULL;
  slot->ring =
    guring_ring_new (slot->context, sizes[input_take_below (input, G_N_ELEMENTS (sizes))], &error);
  if (slot->ring == NULL)
    {
      oracle_holds ("a ring is made", faults_have_fired (), "%s", error->message);
      g_clear_pointer (&slot->context, g_main_context_unref);
      return;
    }
  slot->uring = guring_ring_get_uring (slot->ring);
  g_object_set (slot->ring, "dispatch-budget", 1 + input_take_below (input, 8), NULL);
  n_slots++;

  /* Else the other thread would own it when it drops the ring. */
  if (slot->context != NULL)
    g_main_context_acquire (slot->context);
}

/* The last one in this place */
static void
on_broken (const struct io_uring *uring)
{
  Slot *slot = slots + n_slots;

  while (slot > slots && (--slot)->uring != uring)
    ;
  if (slot->uring == uring)
    slot->closed = slot->closing = slot->leaks = TRUE;
}

/* Returns: (nullable): one that is there */
static Slot *
choose (void)
{
  Slot *slot = n_slots > 0 ? &slots[input_take_below (input, n_slots)] : NULL;

  return slot != NULL && slot->ring != NULL ? slot : NULL;
}

static void
prepare (struct io_uring_sqe *sqe)
{
  gint waiter = waiters[input_take_below (input, N_WAITERS)];

  switch (input_take_below (input, 6))
    {
    case 0:
    case 1:
      io_uring_prep_nop (sqe);
      break;
    case 2:
      io_uring_prep_timeout (sqe, &soon, 0, 0);
      break;
    case 3:
      io_uring_prep_timeout (sqe, &soon, 0, TIMEOUT_MULTISHOT);
      break;
    case 4:
      io_uring_prep_poll_multishot (sqe, waiter, POLLIN);
      break;
    default:
      io_uring_prep_poll_add (sqe, waiter, POLLIN);
    }
}

static Record *
queue (Slot *slot, const struct io_uring_sqe *sqe)
{
  g_autoptr (GError) error = NULL;
  Record *record = record_new (sqe);

  record->owner = slot;
  starting = TRUE;
  record->id = guring_ring_queue (slot->ring, sqe, on_completion, record, on_notify, &error);
  starting = FALSE;
  oracle_holds ("a ring takes operations until it is closed",
                (record->id != 0) == !slot->closed || slot->closing, "operation %u: %s",
                (guint) (record - records), error != NULL ? error->message : "accepted");
  oracle_holds ("an error if and only if it was refused", (error == NULL) == (record->id != 0),
                "operation %u", (guint) (record - records));
  return record;
}

static void
queue_any (void)
{
  Slot *slot = choose ();
  struct io_uring_sqe sqe = { 0 };

  if (slot == NULL || n_records == RECORDS_MAX)
    return;
  prepare (&sqe);
  queue (slot, &sqe);
}

static void
close_ring (void)
{
  Slot *slot = choose ();
  gboolean waits = input_take_below (input, 4) != 3;
  g_autoptr (GuringRing) ring = NULL;

  if (slot == NULL)
    return;

  /* Who closed it before waits, and would say what was leaked. */
  waits = waits || slot->closed;
  ring = g_object_ref (slot->ring);
  slot->closed = TRUE;
  if (waits)
    records_close (ring);
  else if (!guring_ring_close (ring, 0, NULL))
    slot->leaks = TRUE;
  records_check_statistics (ring, slot);
}

static void
drop_ring (void)
{
  Slot *slot = choose ();

  if (slot != NULL)
    g_object_unref (g_steal_pointer (&slot->ring));
}

static void
destroy_source (void)
{
  Slot *slot = choose ();

  if (slot == NULL)
    return;
  slot->closed = slot->closing = TRUE;
  g_source_destroy (guring_ring_get_source (slot->ring));
}

static gboolean
is_alive (const Record *record)
{
  const Slot *slot = record->owner;

  return record->id != 0 && slot->ring != NULL;
}

static void
cancel (void)
{
  const Record *record = n_records > 0 ? &records[input_take_below (input, n_records)] : NULL;
  const Slot *slot;

  if (record == NULL || !is_alive (record))
    return;

  slot = record->owner;
  starting = TRUE;
  oracle_holds ("cancel is honest",
                guring_ring_cancel (slot->ring, record->id) ==
                    (record->n_final == 0 && !slot->closed) ||
                  slot->closed,
                "operation %u", (guint) (record - records));
  starting = FALSE;
}

/* Loops */

static void
iterate_ring (void)
{
  Slot *slot = choose ();
  g_autoptr (GError) error = NULL;
  gboolean was_closed;

  if (slot == NULL)
    return;
  was_closed = slot->closed;
  oracle_holds ("a ring works until it is closed",
                guring_ring_iterate (slot->ring, FALSE, &error) >= 0 || slot->closed || was_closed,
                "%s", error != NULL ? error->message : "no error");
}

static void
iterate_context (void)
{
  const Slot *slot = choose ();
  GMainContext *context = g_main_context_ref (slot != NULL ? get_context (slot) : main_context);

  g_main_context_iteration (context, FALSE);
  g_main_context_unref (context);
}

static void
set_priority (void)
{
  const Slot *slot = choose ();

  if (slot != NULL && !slot->closed)
    g_source_set_priority (guring_ring_get_source (slot->ring),
                           (gint) input_take_byte (input) - 128);
}

/* In the other thread */

static void
cancel_there (gpointer ring, guint64 id)
{
  guring_ring_cancel (ring, id);
  g_object_unref (ring);
}

static void
cancel_from_there (void)
{
  const Record *record = n_records > 0 ? &records[input_take_below (input, n_records)] : NULL;

  if (record != NULL && is_alive (record))
    helper_start (cancel_there, g_object_ref (((const Slot *) record->owner)->ring), record->id);
}

static void
unref_there (gpointer ring, guint64 nothing)
{
  g_object_unref (ring);
}

static void
drop_from_there (void)
{
  Slot *slot = choose ();

  if (slot != NULL)
    helper_start (unref_there, g_steal_pointer (&slot->ring), 0);
}

static void
write_there (gpointer nothing, guint64 waiter)
{
  eventfd_write (waiters[waiter], 1);
}

static void
write_from_there (void)
{
  helper_start (write_there, NULL, input_take_below (input, N_WAITERS));
}

/* Sleeps until the other thread ends what this one waits for. */
static void
wait_for_cancellation (void)
{
  struct io_uring_sqe sqe = { 0 };
  Slot *slot = choose ();
  const Record *record;
  gint64 start = g_get_monotonic_time ();

  if (slot == NULL || slot->closed || n_records == RECORDS_MAX || depth > 0)
    return;

  io_uring_prep_timeout (&sqe, &(struct __kernel_timespec){ .tv_sec = 3600 }, 0, 0);
  record = queue (slot, &sqe);
  guring_ring_submit (slot->ring, NULL);
  helper_start (cancel_there, g_object_ref (slot->ring), record->id);
  while (record->n_final == 0 && slot->ring != NULL && !slot->closed)
    guring_ring_iterate (slot->ring, TRUE, NULL);
  oracle_holds ("wake-ups", g_get_monotonic_time () - start < LONG_AGO,
                "operation %u was cancelled long ago", (guint) (record - records));
}

/* GIO */

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Call *call = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  gint fd = -1;

  oracle_holds ("callbacks come from the loop", !starting, "of GIO");
  oracle_holds ("exactly once", call->n_calls++ == 0, "a call ended %u times", call->n_calls);
  if (call->opens)
    fd = guring_open_finish (result, &error);
  else
    bytes = guring_read_finish (result, &error);

  oracle_holds ("an error if and only if it failed", (fd >= 0 || bytes != NULL) == (error == NULL),
                "%s", error != NULL ? error->message : "no error");
  oracle_holds ("cancel is honest",
                call->cancelled || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED),
                "nobody cancelled it");
  if (fd >= 0)
    close (fd);
  if (depth++ < MAX_DEPTH && !input_is_empty (input))
    step ();
  depth--;
}

static void
start_call (void)
{
  Call *call = &calls[n_calls];
  gint waiter = waiters[input_take_below (input, N_WAITERS)];

  if (n_calls == MAX_CALLS)
    return;

  n_calls++;
  call->cancellable = g_cancellable_new ();
  call->opens = input_take_boolean (input);
  starting = TRUE;
  if (call->opens)
    guring_open_async (path, O_RDWR | O_CREAT, 0600, 0, call->cancellable, on_reply, call);
  else
    guring_read_async (waiter, 8, -1, 0, call->cancellable, on_reply, call);
  starting = FALSE;
  descriptors_directory_used ();
}

static void
cancel_call_there (gpointer cancellable, guint64 nothing)
{
  g_cancellable_cancel (cancellable);
  g_object_unref (cancellable);
}

static void
cancel_call (void)
{
  Call *call = n_calls > 0 ? &calls[input_take_below (input, n_calls)] : NULL;

  if (call == NULL)
    return;

  call->cancelled = TRUE;
  if (input_take_boolean (input))
    helper_start (cancel_call_there, g_object_ref (call->cancellable), 0);
  else
    g_cancellable_cancel (call->cancellable);
}

/* Steps */

static void
step (void)
{
  static void (*const steps[]) (void) = {
    queue_any,        queue_any,      queue_any,
    make_ring,        iterate_ring,   iterate_context,
    iterate_context,  cancel,         cancel_from_there,
    write_from_there, close_ring,     drop_ring,
    drop_from_there,  destroy_source, set_priority,
    start_call,       cancel_call,    wait_for_cancellation,
  };

  input_take_choice (input, steps) ();
}

static gboolean
on_turn (gpointer n_turns)
{
  ++*(guint *) n_turns;
  return G_SOURCE_CONTINUE;
}

static guint
count_ended (guint first)
{
  guint n = 0;

  for (guint i = first; i < n_records; i++)
    n += records[i].n_final;
  return n;
}

/* Nothing else takes a turn, or the room in the CQ. */
static gboolean
can_flood (const Slot *slot)
{
  GuringStatistics statistics;

  if (slot->ring == NULL || slot->closed || slot->context == NULL)
    return FALSE;
  guring_ring_get_statistics (slot->ring, &statistics);
  return statistics.queued == statistics.completed;
}

/* A lot is ready at once, and somebody less important, but nobody else, has something to do as
 * well. */
static void
flood (Slot *slot)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  struct io_uring_sqe sqe = { 0 };
  guint first = n_records, n_turns = 0, budget;

  if (n_records + FLOOD > RECORDS_MAX)
    return;
  g_source_set_callback (source, on_turn, &n_turns, NULL);
  g_source_attach (source, get_context (slot));
  io_uring_prep_nop (&sqe);
  for (guint i = 0; i < FLOOD; i++)
    queue (slot, &sqe);

  g_object_get (slot->ring, "dispatch-budget", &budget, NULL);
  while (count_ended (first) < FLOOD)
    {
      g_main_context_iteration (get_context (slot), FALSE);
      oracle_holds ("nobody starves", count_ended (first) <= (n_turns + 1) * budget,
                    "%u completions in %u turns of %u", count_ended (first), n_turns + 1, budget);
    }
  g_source_destroy (source);
}

/* The end */

/* Whatever a fault has left, such as not to know the kernel's opcodes, ends with the input. */
static void
replace_default_ring (void)
{
  if (!faults_may_come ())
    return;

  records_close (guring_ring_get_default (NULL));
  if (guring_ring_get_default (NULL) == NULL)
    g_error ("No default ring");
}

static void
finish_calls (void)
{
  for (guint i = 0; i < n_calls; i++)
    {
      calls[i].cancelled = TRUE;
      g_cancellable_cancel (calls[i].cancellable);
    }
  for (guint i = 0; i < n_calls; i++)
    {
      while (calls[i].n_calls == 0)
        {
          faults_rescue (guring_ring_get_default (NULL));
          g_main_context_iteration (main_context, TRUE);
        }
      g_object_unref (calls[i].cancellable);
    }
}

static void
drop_context (Slot *slot)
{
  if (slot->context == NULL)
    return;
  g_main_context_release (slot->context);
  g_main_context_unref (g_steal_pointer (&slot->context));
}

/* The context first, or the ring */
static void
finish_slot (Slot *slot, gboolean context_first)
{
  if (slot->context != NULL && context_first)
    drop_context (slot);
  else if (slot->ring != NULL && !slot->closed)
    records_close (slot->ring);

  if (slot->ring != NULL)
    records_check_statistics (slot->ring, slot);
  g_clear_object (&slot->ring);
}

/* What was dropped in the other thread ends in this one. */
static void
check_slot (Slot *slot)
{
  for (guint i = 0; i < PATIENCE; i++)
    g_main_context_iteration (get_context (slot), FALSE);
  drop_context (slot);
  if (!slot->leaks)
    records_check_ended (slot);
}

static void
finish (gboolean context_first)
{
  eventfd_t value;

  for (guint i = 0; i < n_slots; i++)
    finish_slot (&slots[i], context_first);
  for (guint i = 0; i < n_slots; i++)
    check_slot (&slots[i]);
  finish_calls ();
  for (guint i = 0; i < N_WAITERS; i++)
    eventfd_read (waiters[i], &value);
  descriptors_end ();
  replace_default_ring ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput whole = { data, size };
  gboolean floods, context_first;

  records_start ();
  descriptors_start ();
  memset (slots, 0, sizeof slots);
  memset (calls, 0, sizeof calls);
  n_slots = n_calls = 0;
  faults_listen (on_broken);

  input = &whole;
  floods = input_take_boolean (input);
  context_first = input_take_boolean (input);
  make_ring ();
  for (guint i = 0; i < MAX_STEPS && !input_is_empty (input); i++)
    step ();

  input->size = 0;
  helper_wait ();
  faults_disarm ();
  for (guint i = 0; i < n_slots && floods; i++)
    if (can_flood (&slots[i]))
      flood (&slots[i]);
  finish (context_first);
  return 0;
}
