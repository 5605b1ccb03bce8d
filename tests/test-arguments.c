/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every public function with every argument that it should not get: NULL, what is closed, in a
 * forked child, in another thread, numbers out of range. What its documentation does not allow is a
 * critical, and nothing else happens; what fails gives a GError. */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "io-support.h"
#include "public-call.h"

/* Memory that no machine has is NULL from g_try_malloc(), with AddressSanitizer too. */
const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "allocator_may_return_null=1";
}

/* What varied, for the messages */
static const PublicCall *current;
static GString *variation;

#define assert_that(condition)                                                                     \
  ck_assert_msg (condition, "%s(), %s: %s", current->name, variation->str, #condition)

static gboolean
has_type (const PublicCall *call, const gchar *type)
{
  return find_parameter (call, type) >= 0 || strcmp (call->return_type, type) == 0;
}

static gboolean
needs_ring (const PublicCall *call)
{
  return has_type (call, "GuringRing *") || has_type (call, "GuringBufferGroup *") ||
         has_type (call, "GuringFdWatch *");
}

static void
begin (guint index)
{
  current = &public_calls[index];
  variation = g_string_new ("as usual");
  count_criticals ();
  if (needs_ring (current))
    ring = make_ring (8);
}

/* The ring works on, if it is not closed. */
static void
end (void)
{
  Record record = { 0 };

  arguments_clear ();
  if (ring != NULL && guring_ring_get_uring (ring) != NULL)
    {
      queue_nop (&record);
      run_until (record.n_final > 0);
      assert_ended_with (&record, 0);
    }
  g_clear_object (&ring);
  g_string_free (variation, TRUE);
}

/* Nothing is left but a message. */
static void
assert_refused (const Outcome *outcome)
{
  assert_that (outcome->n_criticals > 0);
  assert_that (outcome->error == NULL);
  assert_that (outcome->n_callbacks == 0);
  if (find_parameter (current, "GError **") >= 0)
    assert_that (has_failed (current, outcome));
}

/* @call: the function, or the _finish() of it */
static void
assert_error_fits (const PublicCall *call, const Outcome *outcome)
{
  assert_that (outcome->n_criticals == 0);
  if (find_parameter (call, "GError **") >= 0)
    assert_that (has_failed (call, outcome) == (outcome->error != NULL));
}

/* Calls it, and then its _finish(). Returns what it failed with. */
static GError *
call_whole (const Value *values)
{
  const PublicCall *finish = find_twin (current);
  Value finish_values[MAX_PARAMETERS] = { 0 };
  Outcome outcome = invoke (current, values);

  if (outcome.n_criticals > 0)
    {
      assert_refused (&outcome);
      return NULL;
    }

  assert_error_fits (current, &outcome);
  if (!is_async (current))
    return outcome.error;

  assert_that (outcome.n_callbacks == 1);
  make_arguments (finish, USABLE, finish_values);
  outcome = invoke (finish, finish_values);
  assert_error_fits (finish, &outcome);
  return outcome.error;
}

/* As usual */

START_TEST (usual)
{
  Value values[MAX_PARAMETERS] = { 0 };
  g_autoptr (GError) error = NULL;

  begin ((guint) _i);
  make_arguments (current, USABLE, values);
  error = call_whole (values);
  ck_assert_msg (error == NULL || g_getenv ("GURING_DISABLE") != NULL, "%s(): %s", current->name,
                 error != NULL ? error->message : "");
  end ();
}
END_TEST

/* NULL */

static gboolean
is_pointer (const Parameter *parameter)
{
  return !(parameter->flags & IS_NUMBER);
}

static void
check_null (guint i)
{
  const Parameter *parameter = &current->parameters[i];
  gboolean may_be_null = (parameter->flags & MAY_BE_NULL) != 0;
  Value values[MAX_PARAMETERS] = { 0 };
  g_auto (Outcome) outcome = { 0 };

  make_arguments (current, USABLE, values);
  g_string_printf (variation, "%s is NULL", parameter->name);
  values[i].pointer = NULL;
  if (may_be_null && i + 1 < current->n_parameters && parameter[1].flags & IS_NUMBER &&
      parameter[1].flags & IS_LENGTH)
    values[i + 1].number = 0;

  outcome = invoke (current, values);
  if (may_be_null)
    assert_that (outcome.n_criticals == 0);
  else
    assert_refused (&outcome);
  g_clear_object ((GAsyncResult **) &(gpointer){ take_result () });
}

START_TEST (null)
{
  begin ((guint) _i);
  for (guint i = 0; i < current->n_parameters; i++)
    if (is_pointer (&current->parameters[i]))
      check_null (i);
  end ();
}
END_TEST

/* An error that is there already */

START_TEST (error_set)
{
  gint i;
  Value values[MAX_PARAMETERS] = { 0 };
  GError *earlier = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "earlier");
  GError *error = earlier;
  g_auto (Outcome) outcome = { 0 };

  begin ((guint) _i);
  i = find_parameter (current, "GError **");
  g_string_assign (variation, "error is set");
  make_arguments (current, USABLE, values);
  values[i].pointer = &error;
  outcome = invoke (current, values);
  assert_that (outcome.error == earlier);
  outcome.error = NULL;
  assert_refused (&outcome);
  g_error_free (earlier);
  end ();
}
END_TEST

