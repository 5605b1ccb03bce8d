/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Loading whole files: open, read until the end, close.
 *
 * For a file that says how large it is, reading and closing are one chain, so that the kernel is
 * entered twice, and for fstat(). A chain of all three on a direct descriptor is no faster (5.2 µs
 * either way, with page-cached files of 4 KiB on Linux 6.18), and there is no fstat() of one:
 * asking for the etag by path costs more than is saved (7.0 µs against 6.1), and blocks where the
 * path is not cached; in the ring it goes to a worker (38 µs). */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "turn.h"

#define FIRST_GUESS 4096u
#define MAX_STEP (1u << 20) /* a copy that the main loop can wait for */

typedef struct
{
  const gchar *path; /* the task's */
  int fd;
  gchar *contents;
  gsize capacity;
  gsize length;
  gsize size;        /* what a regular file says that it has, or 0 */
  gboolean by_steps; /* the chain was tried, or is not to be */
  struct timespec modified;
} Load;

static void
load_free (gpointer data)
{
  Load *load = data;

  g_free (load->contents);
  g_free (load);
}

static gchar *
make_etag (const Load *load)
{
  return guring_file_make_etag (load->modified.tv_sec, (guint32) load->modified.tv_nsec);
}

/* The end of a call that has its descriptor no more */
static void
fail (GuringTask *task, int error_number)
{
  Load *load = guring_task_get_data (task);

  close (load->fd);
  guring_task_return_errno (task, error_number);
}

static void
succeed (GuringTask *task)
{
  Load *load = guring_task_get_data (task);

  load->contents[load->length] = '\0';
  guring_task_return (task, 0);
}

static void
on_closed (GuringTask *task, gint32 res)
{
  succeed (task);
}

static void
start_closing (GuringTask *task)
{
  Load *load = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_close (&sqe, load->fd);
  guring_task_run (task, &sqe, on_closed);
}

/* A file that gives what it said that it has, and then less than was asked for, needs no read to
 * confirm it. Those of /proc say 0, those of /sys more than they have. */
static gboolean
is_at_end (const Load *load, guint asked, gint32 res)
{
  return res == 0 || (load->length == load->size && (guint) res < asked);
}

static gboolean
reserve (Load *load, gsize capacity)
{
  gchar *contents = g_try_realloc (load->contents, capacity);

  if (contents == NULL)
    return FALSE;

  load->contents = contents;
  load->capacity = capacity;
  return TRUE;
}

static void start_reading (GuringTask *task);

static void
on_read (GuringTask *task, gint32 res)
{
  Load *load = guring_task_get_data (task);

  if (res >= 0 && g_cancellable_is_cancelled (guring_task_get_cancellable (task)))
    res = -ECANCELED;
  if (res < 0)
    {
      fail (task, -res);
      return;
    }

  load->length += (gsize) res;
  if (is_at_end (load, guring_task_get_sqe (task)->len, res))
    start_closing (task);
  else if (load->length == load->capacity && !reserve (load, load->capacity * 2))
    fail (task, ENOMEM);
  else
    start_reading (task);
}

static void
prepare_read (Load *load, struct io_uring_sqe *sqe)
{
  gsize count = MIN (load->capacity - load->length, MAX_STEP);

  io_uring_prep_read (sqe, load->fd, load->contents + load->length, (guint) count, load->length);
}

static void
start_reading (GuringTask *task)
{
  struct io_uring_sqe sqe = { 0 };

  prepare_read (guring_task_get_data (task), &sqe);
  guring_task_run (task, &sqe, on_read);
}

static void start_opening (GuringTask *task);

/* What is not as expected, because the file changed or cannot be read, is tried again by steps. */
static void
on_read_whole (GuringTask *task, gint32 res)
{
  Load *load = guring_task_get_data (task);

  load->by_steps = TRUE;
  if (res == -ECANCELED || g_cancellable_is_cancelled (guring_task_get_cancellable (task)))
    guring_task_return_errno (task, ECANCELED);
  else if (res < 0 || (gsize) res != load->size)
    start_opening (task);
  else
    {
      load->length = load->size;
      succeed (task);
    }
}

/* Returns: %FALSE if it can't be done */
static gboolean
start_reading_whole (GuringTask *task)
{
  Load *load = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (load->by_steps || load->size == 0 || load->size >= MAX_STEP)
    return FALSE;

  prepare_read (load, &sqe);
  return guring_task_run_and_close (task, &sqe, on_read_whole);
}

/* The time of before the reading, for the etag: who replaces the file by that learns of a change
 * meanwhile. */
static int
prepare (Load *load)
{
  struct stat status;

  if (fstat (load->fd, &status) < 0)
    return errno;

  load->modified = status.st_mtim;
  load->size = S_ISREG (status.st_mode) ? (gsize) status.st_size : 0;
  load->by_steps |= status.st_blocks == 0; /* as in /sys, where to read twice may matter */
  return reserve (load, load->size > 0 ? load->size + 1 : FIRST_GUESS) ? 0 : ENOMEM;
}

