/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* System calls and allocations of the library that fail when the input says so, see
 * tests/interpose.h. In all targets but fuzz-faults nothing fails: no-faults.c is linked in its
 * place. */

#pragma once

#include <guring/guring.h>

#include "input.h"

/* For who has other harnesses run: takes the schedule from the input, and forgets it. */
void faults_start (FuzzInput *input);
void faults_stop (void);

guint64 faults_get_count (void); /* of all that have come in this program */

/* For what it runs: they come between these, in any thread. */
void faults_arm (void);
void faults_disarm (void);

/* Since faults_arm(): an error is nobody's fault. */
gboolean faults_have_fired (void);

/* In this program */
gboolean faults_may_come (void);

/* Whether io_uring_queue_init_params() is to fail now: an errno or 0. */
int faults_fail_setup (const struct io_uring *uring);

/* @func: (nullable): told of a ring whose io_uring_enter() fails from now on */
typedef void (*FaultsBrokeFunc) (const struct io_uring *uring);
void faults_listen (FaultsBrokeFunc func);

/* Between these, which may nest, no ring is broken: whoever closes one waits for all that it has.
 */
void faults_begin_sparing (void);
void faults_end_sparing (void);

/* What a broken ring has in flight can't be cancelled: it ends here, as it would in time, so that
 * nothing goes on behind the end of an input. */
void faults_rescue (GuringRing *ring);
