/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calling any public function, and what comes of it. */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "public-call.h"
#include "support.h"

#define N_ITERATIONS 20

static guint n_criticals, n_callbacks;
static GAsyncResult *last_result;

gboolean
is_async (const PublicCall *call)
{
  return g_str_has_suffix (call->name, "_async");
}

const PublicCall *
find_call (const gchar *name)
{
  for (guint i = 0; i < n_public_calls; i++)
    if (strcmp (public_calls[i].name, name) == 0)
      return &public_calls[i];
  return NULL;
}

const PublicCall *
find_twin (const PublicCall *call)
{
  g_autoptr (GString) name = g_string_new (call->name);

  if (is_async (call))
    g_string_replace (name, "_async", "_finish", 1);
  else
    g_string_replace (name, "_finish", "_async", 1);
  return find_call (name->str);
}

gint
find_parameter (const PublicCall *call, const gchar *type)
{
  for (guint i = 0; i < call->n_parameters; i++)
    if (strcmp (call->parameters[i].type, type) == 0)
      return (gint) i;
  return -1;
}

/* Instead of GLib's own handler: a critical that is expected is no noise, and does not abort. */
static void
on_log (const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer unused)
{
  if (level & G_LOG_LEVEL_CRITICAL)
    g_atomic_int_inc (&n_criticals);
  else if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_WARNING))
    g_log_default_handler (domain, level | G_LOG_FLAG_FATAL, message, NULL);
}

void
count_criticals (void)
{
  g_log_set_always_fatal (G_LOG_FATAL_MASK); /* whatever G_DEBUG says */
  g_log_set_default_handler (on_log, NULL);
}

void
on_called_back (GObject *source_object, GAsyncResult *result, gpointer unused)
{
  n_callbacks++;
  g_set_object (&last_result, result);
}

GAsyncResult *
take_result (void)
{
  return g_steal_pointer (&last_result);
}

/* A call without a callback has ended when it has dropped its cancellable. */
static gboolean
has_ended (const PublicCall *call, const Value *values)
{
  GObject *cancellable = values[find_parameter (call, "GCancellable *")].pointer;

  if (values[find_parameter (call, "GAsyncReadyCallback")].func != NULL)
    return n_callbacks > 0;
  return g_atomic_int_get ((gint *) &cancellable->ref_count) == 1;
}

/* And whether it ends more than once, or what was refused all the same */
static void
wait_for_end (const PublicCall *call, const Value *values)
{
  GMainContext *own = g_main_context_get_thread_default ();

  if (is_async (call) && n_criticals == 0)
    while (!has_ended (call, values))
      if (!g_main_context_iteration (own, FALSE)) /* another thread may drop the last of it */
        g_thread_yield ();
  for (guint i = 0; i < N_ITERATIONS; i++)
    g_main_context_iteration (own, FALSE);
}

static void
release (const PublicCall *call, Value returned)
{
  if (strcmp (call->name, "guring_open_finish") == 0 && returned.number >= 0)
    close ((int) returned.number);
  else if (strcmp (call->name, "guring_fd_watch_new") == 0 && returned.pointer != NULL)
    guring_fd_watch_destroy (returned.pointer);
  else if (strcmp (call->return_type, "GBytes *") == 0)
    g_clear_pointer (&returned.pointer, g_bytes_unref);
  else if (call->gives_reference && returned.pointer != NULL)
    g_object_unref (returned.pointer);
}

Outcome
invoke (const PublicCall *call, const Value *values)
{
  gint error = find_parameter (call, "GError **");
  Outcome outcome = { 0 };

  n_criticals = n_callbacks = 0;
  outcome.returned = call->call (values);
  wait_for_end (call, values);
  release (call, outcome.returned);
  if (error >= 0 && values[error].pointer != NULL)
    outcome.error = g_steal_pointer ((GError **) values[error].pointer);
  outcome.n_criticals = n_criticals;
  outcome.n_callbacks = n_callbacks;
  return outcome;
}

void
outcome_clear (Outcome *outcome)
{
  g_clear_error (&outcome->error);
}

/* The documentation of a function that can fail says how it tells. */
gboolean
has_failed (const PublicCall *call, const Outcome *outcome)
{
  if (strcmp (call->return_type, "gint") == 0 || strcmp (call->return_type, "gssize") == 0)
    return outcome->returned.number < 0;
  return outcome->returned.number == 0;
}
