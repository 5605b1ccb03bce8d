/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lesson 3: copy a file with many reads and writes in flight.
 *
 *   copy SOURCE DEST [--queue-depth N]
 *
 * Each of N slots reads a chunk of SOURCE, writes it to the same place in DEST, and takes the next
 * chunk that nobody has, until a read says that SOURCE has ended.
 */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <guring/guring.h>

#define CHUNK_SIZE 131072
#define MAX_QUEUE_DEPTH 1024
#define PERMISSIONS 0777
#define PROGRESS_INTERVAL 100 /* ms */
#define PROGRESS_WIDTH 40

typedef struct _Slot Slot;

typedef struct
{
  int queue_depth;
  char **paths; /* SOURCE and DEST */
  const char *source;
  const char *dest;
  int source_fd;
  int dest_fd;
  char *partial; /* (nullable): what must not be left behind */

  GuringRing *ring;
  GMainLoop *loop;
  Slot *slots;
  guint n_in_flight;

  gint64 next_offset; /* of the first chunk that no slot has taken */
  gint64 end;         /* where reads found SOURCE to end; G_MAXINT64 until then */
  gint64 n_written;
  gint64 size; /* what SOURCE claims: for the progress bar only */

  int signal; /* that interrupted, or 0 */
  GError *error;
} Copy;

/* The kernel uses the buffer until the completion, so it belongs to what lives longer. */
struct _Slot
{
  Copy *copy;
  guint64 id;    /* of its last operation */
  gint64 offset; /* of its chunk */
  guint n_read;  /* of its chunk */
  guint n_written;
  guint8 buffer[CHUNK_SIZE];
};

static gboolean
is_stopping (const Copy *copy)
{
  return copy->error != NULL || copy->signal != 0;
}

/* Every operation still gets its completion, and the loop runs until the last of them. Slots that
 * have nothing in flight do no harm: an id is never used twice. */
static void
cancel_all (Copy *copy)
{
  for (int i = 0; i < copy->queue_depth; i++)
    guring_ring_cancel (copy->ring, copy->slots[i].id);
}

static void
fail (Copy *copy, const char *verb, const char *path, const char *reason)
{
  g_set_error (&copy->error, G_IO_ERROR, G_IO_ERROR_FAILED, "Could not %s %s: %s", verb, path,
               reason);
  cancel_all (copy);
}

static void
fail_with_errno (Copy *copy, const char *verb, const char *path)
{
  fail (copy, verb, path, g_strerror (errno));
}

/* Called when an operation has ended, after its callback, which may have queued the next. */
static void
on_ended (gpointer user_data)
{
  Copy *copy = ((Slot *) user_data)->copy;

  if (--copy->n_in_flight == 0)
    g_main_loop_quit (copy->loop);
}

static void
queue (Slot *slot, const struct io_uring_sqe *sqe, GuringCompletionFunc func)
{
  Copy *copy = slot->copy;
  g_autoptr (GError) error = NULL;

  slot->id = guring_ring_queue (copy->ring, sqe, func, slot, on_ended, &error);
  if (slot->id != 0)
    copy->n_in_flight++;
  else
    fail (copy, "copy", copy->source, error->message);
}

static void on_read (GuringRing *ring, const GuringCompletion *completion, gpointer user_data);
static void on_written (GuringRing *ring, const GuringCompletion *completion, gpointer user_data);

/* Reads what the chunk lacks. */
static void
queue_read (Slot *slot)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, slot->copy->source_fd, slot->buffer + slot->n_read,
                      CHUNK_SIZE - slot->n_read, (guint64) slot->offset + slot->n_read);
  queue (slot, &sqe, on_read);
}

/* Writes what has been read and not been written. */
static void
queue_write (Slot *slot)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_write (&sqe, slot->copy->dest_fd, slot->buffer + slot->n_written,
                       slot->n_read - slot->n_written, (guint64) slot->offset + slot->n_written);
  queue (slot, &sqe, on_written);
}

static void
take_next_chunk (Slot *slot)
{
  Copy *copy = slot->copy;

  if (copy->end != G_MAXINT64 || is_stopping (copy))
    return;

  slot->offset = copy->next_offset;
  slot->n_read = slot->n_written = 0;
  copy->next_offset += CHUNK_SIZE;
  queue_read (slot);
}

