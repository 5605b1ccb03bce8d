/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void
on_message (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer expected)
{
  if (level & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO | G_LOG_LEVEL_DEBUG))
    return;
  if (expected == NULL || strstr (message, expected) == NULL)
    oracle_fail ("no warning", "log", "%s: %s", domain, message);
}

/* In place of G_DEBUG=fatal-warnings, which lets nothing pass. */
void
oracle_watch_log (const gchar *expected)
{
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_set_default_handler (on_message, (gpointer) expected);
}
