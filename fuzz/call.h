/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls of GIO's kind, each made in a way that the input chooses: synchronous or not, cancelled
 * before it begins, while it runs, or never. And the promises that hold for all of them. */

#pragma once

#include <gio/gio.h>

#include "input.h"

#define CALLS_MAX 64

typedef struct
{
  gboolean async;
  GCancellable *cancellable; /* nullable */
  GCancellable *before;      /* the same if it is cancelled already, else NULL: for a twin */
  guint way;
  GAsyncResult *result;
  guint n_callbacks;
} Call;

void calls_init (void);

/* @without: as if there were no io_uring. Each call is made with faults_arm(). */
void calls_start (FuzzInput *input, gboolean without);
gboolean calls_are_left (void);
void calls_end (void);

Call *call_new (gboolean may_be_synchronous);
Call *call_new_twin (const Call *call);

/* To be given to the call, with the Call as its data; then wait. */
void call_ready (GObject *source, GAsyncResult *result, gpointer call);
GAsyncResult *call_wait (Call *call);

/* Returns: whether the result is what it would be for anybody: not of a call that was cancelled in
 * time, or that has an excuse */
gboolean call_is_comparable (Call *call, gboolean succeeded, const GError *error);
