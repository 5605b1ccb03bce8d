/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams: write files to standard output, one after the other.
 *
 *   cat [FILE…]
 *
 * No FILE, or -, is standard input. What stands here would work with any GInputStream and
 * GOutputStream; that these are on the ring shows in two lines.
 */

#include <fcntl.h>
#include <unistd.h>

#include <guring/guring.h>

typedef struct
{
  const char **paths; /* still to come */
  GOutputStream *output;
  GMainLoop *loop;
  int status;
} Cat;

static void next (Cat *cat);

static void
on_written (GObject *output, GAsyncResult *result, gpointer user_data)
{
  Cat *cat = user_data;
  g_autoptr (GError) error = NULL;

  if (g_output_stream_splice_finish (G_OUTPUT_STREAM (output), result, &error) < 0)
    {
      g_printerr ("cat: %s: %s\n", *cat->paths, error->message);
      cat->status = 1;
    }

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE)) /* nobody reads any more */
    g_main_loop_quit (cat->loop);
  else
    {
      cat->paths++;
      next (cat);
    }
}

static void
write_all (Cat *cat, int fd, gboolean close_fd)
{
  g_autoptr (GInputStream) input = guring_input_stream_new (fd, close_fd);

  g_output_stream_splice_async (cat->output, input, G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE,
                                G_PRIORITY_DEFAULT, NULL, on_written, cat);
}

static void
on_opened (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  Cat *cat = user_data;
  g_autoptr (GError) error = NULL;
  int fd = guring_open_finish (result, &error);

  if (fd >= 0)
    {
      write_all (cat, fd, TRUE);
      return;
    }

  g_printerr ("cat: %s\n", error->message); /* which names the file */
  cat->status = 1;
  cat->paths++;
  next (cat);
}

static void
next (Cat *cat)
{
  if (*cat->paths == NULL)
    g_main_loop_quit (cat->loop);
  else if (g_str_equal (*cat->paths, "-"))
    write_all (cat, STDIN_FILENO, FALSE);
  else
    guring_open_async (*cat->paths, O_RDONLY, 0, G_PRIORITY_DEFAULT, NULL, on_opened, cat);
}

int
main (int argc, char **argv)
{
  const char *only_stdin[] = { "-", NULL };
  g_autoptr (GOutputStream) output = guring_output_stream_new (STDOUT_FILENO, FALSE);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Cat cat = { argc > 1 ? (const char **) argv + 1 : only_stdin, output, loop, 0 };

  next (&cat);
  g_main_loop_run (loop);
  return cat.status;
}
