/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The harnesses that run on the kernel, in one program. Not among them are fuzz-registry.c, where
 * nothing can fail, and fuzz-completions.c, whose io_uring fails by itself. */

#pragma once

#include "input.h"

#define N_HARNESSES 5

const gchar *harnesses_get_name (guint harness); /* without "fuzz-" */
void harnesses_init (void);

/* @faults: (nullable): where the schedule of what fails is taken from */
void harnesses_run (guint harness, FuzzInput *faults, const FuzzInput *input);
