/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bytes of one file to another: several readers, each of which writes what it has read and goes
 * on to the next chunk that nobody has. */

#include "config.h"

#include <errno.h>

#include "copy-data.h"

#define MAX_CHUNK (1u << 18)
#define MAX_READERS 8

typedef struct
{
  GuringTask *task;
  int fd_in;
  int fd_out;
  goffset size;
  GFileProgressCallback progress_callback;
  gpointer progress_callback_data;
  GuringDataCopiedFunc func;

  guint chunk;
  goffset next; /* chunk */
  goffset n_copied;
  gboolean at_end;
  guint n_readers;
  GError *error; /* the first */
} Copying;

typedef struct
{
  Copying *copying;
  guint8 *buffer;
  goffset offset;
  goffset end; /* of the chunk */
  guint n_read;
  guint n_written;
} Reader;

static void
reader_free (gpointer data)
{
  Reader *reader = data;

  g_free (reader->buffer);
  g_free (reader);
}

/* Behind the expected size, where the end must be and a file that grows has more, one reader is
 * enough. */
static gboolean
take_chunk (Reader *reader)
{
  Copying *copying = reader->copying;

  if (copying->at_end || copying->error != NULL)
    return FALSE;
  if (copying->next >= copying->size && copying->n_readers > 1)
    return FALSE;

  reader->offset = copying->next;
  reader->end = reader->offset + copying->chunk;
  copying->next = reader->end;
  return TRUE;
}

static void start_reading (GuringTask *task);
static void start_writing (GuringTask *task);

static void
go_on (GuringTask *task)
{
  Reader *reader = guring_task_get_data (task);
  Copying *copying = reader->copying;

  if (copying->error != NULL || (reader->offset == reader->end && !take_chunk (reader)))
    guring_task_return (task, 0);
  else
    start_reading (task);
}

static void
on_written (GuringTask *task, gint32 res)
{
  Reader *reader = guring_task_get_data (task);
  Copying *copying = reader->copying;

  if (res <= 0)
    {
      guring_task_return_errno (task, res == 0 ? EIO : -res);
      return;
    }

  reader->n_written += (guint) res;
  reader->offset += res;
  copying->n_copied += res;
  if (g_cancellable_is_cancelled (guring_task_get_cancellable (task)))
    guring_task_return_errno (task, ECANCELED);
  else if (reader->n_written < reader->n_read)
    start_writing (task);
  else
    {
      if (copying->progress_callback != NULL)
        copying->progress_callback (copying->n_copied, copying->size,
                                    copying->progress_callback_data);
      go_on (task);
    }
}

static void
start_writing (GuringTask *task)
{
  Reader *reader = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_write (&sqe, reader->copying->fd_out, reader->buffer + reader->n_written,
                       reader->n_read - reader->n_written, (guint64) reader->offset);
  guring_task_run (task, &sqe, on_written);
}

static void
on_read (GuringTask *task, gint32 res)
{
  Reader *reader = guring_task_get_data (task);
  Copying *copying = reader->copying;

  if (res < 0)
    {
      guring_task_return_errno (task, -res);
      return;
    }

  reader->n_read = (guint) res;
  reader->n_written = 0;
  if (res == 0 || (reader->offset + res == copying->size && res < reader->end - reader->offset))
    copying->at_end = TRUE;
  if (res == 0)
    guring_task_return (task, 0);
  else
    start_writing (task);
}

static void
start_reading (GuringTask *task)
{
  Reader *reader = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, reader->copying->fd_in, reader->buffer,
                      (guint) (reader->end - reader->offset), (guint64) reader->offset);
  guring_task_run (task, &sqe, on_read);
}

static void
on_reader_ended (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  Copying *copying = user_data;
  g_autoptr (GError) error = NULL;

  if (guring_task_finish (result, guring_copy_data, &error) < 0 && copying->error == NULL)
    copying->error = g_steal_pointer (&error);

  if (--copying->n_readers > 0)
    return;

  copying->func (copying->task, copying->n_copied, copying->error);
  g_free (copying);
}

static void
start_reader (Copying *copying)
{
  GuringTask *task =
    guring_task_new (NULL, guring_copy_data, "copy", guring_task_get_priority (copying->task),
                     guring_task_get_cancellable (copying->task), on_reader_ended, copying);
  Reader *reader = g_new0 (Reader, 1);

  reader->copying = copying;
  reader->buffer = g_malloc (copying->chunk);
  guring_task_set_data (task, reader, reader_free);
  go_on (task);
}

void
guring_copy_data (GuringTask *task,
                  int fd_in,
                  int fd_out,
                  goffset size,
                  GFileProgressCallback progress_callback,
                  gpointer progress_callback_data,
                  GuringDataCopiedFunc func)
{
  Copying *copying = g_new0 (Copying, 1);
  guint n_readers = (guint) CLAMP (size / MAX_CHUNK, 1, MAX_READERS);

  copying->task = task;
  copying->fd_in = fd_in;
  copying->fd_out = fd_out;
  copying->size = size;
  copying->chunk = size > 0 ? (guint) MIN (size + 1, MAX_CHUNK) : MAX_CHUNK;
  copying->progress_callback = progress_callback;
  copying->progress_callback_data = progress_callback_data;
  copying->func = func;
  copying->n_readers = n_readers;
  for (guint i = 0; i < n_readers; i++)
    start_reader (copying);
}