static void
on_opened (GuringTask *task, gint32 res)
{
  Load *load = guring_task_get_data (task);
  int error_number;

  if (res < 0)
    {
      guring_task_return_errno (task, -res);
      return;
    }

  load->fd = res;
  error_number =
    g_cancellable_is_cancelled (guring_task_get_cancellable (task)) ? ECANCELED : prepare (load);
  if (error_number != 0)
    fail (task, error_number);
  else if (!start_reading_whole (task))
    start_reading (task);
}

static void
start_opening (GuringTask *task)
{
  Load *load = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_openat (&sqe, AT_FDCWD, load->path, O_RDONLY | O_CLOEXEC, 0);
  guring_task_run (task, &sqe, on_opened);
}

static void
on_turn (GuringTask *task, gint32 res)
{
  if (res < 0)
    guring_task_return_errno (task, -res);
  else
    start_opening (task);
}

static void
start_loading (GuringTask *task, const gchar *path)
{
  Load *load = g_new0 (Load, 1);

  guring_task_set_data (task, load, load_free);
  load->path = guring_task_set_path (task, path);
  guring_turn_take_of_kind (task, on_turn);
}

/**
 * guring_file_load_contents_async:
 * @file: the file
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Loads a file, as g_file_load_contents_async() does. One that changes its size meanwhile is opened
 * again and loaded anew. Any thread.
 *
 * Start as many as you like: of those in one context 64 are under way at once, and the others wait
 * for their turn, so that they do not run out of descriptors. What makes a load wait, such as a pipe
 * that nobody writes to, keeps its turn.
 *
 * Since: 0.1
 */
void
guring_file_load_contents_async (GFile *file,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data)
{
  const gchar *path;

  g_return_if_fail (G_IS_FILE (file));

  path = guring_file_get_local_path (file);
  if (path == NULL)
    g_file_load_contents_async (file, cancellable, callback, user_data);
  else
    start_loading (guring_task_new (file, guring_file_load_contents_async, "load",
                                    G_PRIORITY_DEFAULT, cancellable, callback, user_data),
                   path);
}

/**
 * guring_file_load_contents_finish:
 * @file: the file
 * @result: what the callback got
 * @contents: (out) (transfer full) (element-type guint8) (array length=length): what it holds, and
 *   a nul behind it
 * @length: (out) (optional): how many bytes that is
 * @etag_out: (out) (optional) (nullable) (transfer full): the file's etag when the reading began
 * @error: return location for the error
 *
 * Returns: %TRUE if it was loaded; %FALSE with the errors of g_file_load_contents_finish()
 *
 * Since: 0.1
 */
gboolean
guring_file_load_contents_finish (GFile *file,
                                  GAsyncResult *result,
                                  gchar **contents,
                                  gsize *length,
                                  gchar **etag_out,
                                  GError **error)
{
  gboolean loaded;
  Load *load;

  g_return_val_if_fail (G_IS_FILE (file), FALSE);
  g_return_val_if_fail (contents != NULL, FALSE);

  if (!GURING_IS_TASK (result))
    return g_file_load_contents_finish (file, result, contents, length, etag_out, error);

  loaded = guring_task_finish (result, guring_file_load_contents_async, error) >= 0;
  load = guring_task_get_data (GURING_TASK (result));
  if (length != NULL)
    *length = loaded ? load->length : 0;
  if (loaded)
    *contents = g_steal_pointer (&load->contents);
  if (loaded && etag_out != NULL)
    *etag_out = make_etag (load);
  return loaded;
}

/**
 * guring_file_load_bytes_async:
 * @file: the file
 * @cancellable: (nullable): cancels it, from any thread
 * @callback: (scope async) (nullable): called in the thread-default main context of the caller
 * @user_data: for @callback
 *
 * Loads a file, as g_file_load_bytes_async() does; see guring_file_load_contents_async(). Any
 * thread.
 *
 * Since: 0.1
 */
void
guring_file_load_bytes_async (GFile *file,
                              GCancellable *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer user_data)
{
  const gchar *path;

  g_return_if_fail (G_IS_FILE (file));

  path = guring_file_get_local_path (file);
  if (path == NULL)
    g_file_load_bytes_async (file, cancellable, callback, user_data);
  else
    start_loading (guring_task_new (file, guring_file_load_bytes_async, "load", G_PRIORITY_DEFAULT,
                                    cancellable, callback, user_data),
                   path);
}

/**
 * guring_file_load_bytes_finish:
 * @file: the file
 * @result: what the callback got
 * @etag_out: (out) (optional) (nullable) (transfer full): the file's etag when the reading began
 * @error: return location for the error
 *
 * Returns: (transfer full): what it holds; behind that is a nul. %NULL with the errors of
 *   g_file_load_bytes_finish()
 *
 * Since: 0.1
 */
GBytes *
guring_file_load_bytes_finish (GFile *file, GAsyncResult *result, gchar **etag_out, GError **error)
{
  Load *load;

  g_return_val_if_fail (G_IS_FILE (file), NULL);

  if (!GURING_IS_TASK (result))
    return g_file_load_bytes_finish (file, result, etag_out, error);

  if (guring_task_finish (result, guring_file_load_bytes_async, error) < 0)
    return NULL;

  load = guring_task_get_data (GURING_TASK (result));
  if (etag_out != NULL)
    *etag_out = make_etag (load);
  return g_bytes_new_take (g_steal_pointer (&load->contents), load->length);
}
