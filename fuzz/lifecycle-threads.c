/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the other thread does to rings. */

#include "config.h"

#include <sys/eventfd.h>

#include "helper.h"
#include "lifecycle.h"
#include "oracle.h"

#define LONG_AGO (2 * G_TIME_SPAN_SECOND) /* libFuzzer's timer ends the wait as well, later */

static void
cancel_there (gpointer ring, guint64 id)
{
  guring_ring_cancel (ring, id);
  g_object_unref (ring);
}

void
lifecycle_cancel_from_there (void)
{
  const Record *record = lifecycle_choose_record ();

  if (record != NULL)
    helper_start (cancel_there, g_object_ref (((const Slot *) record->owner)->ring), record->id);
}

static void
unref_there (gpointer ring, guint64 nothing)
{
  g_object_unref (ring);
}

void
lifecycle_drop_from_there (void)
{
  Slot *slot = lifecycle_choose ();

  if (slot != NULL)
    helper_start (unref_there, g_steal_pointer (&slot->ring), 0);
}

static void
write_there (gpointer nothing, guint64 waiter)
{
  eventfd_write (lifecycle_waiters[waiter], 1);
}

void
lifecycle_write_from_there (void)
{
  helper_start (write_there, NULL, input_take_below (lifecycle_input, LIFECYCLE_N_WAITERS));
}

/* Sleeps until the other thread ends what this one waits for. */
void
lifecycle_wait_for_cancellation (void)
{
  struct io_uring_sqe sqe = { 0 };
  Slot *slot = lifecycle_choose ();
  const Record *record;
  gint64 start = g_get_monotonic_time ();

  if (slot == NULL || slot->closed || n_records == RECORDS_MAX || lifecycle_depth > 0)
    return;

  io_uring_prep_timeout (&sqe, &(struct __kernel_timespec){ .tv_sec = 3600 }, 0, 0);
  record = lifecycle_queue (slot, &sqe);
  guring_ring_submit (slot->ring, NULL);
  helper_start (cancel_there, g_object_ref (slot->ring), record->id);
  while (record->n_final == 0 && slot->ring != NULL && !slot->closed)
    guring_ring_iterate (slot->ring, TRUE, NULL);
  oracle_holds ("wake-ups", g_get_monotonic_time () - start < LONG_AGO,
                "operation %u was cancelled long ago", (guint) (record - records));
}
