/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loading many files at once.
 *
 *   load-many FILE…
 *
 * Prints the size of each, in order, and the total, as "du -bc" does. Loads that are under way
 * together share their entries into the kernel; each has a descriptor, so there are at most 64.
 */

#include <stdio.h>

#include <guring/guring.h>

#define MAX_AT_ONCE 64

typedef struct
{
  char **names;
  GBytes **contents; /* of each, or NULL */
  guint n_files;
  guint n_started;
  guint n_ended;
  GMainLoop *loop;
  int status;
} Loading;

typedef struct
{
  Loading *loading;
  guint index;
} Load;

static void start_next (Loading *loading);

static void
on_loaded (GObject *file, GAsyncResult *result, gpointer user_data)
{
  g_autofree Load *load = user_data;
  Loading *loading = load->loading;
  g_autoptr (GError) error = NULL;

  loading->contents[load->index] =
    guring_file_load_bytes_finish (G_FILE (file), result, NULL, &error);
  if (error != NULL)
    {
      g_printerr ("load-many: %s\n", error->message);
      loading->status = 1;
    }

  if (++loading->n_ended == loading->n_files)
    g_main_loop_quit (loading->loop);
  else
    start_next (loading);
}

static void
start_next (Loading *loading)
{
  g_autoptr (GFile) file = NULL;
  Load *load;

  if (loading->n_started == loading->n_files)
    return;

  load = g_new (Load, 1);
  load->loading = loading;
  load->index = loading->n_started++;
  file = g_file_new_for_commandline_arg (loading->names[load->index]);
  guring_file_load_bytes_async (file, NULL, on_loaded, load);
}

static void
print_sizes (const Loading *loading)
{
  gsize total = 0;

  for (guint i = 0; i < loading->n_files; i++)
    if (loading->contents[i] != NULL)
      {
        gsize size = g_bytes_get_size (loading->contents[i]);

        printf ("%" G_GSIZE_FORMAT "\t%s\n", size, loading->names[i]);
        total += size;
      }
  printf ("%" G_GSIZE_FORMAT "\ttotal\n", total);
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) contents = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Loading loading = { .names = argv + 1, .n_files = (guint) argc - 1, .loop = loop };

  if (argc < 2)
    {
      g_printerr ("Usage: load-many FILE…\n");
      return 1;
    }

  g_ptr_array_set_size (contents, argc - 1);
  loading.contents = (GBytes **) contents->pdata;
  for (guint i = 0; i < MAX_AT_ONCE; i++)
    start_next (&loading);
  g_main_loop_run (loop);

  print_sizes (&loading);
  return loading.status;
}
