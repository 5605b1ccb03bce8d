/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What fuzz-lifecycle.c does to rings that come and go: its steps, and what these share. */

#pragma once

#include <guring/guring.h>

#include "input.h"
#include "records.h"

#define LIFECYCLE_MAX_RINGS 4 /* one after the other */
#define LIFECYCLE_N_WAITERS 4

typedef struct
{
  GuringRing *ring; /* NULL: none yet, or no more */
  GMainContext *context;
  const struct io_uring *uring;
  gboolean closed;  /* or broken, which is no better */
  gboolean leaks;   /* it was closed without waiting, or broken */
  gboolean closing; /* or closed: GLib tells it late during a dispatch */
} Slot;

extern FuzzInput *lifecycle_input;
extern GMainContext *lifecycle_context;
extern gint lifecycle_waiters[LIFECYCLE_N_WAITERS]; /* eventfds */
extern gboolean lifecycle_starting;                 /* no callback may come */
extern guint lifecycle_depth;                       /* of callbacks in callbacks */
void lifecycle_step_in_callback (void);

/* In lifecycle-rings.c */
extern Slot lifecycle_slots[LIFECYCLE_MAX_RINGS];
extern guint lifecycle_n_slots;
void lifecycle_rings_start (void);
void lifecycle_rings_finish (gboolean context_first);
GMainContext *lifecycle_get_context (const Slot *slot);
Slot *lifecycle_choose (void);          /* (nullable): one that is there */
Record *lifecycle_choose_record (void); /* (nullable): one whose ring is there */
Record *lifecycle_queue (Slot *slot, const struct io_uring_sqe *sqe);
void lifecycle_queue_any (void);
void lifecycle_make_ring (void);
void lifecycle_iterate_ring (void);
void lifecycle_iterate_context (void);
void lifecycle_cancel (void);
void lifecycle_close_ring (void);
void lifecycle_drop_ring (void);
void lifecycle_destroy_source (void);
void lifecycle_set_priority (void);

/* In lifecycle-threads.c */
void lifecycle_cancel_from_there (void);
void lifecycle_write_from_there (void);
void lifecycle_drop_from_there (void);
void lifecycle_wait_for_cancellation (void);

/* In lifecycle-calls.c */
void lifecycle_calls_init (void);
void lifecycle_calls_start (void);
void lifecycle_calls_finish (void);
void lifecycle_start_call (void);
void lifecycle_cancel_call (void);