/* What is closed */

static const gchar *closable[] = {
  "GuringRing *", "GuringBufferGroup *",  "GuringFdWatch *",          "GuringInputStream *",
  "GSocket *",    "GuringOutputStream *", "GuringSocketConnection *",
};

static gboolean
is_closable (const Parameter *parameter)
{
  for (guint i = 0; i < G_N_ELEMENTS (closable); i++)
    if (strcmp (parameter->type, closable[i]) == 0)
      return TRUE;
  return g_str_has_prefix (parameter->name, "fd");
}

/* What can fail does, but for these */
static gboolean
succeeds_when_closed (const PublicCall *call)
{
  return strcmp (call->name, "guring_ring_close") == 0 || /* it is closed */
         g_str_has_suffix (call->name, "_finish") ||      /* it was open when it was called */
         strcmp (call->name, "guring_fd_watch_new") == 0;
}

START_TEST (closed)
{
  Value values[MAX_PARAMETERS] = { 0 };
  g_autoptr (GError) error = NULL;

  begin ((guint) _i);
  g_string_assign (variation, "closed");
  make_arguments (current, CLOSED, values);
  error = call_whole (values);
  if (find_parameter (find_twin (current), "GError **") >= 0 && !succeeds_when_closed (current))
    {
      assert_that (error != NULL);
      if (find_parameter (current, "GuringRing *") >= 0 ||
          find_parameter (current, "GSocket *") >= 0)
        assert_error (error, G_IO_ERROR_CLOSED);
    }
  end ();
}
END_TEST

/* In a forked child: what the parent made, and a context of its own */

static gboolean
is_refused_elsewhere (const PublicCall *call)
{
  return find_parameter (call, "GuringRing *") >= 0 && find_parameter (call, "GError **") >= 0;
}

static const Value *inherited;

static void
call_in_child (void)
{
  Outcome outcome;

  g_main_context_push_thread_default (g_main_context_new ());
  outcome = invoke (current, inherited);
  child_assert (outcome.n_criticals == 0);
  child_assert (!is_async (current) || outcome.n_callbacks == 1);
  if (is_refused_elsewhere (current))
    child_assert (g_error_matches (outcome.error, G_IO_ERROR, G_IO_ERROR_CLOSED));
}

static gboolean
has_busy_threads (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint n_busy = 0;
  const gchar *name;

  ck_assert_ptr_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *path = g_build_filename ("/proc/self/task", name, "stat", NULL);
      g_autofree gchar *stat = NULL;

      if (g_file_get_contents (path, &stat, NULL, NULL) && strstr (stat, ") S ") == NULL)
        n_busy++;
    }
  return n_busy > 1; /* this one */
}

START_TEST (forked)
{
  Value values[MAX_PARAMETERS] = { 0 };

  begin ((guint) _i);
  make_arguments (current, USABLE, values);
  inherited = values;
  while (has_busy_threads ()) /* what they have locked the child never gets */
    g_thread_yield ();
  run_in_child (call_in_child);
  end ();
}
END_TEST

/* In another thread, while this one owns the context of what it made */

static gpointer
call_in_thread (gpointer values)
{
  GMainContext *own = g_main_context_new ();
  GError *error;

  g_main_context_push_thread_default (own);
  error = call_whole (values);
  g_main_context_pop_thread_default (own);
  g_main_context_unref (own);
  return error;
}

START_TEST (in_thread)
{
  Value values[MAX_PARAMETERS] = { 0 };
  g_autoptr (GError) error = NULL;

  begin ((guint) _i);
  g_string_assign (variation, "in another thread");
  make_arguments (current, USABLE, values);
  error = g_thread_join (g_thread_new ("other", call_in_thread, values));
  if (is_refused_elsewhere (current))
    assert_error (error, G_IO_ERROR_BUSY);
  end ();
}
END_TEST

