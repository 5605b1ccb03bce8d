/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "oracle.h"

void
oracle_fail (const gchar *promise, const gchar *where, const gchar *format, ...)
{
  va_list arguments;

  fprintf (stderr, "Broken promise: %s: ", promise);
  va_start (arguments, format);
  vfprintf (stderr, format, arguments);
  va_end (arguments);
  fprintf (stderr, " (%s)\n", where);
  abort ();
}

void
oracle_watch_log (void)
{
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
}
