/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "descriptors.h"
#include "oracle.h"
#include "stream-steps.h"
#include "twins.h"

#define MAX_STEPS 24

FuzzInput *stream_input;

gboolean
stream_is_comparable (Call *call, gboolean succeeded, GError **error)
{
  if (call_is_comparable (call, succeeded, *error))
    return TRUE;

  g_clear_error (error);
  stream_start_over ();
  return FALSE;
}

gboolean
stream_file_is_comparable (Call *call, gboolean all_or_nothing, gboolean succeeded, GError **error)
{
  if (call_is_comparable (call, succeeded, *error))
    return TRUE;

  /* What is being written to has other names meanwhile. */
  if (all_or_nothing && !stream_is_writing ())
    twins_check ();
  g_clear_error (error);
  stream_start_over ();
  return FALSE;
}

void
stream_agree (const gchar *what,
              gssize mine,
              GError **my_error,
              gssize theirs,
              GError **their_error)
{
  const GError *a = *my_error, *b = *their_error;

  oracle_holds ("the same as GIO", mine == theirs, "%s: %zd, not %zd (%s, %s)", what, mine, theirs,
                a != NULL ? a->message : "no error", b != NULL ? b->message : "no error");
  oracle_holds ("the same as GIO",
                (a == NULL) == (b == NULL) &&
                  (a == NULL || (a->domain == b->domain && a->code == b->code)),
                "%s: \"%s\" (%d), not \"%s\" (%d)", what, a != NULL ? a->message : "",
                a != NULL ? a->code : 0, b != NULL ? b->message : "", b != NULL ? b->code : 0);
  g_clear_error (my_error);
  g_clear_error (their_error);
}

void
stream_agree_on_bytes (const gchar *what, gconstpointer mine, gconstpointer theirs, gsize size)
{
  oracle_holds ("the same as GIO", size == 0 || memcmp (mine, theirs, size) == 0, "%s: other bytes",
                what);
}

void
stream_start_over (void)
{
  stream_drop_streams ();
  twins_make ();
}

gsize
stream_take_size (void)
{
  static const gsize sizes[] = { 1, 0, 100, 4096, STREAM_MAX_BYTES };
  guint i = input_take_below (stream_input, G_N_ELEMENTS (sizes) + 1);

  return i < G_N_ELEMENTS (sizes) ? sizes[i] : input_take_below (stream_input, STREAM_MAX_BYTES);
}

const guint8 *
stream_get_pattern (void)
{
  static guint8 pattern[STREAM_MAX_BYTES];

  for (gsize i = 0; pattern[1] == 0 && i < sizeof pattern; i++)
    pattern[i] = (guint8) (i * 13 + i / 127);
  return pattern;
}

void
stream_steps_run (FuzzInput *input, gboolean without)
{
  static void (*const steps[]) (void) = { stream_step,      stream_step,      stream_step,
                                          stream_file_step, stream_file_step, stream_pipe_step };

  stream_input = input;
  descriptors_start ();
  calls_start (input, without);
  twins_make ();
  for (guint i = 0; i < MAX_STEPS && !input_is_empty (input) && calls_are_left (); i++)
    input_take_choice (input, steps) ();

  stream_drop_streams ();
  twins_check ();
  calls_end ();
  descriptors_end ();
}
