/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lesson 1: write a file and close it, asynchronously, in a GLib main loop.
 *
 *   write-file [PATH]
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <guring/guring.h>

#define DEFAULT_PATH "/tmp/io_uring_test.txt"
#define N_OPERATIONS 2

static const char text[] = "Hello from io_uring and the GLib main loop!\n"
                           "One ring, one GSource, no thread pool.\n";
static const guint text_length = sizeof text - 1;

typedef struct
{
  const char *path;
  GMainLoop *loop;
  guint n_completed;
  gboolean failed;
} Job;

/* An operation that failed has a negated errno for its result. */
static void
check_result (Job *job, const GuringCompletion *completion, const char *verb, guint expected)
{
  g_autoptr (GError) error = NULL;

  if (!guring_completion_to_error (completion, &error))
    fprintf (stderr, "Could not %s %s: %s\n", verb, job->path, error->message);
  else if (completion->res != (gint32) expected)
    fprintf (stderr, "Could not %s %s: only %d of %u bytes were taken\n", verb, job->path,
             completion->res, expected);
  else
    {
      printf ("[io_uring] Operation completed: %d bytes\n", completion->res);
      return;
    }
  job->failed = TRUE;
}

static void
count_completion (Job *job)
{
  printf ("[Callback] Operation %u completed\n", ++job->n_completed);
  if (job->n_completed < N_OPERATIONS)
    return;

  printf ("[Callback] All operations completed, quitting main loop\n");
  g_main_loop_quit (job->loop);
}

static void
on_written (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  check_result (user_data, completion, "write", text_length);
  count_completion (user_data);
}

static void
on_closed (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  check_result (user_data, completion, "close", 0);
  count_completion (user_data);
}

/* A chain runs in its order, though both operations are submitted at once. The link is a hard one:
 * a short or failed write breaks a soft link, and then nobody would close the descriptor. */
static gboolean
queue_write_and_close (GuringRing *ring, Job *job, int fd, GError **error)
{
  /* Zeroed, as every SQE must be before io_uring_prep_*(). */
  GuringRequest requests[N_OPERATIONS] = {
    { .func = on_written, .user_data = job },
    { .func = on_closed, .user_data = job },
  };

  io_uring_prep_write (&requests[0].sqe, fd, text, text_length, 0);
  requests[0].sqe.flags |= IOSQE_IO_HARDLINK;
  io_uring_prep_close (&requests[1].sqe, fd);

  return guring_ring_queue_chain (ring, requests, N_OPERATIONS, NULL, error);
}

static gboolean
submit (GuringRing *ring)
{
  g_autoptr (GError) error = NULL;
  /* Only to show it: the loop submits what is queued by itself, all in one system call. */
  int n_submitted = guring_ring_submit (ring, &error);

  if (n_submitted < 0)
    {
      fprintf (stderr, "Could not submit to io_uring: %s\n", error->message);
      return FALSE;
    }
  printf ("[Submit] Submitted %d operation(s)\n", n_submitted);
  return TRUE;
}

static gboolean
start_writing (GuringRing *ring, Job *job)
{
  g_autoptr (GError) error = NULL;
  int fd = open (job->path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

  if (fd < 0)
    {
      fprintf (stderr, "Could not open %s: %s\n", job->path, g_strerror (errno));
      return FALSE;
    }
  printf ("[Submit] Opening file: %s (fd=%d)\n", job->path, fd);

  if (!queue_write_and_close (ring, job, fd, &error))
    {
      fprintf (stderr, "Could not queue the operations for %s: %s\n", job->path, error->message);
      close (fd); /* nothing was queued, so it is still ours */
      return FALSE;
    }
  printf ("[Submit] Write operation prepared (%u bytes)\n", text_length);

  return submit (ring);
}

static gboolean
file_holds_text (const char *path)
{
  char content[sizeof text];
  FILE *file = fopen (path, "re");
  gsize length;

  if (file == NULL)
    {
      fprintf (stderr, "Could not read back %s: %s\n", path, g_strerror (errno));
      return FALSE;
    }

  /* There is room for one byte more than was written. */
  length = fread (content, 1, sizeof content, file);
  fclose (file);
  if (length == text_length && memcmp (content, text, text_length) == 0)
    return TRUE;

  fprintf (stderr, "%s does not hold what was written\n", path);
  return FALSE;
}

static gboolean
run (GuringRing *ring, Job *job)
{
  printf ("[Main] Submitting write operation...\n");
  if (!start_writing (ring, job))
    return FALSE;

  printf ("[Main] Running main loop, waiting for completions...\n\n");
  g_main_loop_run (job->loop);
  return !job->failed;
}

static void
print_key_points (const char *path)
{
  printf (
    "\n=== Key Points ===\n"
    "- The ring is a GSource: the main loop polls its descriptor beside all others\n"
    "- What is queued is submitted together, in one io_uring_enter(), before the loop sleeps\n"
    "- A registry finds each operation's callback by the id in the completion's user_data\n"
    "- Callbacks run in the loop's own thread: no thread pool, no lock\n"
    "- The write and the close are a chain: submitted at once, run in order\n"
    "- File written to: %s\n",
    path);
}

int
main (int argc, char **argv)
{
  Job job = { .path = argc > 1 ? argv[1] : DEFAULT_PATH };
  g_autoptr (GError) error = NULL;
  GuringRing *ring;
  gboolean succeeded;

  printf ("=== io_uring GLib GSource Integration ===\n\n");
  ring = guring_ring_new (NULL, 0, &error); /* NULL: it belongs to the default main context */
  if (ring == NULL)
    {
      fprintf (stderr, "%s\n", error->message);
      return EXIT_FAILURE;
    }
  printf ("[Init] io_uring initialized successfully\n");

  job.loop = g_main_loop_new (NULL, FALSE);
  succeeded = run (ring, &job);

  /* Dropping the last reference closes the ring: whatever is in flight gets its callback first. */
  printf ("[Cleanup] Finalizing io_uring source\n");
  g_object_unref (ring);
  g_main_loop_unref (job.loop);

  succeeded = succeeded && file_holds_text (job.path);
  if (succeeded)
    print_key_points (job.path);
  return succeeded ? EXIT_SUCCESS : EXIT_FAILURE;
}