/* A read may return less than was asked for anywhere in a file; only 0 is the end. */
static void
on_read (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  Slot *slot = user_data;
  Copy *copy = slot->copy;
  g_autoptr (GError) error = NULL;

  if (is_stopping (copy))
    return;
  if (!guring_completion_to_error (completion, &error))
    {
      fail (copy, "read", copy->source, error->message);
      return;
    }

  slot->n_read += (guint) completion->res;
  if (completion->res == 0)
    copy->end = MIN (copy->end, slot->offset + slot->n_read);

  if (completion->res > 0 && slot->n_read < CHUNK_SIZE)
    queue_read (slot);
  else if (slot->n_read > 0)
    queue_write (slot);
}

static void
on_written (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  Slot *slot = user_data;
  Copy *copy = slot->copy;
  g_autoptr (GError) error = NULL;

  if (is_stopping (copy))
    return;
  if (!guring_completion_to_error (completion, &error) || completion->res == 0)
    {
      fail (copy, "write", copy->dest, error != NULL ? error->message : "Nothing was written");
      return;
    }

  slot->n_written += (guint) completion->res;
  copy->n_written += completion->res;
  if (slot->n_written < slot->n_read)
    queue_write (slot);
  else
    take_next_chunk (slot);
}

/* The handler stays: a second signal, as timeout(1) sends it, must not leave DEST behind. */
static gboolean
on_signal (Copy *copy, int number)
{
  copy->signal = number;
  cancel_all (copy);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_sigint (gpointer user_data)
{
  return on_signal (user_data, SIGINT);
}

static gboolean
on_sigterm (gpointer user_data)
{
  return on_signal (user_data, SIGTERM);
}

static gboolean
show_progress (gpointer user_data)
{
  Copy *copy = user_data;
  double done = copy->size > 0 ? MIN ((double) copy->n_written / (double) copy->size, 1) : 1;
  int n_filled = (int) (done * PROGRESS_WIDTH);

  fprintf (stderr, "\r[%.*s%*s] %3d %%", n_filled, "########################################",
           PROGRESS_WIDTH - n_filled, "", (int) (done * 100));
  return G_SOURCE_CONTINUE;
}

static void
run_loop (Copy *copy)
{
  gboolean is_interactive = isatty (STDERR_FILENO);

  if (is_interactive)
    g_timeout_add (PROGRESS_INTERVAL, show_progress, copy);

  g_main_loop_run (copy->loop);

  if (is_interactive)
    {
      show_progress (copy);
      fputc ('\n', stderr);
    }
}

static gboolean
open_source (Copy *copy, struct stat *status)
{
  copy->source_fd = open (copy->source, O_RDONLY | O_CLOEXEC);
  if (copy->source_fd < 0 || fstat (copy->source_fd, status) < 0)
    fail_with_errno (copy, "open", copy->source);
  else if (S_ISDIR (status->st_mode))
    fail (copy, "read", copy->source, g_strerror (EISDIR));
  else if (lseek (copy->source_fd, 0, SEEK_CUR) < 0) /* a pipe has no places to read from */
    fail_with_errno (copy, "read", copy->source);
  return copy->error == NULL;
}

/* Without O_TRUNC, which would empty SOURCE if it is the same file. */
static gboolean
open_dest (Copy *copy, const struct stat *source, struct stat *status)
{
  copy->dest_fd = open (copy->dest, O_WRONLY | O_CREAT | O_CLOEXEC, source->st_mode & PERMISSIONS);
  if (copy->dest_fd < 0 || fstat (copy->dest_fd, status) < 0)
    fail_with_errno (copy, "open", copy->dest);
  else if (status->st_dev == source->st_dev && status->st_ino == source->st_ino)
    fail (copy, "copy", copy->source, "SOURCE and DEST are the same file");
  else if (lseek (copy->dest_fd, 0, SEEK_CUR) < 0)
    fail_with_errno (copy, "write", copy->dest);
  return copy->error == NULL;
}

/* From here on DEST is partial. */
static void
empty_dest (Copy *copy, mode_t permissions)
{
  copy->partial = realpath (copy->dest, NULL); /* a symbolic link may stay */
  if (fchmod (copy->dest_fd, permissions) < 0)
    fail_with_errno (copy, "set the permissions of", copy->dest);
  else if (ftruncate (copy->dest_fd, 0) < 0)
    fail_with_errno (copy, "write", copy->dest);
}

static void
copy_content (Copy *copy)
{
  for (int i = 0; i < copy->queue_depth; i++)
    {
      copy->slots[i].copy = copy;
      take_next_chunk (&copy->slots[i]);
    }
  if (copy->n_in_flight > 0)
    run_loop (copy);

  /* Each chunk before the end is whole. One behind it exists if SOURCE changed its size. */
  if (!is_stopping (copy) && copy->n_written > copy->end &&
      ftruncate (copy->dest_fd, copy->end) < 0)
    fail_with_errno (copy, "write", copy->dest);
}

static void
copy_file (Copy *copy)
{
  struct stat source = { 0 }, dest = { 0 };

  if (!open_source (copy, &source) || !open_dest (copy, &source, &dest))
    return;

  copy->size = source.st_size;
  g_unix_signal_add (SIGINT, on_sigint, copy);
  g_unix_signal_add (SIGTERM, on_sigterm, copy);
  if (S_ISREG (dest.st_mode))
    empty_dest (copy, source.st_mode & PERMISSIONS);
  copy_content (copy);
}

/* Some file systems only tell here that they could not write. */
static void
close_files (Copy *copy)
{
  if (copy->source_fd >= 0)
    close (copy->source_fd);
  if (copy->dest_fd >= 0 && close (copy->dest_fd) < 0 && !is_stopping (copy))
    fail_with_errno (copy, "close", copy->dest);
}

static int
report (Copy *copy)
{
  if (!is_stopping (copy))
    {
      printf ("Copied %" G_GINT64_FORMAT " bytes from %s to %s\n", copy->end, copy->source,
              copy->dest);
      return EXIT_SUCCESS;
    }

  if (copy->partial != NULL && unlink (copy->partial) < 0)
    fprintf (stderr, "Could not remove %s: %s\n", copy->partial, g_strerror (errno));
  if (copy->error == NULL)
    {
      fprintf (stderr, "Could not copy %s: %s\n", copy->source, g_strsignal (copy->signal));
      return 128 + copy->signal; /* as a shell has it */
    }
  fprintf (stderr, "%s\n", copy->error->message);
  return EXIT_FAILURE;
}

static gboolean
parse_arguments (Copy *copy, int argc, char **argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "queue-depth", 'q', 0, G_OPTION_ARG_INT, &copy->queue_depth,
      "How many reads and writes are in flight (default: 32)", "N" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &copy->paths, NULL, "SOURCE DEST" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;

  if (copy->paths == NULL || g_strv_length (copy->paths) != 2)
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                         "Usage: copy SOURCE DEST [--queue-depth N]");
  else if (copy->queue_depth < 1 || copy->queue_depth > MAX_QUEUE_DEPTH)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "The queue depth must be between 1 and %d", MAX_QUEUE_DEPTH);
  else
    return TRUE;
  return FALSE;
}

int
main (int argc, char **argv)
{
  Copy copy = { .queue_depth = 32, .source_fd = -1, .dest_fd = -1, .end = G_MAXINT64 };
  int status;

  if (parse_arguments (&copy, argc, argv, &copy.error) &&
      (copy.ring = guring_ring_new (NULL, (guint) copy.queue_depth, &copy.error)) != NULL)
    {
      copy.source = copy.paths[0];
      copy.dest = copy.paths[1];
      copy.slots = g_new0 (Slot, (gsize) copy.queue_depth);
      copy.loop = g_main_loop_new (NULL, FALSE);
      copy_file (&copy);
      close_files (&copy);
      g_object_unref (copy.ring);
      g_main_loop_unref (copy.loop);
    }

  status = report (&copy);
  g_clear_error (&copy.error);
  g_strfreev (copy.paths);
  g_free (copy.slots);
  free (copy.partial);
  return status;
}
