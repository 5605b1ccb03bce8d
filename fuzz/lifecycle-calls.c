/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GIO's calls on the default ring, beside the other rings. */

#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "faults.h"
#include "helper.h"
#include "lifecycle.h"
#include "oracle.h"

#define MAX_CALLS 6

typedef struct
{
  GCancellable *cancellable;
  gboolean cancelled;
  gboolean opens;
  guint n_calls;
} Call;

static gchar *path; /* of a file */
static Call calls[MAX_CALLS];
static guint n_calls;

static void
on_reply (GObject *source, GAsyncResult *result, gpointer data)
{
  Call *call = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  gint fd = -1;

  oracle_holds ("callbacks come from the loop", !lifecycle_starting, "of GIO");
  oracle_holds ("exactly once", call->n_calls++ == 0, "a call ended %u times", call->n_calls);
  if (call->opens)
    fd = guring_open_finish (result, &error);
  else
    bytes = guring_read_finish (result, &error);

  oracle_holds ("an error if and only if it failed", (fd >= 0 || bytes != NULL) == (error == NULL),
                "%s", error != NULL ? error->message : "no error");
  oracle_holds ("cancel is honest",
                call->cancelled || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED),
                "nobody cancelled it");
  if (fd >= 0)
    close (fd);
  lifecycle_step_in_callback ();
}

void
lifecycle_start_call (void)
{
  Call *call = &calls[n_calls];
  gint waiter = lifecycle_waiters[input_take_below (lifecycle_input, LIFECYCLE_N_WAITERS)];

  if (n_calls == MAX_CALLS)
    return;

  n_calls++;
  call->cancellable = g_cancellable_new ();
  call->opens = input_take_boolean (lifecycle_input);
  lifecycle_starting = TRUE;
  if (call->opens)
    guring_open_async (path, O_RDWR | O_CREAT, 0600, 0, call->cancellable, on_reply, call);
  else
    guring_read_async (waiter, 8, -1, 0, call->cancellable, on_reply, call);
  lifecycle_starting = FALSE;
  descriptors_directory_used ();
}

static void
cancel_there (gpointer cancellable, guint64 nothing)
{
  g_cancellable_cancel (cancellable);
  g_object_unref (cancellable);
}

void
lifecycle_cancel_call (void)
{
  Call *call = n_calls > 0 ? &calls[input_take_below (lifecycle_input, n_calls)] : NULL;

  if (call == NULL)
    return;

  call->cancelled = TRUE;
  if (input_take_boolean (lifecycle_input))
    helper_start (cancel_there, g_object_ref (call->cancellable), 0);
  else
    g_cancellable_cancel (call->cancellable);
}

void
lifecycle_calls_init (void)
{
  path = g_build_filename (descriptors_get_directory (), "file", NULL);
  if (guring_ring_get_default (NULL) == NULL)
    g_error ("No default ring");
}

void
lifecycle_calls_start (void)
{
  memset (calls, 0, sizeof calls);
  n_calls = 0;
}

void
lifecycle_calls_finish (void)
{
  for (guint i = 0; i < n_calls; i++)
    {
      calls[i].cancelled = TRUE;
      g_cancellable_cancel (calls[i].cancellable);
    }
  for (guint i = 0; i < n_calls; i++)
    {
      while (calls[i].n_calls == 0)
        {
          faults_rescue (guring_ring_get_default (NULL)); /* which may end the call */
          g_main_context_iteration (lifecycle_context, calls[i].n_calls == 0);
        }
      g_object_unref (calls[i].cancellable);
    }
}
