/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whoever runs a context need not have it as thread-default; what is called back from it is to
 * belong to it all the same. */

#include "config.h"

#include "context.h"

/* Returns: for guring_context_leave() */
gboolean
guring_context_enter (GMainContext *context)
{
  GMainContext *current = g_main_context_get_thread_default ();

  if (current == context || (current == NULL && context == g_main_context_default ()))
    return FALSE;

  g_main_context_push_thread_default (context);
  return TRUE;
}

void
guring_context_leave (GMainContext *context, gboolean entered)
{
  if (entered)
    g_main_context_pop_thread_default (context);
}
