/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counts what rings accept: with --wrap of guring_ring_queue() and its kin, so that no caller need
 * know, the GIO layer and the harnesses among them. */

#pragma once

#include <glib.h>

guint64 operations_get_count (void);
guint64 operations_get_cancelled (void);
void operations_print (void); /* by opcode */
