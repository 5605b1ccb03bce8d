/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Another thread, which does one thing after the other while the harness goes on. */

#pragma once

#include <glib.h>

typedef void (*HelperFunc) (gpointer object, guint64 argument);

void helper_init (void);
void helper_start (HelperFunc func, gpointer object, guint64 argument);
void helper_wait (void); /* until all is done */
