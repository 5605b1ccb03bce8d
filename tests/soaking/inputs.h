/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Random inputs for the fuzzers' harnesses, whose oracles crash when a promise is broken. */

#pragma once

#include <glib.h>

/* @directory: where the input goes that crashes, as crash-TARGET for fuzz/replay-TARGET */
void inputs_init (const gchar *directory);
void inputs_run (GRand *random); /* one */
void inputs_print (void);

/* A schedule of faults for what else runs; see faults_start() */
void inputs_start_faults (GRand *random);
