/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rings, from their beginning to the end, and operations on them. */

#include "config.h"

#include <poll.h>
#include <string.h>

#include "faults.h"
#include "lifecycle.h"
#include "oracle.h"

#define PATIENCE 4 /* iterations */

/* Linux 6.4, not in the headers of liburing 2.3 */
#define TIMEOUT_MULTISHOT (1u << 6)

Slot lifecycle_slots[LIFECYCLE_MAX_RINGS];
guint lifecycle_n_slots;

static struct __kernel_timespec soon = { .tv_nsec = 20000 };

GMainContext *
lifecycle_get_context (const Slot *slot)
{
  return slot->context != NULL ? slot->context : lifecycle_context;
}

/* Operations */

static void
on_completion (GuringRing *ring, const GuringCompletion *completion, gpointer data)
{
  Record *record = data;
  const Slot *slot = record->owner;

  oracle_holds ("callbacks come from the loop", !lifecycle_starting, "of operation %u",
                (guint) (record - records));
  oracle_holds ("callbacks know their ring", slot->ring == ring || slot->ring == NULL,
                "another for operation %u", (guint) (record - records));
  record_completed (record, completion);
  lifecycle_step_in_callback ();
}

static void
on_notify (gpointer data)
{
  oracle_holds ("callbacks come from the loop", !lifecycle_starting, "notify of operation %u",
                (guint) ((Record *) data - records));
  record_notified (data);
}

Record *
lifecycle_queue (Slot *slot, const struct io_uring_sqe *sqe)
{
  g_autoptr (GError) error = NULL;
  Record *record = record_new (sqe);

  record->owner = slot;
  lifecycle_starting = TRUE;
  record->id = guring_ring_queue (slot->ring, sqe, on_completion, record, on_notify, &error);
  lifecycle_starting = FALSE;
  oracle_holds ("a ring takes operations until it is closed",
                (record->id != 0) == !slot->closed || slot->closing, "operation %u: %s",
                (guint) (record - records), error != NULL ? error->message : "accepted");
  oracle_holds ("an error if and only if it was refused", (error == NULL) == (record->id != 0),
                "operation %u", (guint) (record - records));
  return record;
}

static void
prepare (struct io_uring_sqe *sqe)
{
  gint waiter = lifecycle_waiters[input_take_below (lifecycle_input, LIFECYCLE_N_WAITERS)];

  switch (input_take_below (lifecycle_input, 6))
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

void
lifecycle_queue_any (void)
{
  Slot *slot = lifecycle_choose ();
  struct io_uring_sqe sqe = { 0 };

  if (slot == NULL || n_records == RECORDS_MAX)
    return;
  prepare (&sqe);
  lifecycle_queue (slot, &sqe);
}

Record *
lifecycle_choose_record (void)
{
  Record *record = n_records > 0 ? &records[input_take_below (lifecycle_input, n_records)] : NULL;

  if (record == NULL || record->id == 0 || ((const Slot *) record->owner)->ring == NULL)
    return NULL;
  return record;
}

void
lifecycle_cancel (void)
{
  const Record *record = lifecycle_choose_record ();
  const Slot *slot;

  if (record == NULL)
    return;

  slot = record->owner;
  lifecycle_starting = TRUE;
  oracle_holds ("cancel is honest",
                guring_ring_cancel (slot->ring, record->id) ==
                    (record->n_final == 0 && !slot->closed) ||
                  slot->closed,
                "operation %u", (guint) (record - records));
  lifecycle_starting = FALSE;
}

/* Rings */

void
lifecycle_make_ring (void)
{
  static const guint sizes[] = { 8, 1, 2, 64 };
  g_autoptr (GError) error = NULL;
  Slot *slot = &lifecycle_slots[lifecycle_n_slots];

  if (lifecycle_n_slots == LIFECYCLE_MAX_RINGS)
    return;

  slot->context = input_take_boolean (lifecycle_input) ? g_main_context_new () : NULL;
  slot->ring = guring_ring_new (slot->context, input_take_choice (lifecycle_input, sizes), &error);
  if (slot->ring == NULL)
    {
      oracle_holds ("a ring is made", faults_have_fired (), "%s", error->message);
      g_clear_pointer (&slot->context, g_main_context_unref);
      return;
    }
  slot->uring = guring_ring_get_uring (slot->ring);
  g_object_set (slot->ring, "dispatch-budget", 1 + input_take_below (lifecycle_input, 8), NULL);
  lifecycle_n_slots++;

  /* Else the other thread would own it when it drops the ring. */
  if (slot->context != NULL)
    g_main_context_acquire (slot->context);
}

/* The last one in this place */
static void
on_broken (const struct io_uring *uring)
{
  Slot *slot = lifecycle_slots + lifecycle_n_slots;

  while (slot > lifecycle_slots && (--slot)->uring != uring)
    ;
  if (slot->uring == uring)
    slot->closed = slot->closing = slot->leaks = TRUE;
}

Slot *
lifecycle_choose (void)
{
  guint n = lifecycle_n_slots;
  Slot *slot = n > 0 ? &lifecycle_slots[input_take_below (lifecycle_input, n)] : NULL;

  return slot != NULL && slot->ring != NULL ? slot : NULL;
}

void
lifecycle_iterate_ring (void)
{
  Slot *slot = lifecycle_choose ();
  g_autoptr (GError) error = NULL;
  gboolean was_closed;

  if (slot == NULL)
    return;
  was_closed = slot->closed;
  oracle_holds ("a ring works until it is closed",
                guring_ring_iterate (slot->ring, FALSE, &error) >= 0 || slot->closed || was_closed,
                "%s", error != NULL ? error->message : "no error");
}

void
lifecycle_iterate_context (void)
{
  const Slot *slot = lifecycle_choose ();
  GMainContext *context =
    g_main_context_ref (slot != NULL ? lifecycle_get_context (slot) : lifecycle_context);

  g_main_context_iteration (context, FALSE);
  g_main_context_unref (context);
}

void
lifecycle_set_priority (void)
{
  const Slot *slot = lifecycle_choose ();

  if (slot != NULL && !slot->closed)
    g_source_set_priority (guring_ring_get_source (slot->ring),
                           (gint) input_take_byte (lifecycle_input) - 128);
}

void
lifecycle_close_ring (void)
{
  Slot *slot = lifecycle_choose ();
  gboolean waits = input_take_below (lifecycle_input, 4) != 3;
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

void
lifecycle_drop_ring (void)
{
  Slot *slot = lifecycle_choose ();

  if (slot != NULL)
    g_object_unref (g_steal_pointer (&slot->ring));
}

void
lifecycle_destroy_source (void)
{
  Slot *slot = lifecycle_choose ();

  if (slot == NULL)
    return;
  slot->closed = slot->closing = TRUE;
  g_source_destroy (guring_ring_get_source (slot->ring));
}

/* Beginning and end */

void
lifecycle_rings_start (void)
{
  memset (lifecycle_slots, 0, sizeof lifecycle_slots);
  lifecycle_n_slots = 0;
  faults_listen (on_broken);
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
    g_main_context_iteration (lifecycle_get_context (slot), FALSE);
  drop_context (slot);
  if (!slot->leaks)
    records_check_ended (slot);
}

void
lifecycle_rings_finish (gboolean context_first)
{
  for (guint i = 0; i < lifecycle_n_slots; i++)
    finish_slot (&lifecycle_slots[i], context_first);
  for (guint i = 0; i < lifecycle_n_slots; i++)
    check_slot (&lifecycle_slots[i]);
}