/* Numbers */

#define MAX_NUMBERS 3

/* The last row is for enumerations and flags. */
static const struct
{
  const gchar *type;
  guint n;
  gint64 values[MAX_NUMBERS];
} extremes[] = {
  { "gboolean", 3, { FALSE, TRUE, -1 } },
  { "gint", 3, { G_MININT, -1, G_MAXINT } },
  { "gint64", 3, { G_MININT64, -2, G_MAXINT64 } },
  { "gsize", 3, { 0, G_MAXSSIZE, -1 } },
  { "guint", 3, { 0, 1 << 30, G_MAXUINT } },
  { "guint16", 2, { 0, G_MAXUINT16 } },
  { "guint64", 3, { 0, G_MAXINT64, -1 } },
  { "guint8", 2, { 0, G_MAXUINT8 } },
  { "", 3, { 0, 1 << 30, -1 } },
};

static guint
find_extremes (const Parameter *parameter)
{
  guint i = 0;

  while (i < G_N_ELEMENTS (extremes) - 1 && strcmp (extremes[i].type, parameter->type) != 0)
    i++;
  return i;
}

static void
check_number (guint i, gint64 number)
{
  Value values[MAX_PARAMETERS] = { 0 };
  g_autoptr (GError) error = NULL;

  if (ring != NULL && guring_ring_get_uring (ring) == NULL)
    {
      g_object_unref (ring);
      ring = make_ring (8);
    }
  make_arguments (current, USABLE, values);
  g_string_printf (variation, "%s is %" G_GINT64_FORMAT, current->parameters[i].name, number);
  values[i].number = number;
  error = call_whole (values);
  arguments_clear ();
}

START_TEST (number)
{
  begin ((guint) _i);
  for (guint i = 0; i < current->n_parameters; i++)
    {
      const Parameter *parameter = &current->parameters[i];
      guint row = find_extremes (parameter);

      if (parameter->flags & IS_LENGTH)
        check_number (i, 0);
      else if (parameter->flags & IS_NUMBER)
        for (guint n = 0; n < extremes[row].n; n++)
          check_number (i, extremes[row].values[n]);
    }
  end ();
}
END_TEST

/* All of them */

START_TEST (no_function_is_missing)
{
  guint n_exported;

  for (n_exported = 0; exported_names[n_exported] != NULL; n_exported++)
    ck_assert_msg (find_call (exported_names[n_exported]) != NULL, "%s() is not tested",
                   exported_names[n_exported]);
  ck_assert_uint_eq (n_exported, n_public_calls);
}
END_TEST

static gboolean
has_parameter (const PublicCall *call, gboolean (*matches) (const Parameter *parameter))
{
  for (guint i = 0; i < call->n_parameters; i++)
    if (matches (&call->parameters[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_number (const Parameter *parameter)
{
  return (parameter->flags & IS_NUMBER) != 0;
}

static void
add_tests (TCase *tcase, guint index)
{
  const PublicCall *call = &public_calls[index];
  gint first = (gint) index, last = first + 1;

  tcase_add_loop_test (tcase, usual, first, last);
  tcase_add_loop_test (tcase, in_thread, first, last);
  tcase_add_loop_test (tcase, forked, first, last);
  if (has_parameter (call, is_pointer))
    tcase_add_loop_test (tcase, null, first, last);
  if (find_parameter (call, "GError **") >= 0)
    tcase_add_loop_test (tcase, error_set, first, last);
  if (has_parameter (call, is_closable))
    tcase_add_loop_test (tcase, closed, first, last);
  if (has_parameter (call, is_number))
    tcase_add_loop_test (tcase, number, first, last);
}

int
main (void)
{
  Suite *suite = suite_create ("arguments");
  g_autoptr (GError) error = NULL;
  gboolean is_supported = guring_is_supported (&error);

  if (!is_supported)
    g_printerr ("# SKIP: without the functions of rings: %s\n", error->message);
  tcase_add_test (add_case (suite, "all"), no_function_is_missing);
  for (guint i = 0; i < n_public_calls; i++)
    {
      if (is_supported)
        add_tests (add_io_case (suite, public_calls[i].name), i);
      if (!needs_ring (&public_calls[i]))
        add_tests (add_fallback_case (suite, public_calls[i].name), i);
    }
  return run_suite_without_io_uring (suite);
}
