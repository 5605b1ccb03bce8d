/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs the same again and again, while one call that the library makes fails: the first of a
 * function, the second, and so on, until there is none left. Operations of a ring fail, too, where
 * the kernel can be told the result of a NOP.
 *
 * Each call fails with one of the errors that its man page names, with GURING_SLOW_TESTS with each
 * of them. */

#pragma once

#include "interpose.h"
#include "io-support.h"

/* @run: what begins with all that it needs, and ends as it began, in a thread-default context of
 * its own (context). The library's calls come between sweep_arm() and sweep_disarm(). What has been
 * opened is closed, what is open is as before. */
void sweep (void (*run) (void));

/* A test of that: SWEPT (name) { … } */
#define SWEPT(name)                                                                                \
  static void name##_run (void);                                                                   \
  START_TEST (name)                                                                                \
  {                                                                                                \
    sweep (name##_run);                                                                            \
  }                                                                                                \
  END_TEST                                                                                         \
  static void name##_run (void)

/* A suite of calls of GIO's kind; returns the exit status */
int run_io_sweeps (const gchar *name, void (*add_tests) (TCase *tcase));

void sweep_arm (void);
void sweep_disarm (void);

/* Whether a call has failed in this run, one of that function, and with what (or 0) */
gboolean sweep_has_fired (void);
gboolean sweep_has_failed (const gchar *function);
int sweep_get_error_number (void);

/* Whether a function has been called in this run */
gboolean sweep_has_called (const gchar *function);

/* Something has ended: with an error if and only if it failed, and failed only if a call did.
 * Clears the error. */
void sweep_ended (gboolean succeeded, GError **error);

/* For calls on the default ring. The first runs the context once, the next two until it is there,
 * and one of these fails if it came from within the call; the last until nothing is under way, and
 * disarms. */
void sweep_iterate (void);
GAsyncResult *sweep_await (Answer *answer);
GAsyncResult *sweep_get (Answer *answer);
void sweep_finish (void);

/* For who runs a ring: what it has in flight ends though its io_uring_enter() has failed for good.
 * Returns: whether it had something */
gboolean sweep_rescue (GuringRing *ring);

/* In sweep-rings.c, for sweep.c */
void sweep_start_rings (void);
