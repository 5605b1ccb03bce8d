/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Feeds a harness with files, without a fuzzer: replay-<target> [FILE|DIRECTORY]…
 * Without an argument it is a test: all of $FUZZ_DATA/corpus/<target> and
 * $FUZZ_DATA/crashes/<target>, with TAP on stdout. */

#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "oracle.h"

#define TIMEOUT_SECONDS 60 /* an input */

#pragma weak LLVMFuzzerInitialize

static guint replay (const gchar *path);

static guint
replay_file (const gchar *path)
{
  g_autofree gchar *content = NULL;
  g_autofree guint8 *input = NULL;
  gsize size;

  if (!g_file_get_contents (path, &content, &size, NULL))
    g_error ("Could not read %s", path);

  g_print ("# %s\n", path);          /* the last one is the one that crashed */
  input = g_memdup2 (content, size); /* without the byte behind it: AddressSanitizer sees the end */
  alarm (TIMEOUT_SECONDS);
  LLVMFuzzerTestOneInput (input, size);
  alarm (0);
  return 1;
}

static guint
replay_directory (const gchar *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const gchar *name;
  guint n = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *child = g_build_filename (path, name, NULL);

      n += replay (child);
    }
  g_clear_pointer (&dir, g_dir_close);
  return n;
}

static guint
replay (const gchar *path)
{
  return g_file_test (path, G_FILE_TEST_IS_DIR) ? replay_directory (path) : replay_file (path);
}

static int
replay_as_test (const gchar *target)
{
  static const gchar *const kinds[] = { "corpus", "crashes" };
  const gchar *data = g_getenv ("FUZZ_DATA");
  guint n = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree gchar *path = g_build_filename (data != NULL ? data : ".", kinds[i], target, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        n += replay (path);
    }

  g_print ("1..1\n%s 1 - fuzz-%s: %u inputs\n", n > 0 ? "ok" : "not ok", target, n);
  return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main (int argc, char **argv)
{
  g_autofree gchar *name = g_path_get_basename (argv[0]);
  guint n = 0;

  if (LLVMFuzzerInitialize != NULL)
    LLVMFuzzerInitialize (&argc, &argv);

  if (argc == 1)
    return replay_as_test (strchr (name, '-') + 1);

  for (gint i = 1; i < argc; i++)
    n += replay (argv[i]);
  g_print ("%u inputs\n", n);
  return EXIT_SUCCESS;
}
