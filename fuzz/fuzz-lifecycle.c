/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rings that come and go: queueing, cancelling, closing, dropping and iterating, from callbacks and
 * from another thread too, on contexts that end; and GIO's calls on the default ring beside them.
 */

#include "config.h"

#include <sys/eventfd.h>

#include "descriptors.h"
#include "faults.h"
#include "helper.h"
#include "lifecycle.h"
#include "oracle.h"

#define MAX_STEPS 48
#define MAX_DEPTH 3
#define FLOOD 10

FuzzInput *lifecycle_input;
GMainContext *lifecycle_context;
gint lifecycle_waiters[LIFECYCLE_N_WAITERS];
gboolean lifecycle_starting;
guint lifecycle_depth;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  records_init ();
  descriptors_init ();
  helper_init ();
  for (guint i = 0; i < LIFECYCLE_N_WAITERS; i++)
    lifecycle_waiters[i] = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);

  lifecycle_context = g_main_context_default ();
  g_main_context_acquire (lifecycle_context);
  lifecycle_calls_init ();
  return 0;
}

static void
step (void)
{
  static void (*const steps[]) (void) = {
    lifecycle_queue_any,        lifecycle_queue_any,      lifecycle_queue_any,
    lifecycle_make_ring,        lifecycle_iterate_ring,   lifecycle_iterate_context,
    lifecycle_iterate_context,  lifecycle_cancel,         lifecycle_cancel_from_there,
    lifecycle_write_from_there, lifecycle_close_ring,     lifecycle_drop_ring,
    lifecycle_drop_from_there,  lifecycle_destroy_source, lifecycle_set_priority,
    lifecycle_start_call,       lifecycle_cancel_call,    lifecycle_wait_for_cancellation,
  };

  input_take_choice (lifecycle_input, steps) ();
}

void
lifecycle_step_in_callback (void)
{
  if (lifecycle_depth++ < MAX_DEPTH && !input_is_empty (lifecycle_input))
    step ();
  lifecycle_depth--;
}

/* A lot at once */

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
  GMainContext *context = lifecycle_get_context (slot);
  struct io_uring_sqe sqe = { 0 };
  guint first = n_records, n_turns = 0, budget;

  if (n_records + FLOOD > RECORDS_MAX)
    return;
  g_source_set_callback (source, on_turn, &n_turns, NULL);
  g_source_attach (source, context);
  io_uring_prep_nop (&sqe);
  for (guint i = 0; i < FLOOD; i++)
    lifecycle_queue (slot, &sqe);

  g_object_get (slot->ring, "dispatch-budget", &budget, NULL);
  while (count_ended (first) < FLOOD)
    {
      g_main_context_iteration (context, FALSE);
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
finish (gboolean context_first)
{
  eventfd_t value;

  lifecycle_rings_finish (context_first);
  lifecycle_calls_finish ();
  for (guint i = 0; i < LIFECYCLE_N_WAITERS; i++)
    eventfd_read (lifecycle_waiters[i], &value);
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
  lifecycle_rings_start ();
  lifecycle_calls_start ();

  lifecycle_input = &whole;
  floods = input_take_boolean (lifecycle_input);
  context_first = input_take_boolean (lifecycle_input);
  lifecycle_make_ring ();
  for (guint i = 0; i < MAX_STEPS && !input_is_empty (lifecycle_input); i++)
    step ();

  lifecycle_input->size = 0;
  helper_wait ();
  faults_disarm ();
  for (guint i = 0; i < lifecycle_n_slots && floods; i++)
    if (can_flood (&lifecycle_slots[i]))
      flood (&lifecycle_slots[i]);
  finish (context_first);
  return 0;
}
