/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A process that replaces a file for ever is killed at random moments: the file has the old
 * contents or the new ones, and what the killed one left beside it is gone the next time. */

#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file-support.h"
#include "io-support.h"

enum
{
  N_VERSIONS = 26,
  MOST_LEFT = 4,      /* temporary files: one each, and the kernel may still be at work for some */
  LONGEST_LIFE = 3000 /* µs */
};

static guint
get_n_kills (void)
{
  return g_getenv ("GURING_SLOW_TESTS") != NULL ? 1000 : 50;
}

/* A version is a letter, so and so often. */
static gsize
get_size (guint version)
{
  return 1 + version * 7919;
}

static GBytes *
make_version (guint version)
{
  gsize size = get_size (version);
  gchar *letters = g_malloc (size);

  memset (letters, 'a' + (gint) version, size);
  return g_bytes_new_take (letters, size);
}

static gboolean
is_version (const gchar *contents, gsize size)
{
  guint version = (guint) (contents[0] - 'a');

  if (size == 0 || version >= N_VERSIONS || size != get_size (version))
    return FALSE;
  return memcmp (contents, contents + 1, size - 1) == 0; /* all as the first */
}

static void
assert_whole (void)
{
  g_autofree gchar *contents = NULL;
  gsize size;

  ck_assert (g_file_get_contents ("file", &contents, &size, NULL));
  ck_assert_msg (is_version (contents, size), "%zu bytes that begin with %c", size, contents[0]);
}

/* The program that is killed; not Check's. When it has replaced the file once, it tells by a byte.
 */

static void replace_with (guint version);

static void
on_replaced (GObject *file, GAsyncResult *result, gpointer version)
{
  g_assert_true (guring_file_replace_contents_bytes_finish (G_FILE (file), result, NULL, NULL));
  if (GPOINTER_TO_UINT (version) == 0)
    g_assert_no_errno ((int) write (STDOUT_FILENO, "x", 1));
  replace_with (1 + GPOINTER_TO_UINT (version) % (N_VERSIONS - 1));
}

static void
replace_with (guint version)
{
  g_autoptr (GFile) file = g_file_new_for_path ("file");
  g_autoptr (GBytes) bytes = make_version (version);

  guring_file_replace_contents_bytes_async (file, bytes, NULL, FALSE, G_FILE_CREATE_NONE, NULL,
                                            on_replaced, GUINT_TO_POINTER (version));
}

static int
replace_for_ever (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  replace_with (0);
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}

static void
replace (guint version)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GBytes) bytes = make_version (version);

  guring_file_replace_contents_bytes_async (answer.file, bytes, NULL, FALSE, G_FILE_CREATE_NONE,
                                            NULL, on_answer, &answer);
  ck_assert (
    guring_file_replace_contents_bytes_finish (answer.file, await_answer (&answer), NULL, NULL));
}

static pid_t
start_replacing (void)
{
  pid_t child = fork ();

  if (child == 0)
    {
      dup2 (ends[1], STDOUT_FILENO);
      execl ("/proc/self/exe", "test-crash", "for ever", NULL);
      _exit (127);
    }
  ck_assert_int_gt (child, 0);
  return child;
}

static void
kill_at_random_moment (void)
{
  pid_t child = start_replacing ();
  gchar byte;

  ck_assert_int_eq (read (ends[0], &byte, 1), 1);
  g_usleep ((gulong) g_random_int_range (0, LONGEST_LIFE));
  ck_assert_int_eq (kill (child, SIGKILL), 0);
  ck_assert_int_eq (waitpid (child, NULL, 0), child);
}

START_TEST (who_is_killed_leaves_the_old_contents_or_the_new)
{
  guint n_left = 0;

  make_pipe (ends);
  for (guint i = 0; i < get_n_kills (); i++)
    {
      gsize n_names;

      kill_at_random_moment ();
      assert_whole ();
      n_names = count_names (".");
      ck_assert_uint_le (n_names, 1 + MOST_LEFT);
      n_left += n_names > 1;
    }
  ck_assert_uint_gt (n_left, 0); /* else this has not tested much */

  do /* until the kernel has let go of what the last one did */
    replace (1);
  while (count_names (".") > 1);
  close_pipe (ends);
}
END_TEST

/* Whoever is alive keeps what is his. */
START_TEST (a_temporary_file_in_use_is_not_swept)
{
  g_auto (Answer) first = answer_for ("file");
  g_autoptr (GFileOutputStream) stream = NULL;

  replace (0);
  guring_file_replace_async (first.file, NULL, FALSE, G_FILE_CREATE_NONE, 0, NULL, on_answer,
                             &first);
  stream = guring_file_replace_finish (first.file, await_answer (&first), NULL);
  ck_assert_ptr_nonnull (stream);
  replace (1);
  assert_whole ();

  ck_assert (g_output_stream_write_all (G_OUTPUT_STREAM (stream), "a", 1, NULL, NULL, NULL));
  ck_assert (g_output_stream_close (G_OUTPUT_STREAM (stream), NULL, NULL));
  assert_whole ();
  ck_assert_uint_eq (count_names ("."), 1);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, who_is_killed_leaves_the_old_contents_or_the_new);
  tcase_add_test (tcase, a_temporary_file_in_use_is_not_swept);
}

int
main (int argc, char **argv)
{
  Suite *suite;

  if (argc > 1)
    return replace_for_ever ();

  suite = suite_create ("crash");
  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
