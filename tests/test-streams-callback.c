/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who calls back what a callback writes. GTask, which GIO puts around a write, makes an idle source
 * for one that ends in the iteration of the main loop that it began in. */

#include "config.h"

#include <unistd.h>

#include "connection-support.h"

typedef struct
{
  GOutputStream *output;
  gchar byte;
  gchar *caller; /* the source that called back when it was written */
} Copied;

static void
on_written (GObject *output, GAsyncResult *result, gpointer user_data)
{
  Copied *copied = user_data;

  ck_assert_int_eq (g_output_stream_write_finish (G_OUTPUT_STREAM (output), result, NULL), 1);
  copied->caller = g_strdup (g_source_get_name (g_main_current_source ()));
}

static void
on_read (GObject *input, GAsyncResult *result, gpointer user_data)
{
  Copied *copied = user_data;

  ck_assert_int_eq (g_input_stream_read_finish (G_INPUT_STREAM (input), result, NULL), 1);
  g_output_stream_write_async (copied->output, &copied->byte, 1, 0, NULL, on_written, copied);
}

static void
assert_written_without_idle (GOutputStream *output, int peer)
{
  g_autoptr (GInputStream) input = guring_input_stream_new (make_file ("file", "x"), TRUE);
  Copied copied = { .output = output };
  gchar byte;

  g_input_stream_read_async (input, &copied.byte, 1, 0, NULL, on_read, &copied);
  run_until (copied.caller != NULL);
  ck_assert_msg (g_str_has_prefix (copied.caller, "Guring"), "%s", copied.caller);
  ck_assert_int_eq (read (peer, &byte, 1), 1);
  g_free (copied.caller);
}

START_TEST (what_a_callback_writes_needs_no_idle_source)
{
  g_autoptr (GOutputStream) output = NULL;
  int fds[2];

  make_pipe (fds);
  output = guring_output_stream_new (fds[1], TRUE);
  assert_written_without_idle (output, fds[0]);
  close (fds[0]);
}
END_TEST

START_TEST (what_a_callback_sends_needs_no_idle_source)
{
  g_auto (Pair) pair = { 0 };

  pair_init (&pair);
  assert_written_without_idle (pair.output, pair.peer);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, what_a_callback_writes_needs_no_idle_source);
  tcase_add_test (tcase, what_a_callback_sends_needs_no_idle_source);
}

int
main (void)
{
  Suite *suite = suite_create ("streams-callback");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
