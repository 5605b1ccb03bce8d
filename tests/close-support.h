/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of closing a ring share. */

#pragma once

#include "waiting-support.h"

void close_ring (gint64 timeout_us); /* fails the test on error */
void assert_closed (void);           /* says so in each call */

/* The kernel's own threads of this process that have @state in their stat */
guint count_workers (const gchar *state);
void wait_until_workers_sleep (void);
