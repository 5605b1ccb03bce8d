/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What g_output_stream_writev_async() leaves to the stream, unlike all other calls of its kind
 * (GLib 2.74 to 2.88): one call at a time, and none on a closed stream, whose descriptor may be
 * another's by now. */

#include "config.h"

#include "writev.h"

/* Whoever goes on says g_output_stream_clear_pending() when it is over.
 *
 * Returns: %FALSE if the task has returned */
gboolean
guring_writev_begin (GOutputStream *stream, GuringTask *task, gsize n_vectors)
{
  GError *error = NULL;

  if (n_vectors == 0)
    guring_task_return (task, 0);
  else if (g_cancellable_set_error_if_cancelled (guring_task_get_cancellable (task), &error) ||
           !g_output_stream_set_pending (stream, &error))
    guring_task_return_error (task, error);
  else
    return TRUE;
  return FALSE;
}
