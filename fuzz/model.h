/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a ring was asked for and what a fake io_uring did, and so what the ring must do: a naive
 * model, whose oracles are the engine's promises. */

#pragma once

#include <guring/guring.h>

#include "fake-uring.h"

#define MODEL_MAX_OPERATIONS 256
#define MODEL_CANCELLATION_BIT (G_GUINT64_CONSTANT (1) << 63)

typedef enum
{
  MODEL_QUEUED,
  MODEL_TAKEN, /* by the kernel */
  MODEL_ENDED
} ModelState;

typedef struct _ModelOperation ModelOperation;
struct _ModelOperation
{
  ModelOperation **user_data; /* on the heap until it is notified: a later use is seen */
  struct io_uring_sqe sqe;
  guint64 id;
  guint chain;
  ModelState state;
  gboolean has_func;
  gboolean has_notify;
  gboolean cancelled;           /* somebody asked for it */
  gboolean cancel_is_submitted; /* and the kernel was asked, and did not say: try again */
  guint n_callbacks;            /* that run now */
  gboolean is_final;            /* the callback for the end was called */
  ModelOperation *previous_of_slot;
};

typedef struct
{
  GuringRing *ring; /* NULL once the last reference is dropped */
  guint budget;
  guint cq_entries;
  gboolean closing;

  ModelOperation operations[MODEL_MAX_OPERATIONS]; /* in the order of their ids' birth */
  guint n_operations;
  guint n_accepted;
  guint first;                                        /* all before it have ended */
  ModelOperation *last_of_slot[MODEL_MAX_OPERATIONS]; /* by the index in an id */
  guint n_chains;                                     /* one for each that stands alone too */
  gboolean drains[MODEL_MAX_OPERATIONS];              /* the chains */
  gint last_taken;                                    /* index, -1: none */

  guint n_seen;        /* of the CQEs that were posted */
  guint n_due;         /* operations that ended or went on in this call */
  guint n_unknown_now; /* CQEs in it that belonged to none */
  guint64 n_cancels_in_flight;
  guint64 n_perhaps_unknown;
  GuringStatistics expected;

  void (*in_callback) (ModelOperation *operation);
} Model;

extern Model model;

void model_start (void);
void model_clear (void);

/* What the API is called with */
GuringRequest model_add (const struct io_uring_sqe *sqe, gboolean has_func, gboolean has_notify);
void model_accept (guint64 id, guint chain); /* the next one that was added and not accepted */
void model_refuse (guint n);                 /* so many that were added */
void model_cancel (guint64 id, gboolean accepted);

/* After each call */
void model_check (void);
void model_check_all_ended (void);
guint64 model_get_n_unfinished (void);
gboolean model_has_queued (void);

/* For FakeUringFuncs */
void model_submitting (const struct io_uring_sqe *sqes, guint n_sqes, guint n_taken);
void model_sleeping (gint timeout);
