/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What input streams on descriptors share: reading and skipping. */

#include "config.h"

#include <errno.h>
#include <gio/gfiledescriptorbased.h>
#include <sys/stat.h>
#include <unistd.h>

#include "descriptor.h"
#include "stream.h"

static int
get_fd (GInputStream *stream)
{
  return g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (stream));
}

/* Synchronous calls */

static gssize
stream_read (GInputStream *stream,
             void *buffer,
             gsize count,
             GCancellable *cancellable,
             GError **error)
{
  gssize n;

  do
    {
      if (!guring_descriptor_wait (get_fd (stream), G_IO_IN, cancellable, error))
        return -1;
      n = read (get_fd (stream), buffer, count);
    }
  while (n < 0 && (errno == EINTR || errno == EAGAIN));

  if (n < 0)
    guring_descriptor_set_error (error, "read");
  return n;
}

/* Returns: how far it went; 0 where no end is to be seen before the position: in a pipe, in what
 * /proc calls empty, and at the end itself */
static gsize
seek_ahead (int fd, gsize count)
{
  off_t position = lseek (fd, 0, SEEK_CUR);
  struct stat status;
  gsize n;

  if (position < 0 || fstat (fd, &status) != 0 || status.st_size <= position)
    return 0;

  n = MIN (count, (gsize) (status.st_size - position));
  return lseek (fd, (off_t) n, SEEK_CUR) < 0 ? 0 : n;
}

/* As for a read, what was skipped before an error is told in place of it. */
static gssize
skip_by_reading (GInputStream *stream, gsize count, GCancellable *cancellable, GError **error)
{
  gchar buffer[8192];
  gsize done = 0;
  gssize n;

  do
    {
      n = stream_read (stream, buffer, MIN (sizeof buffer, count - done), cancellable,
                       done == 0 ? error : NULL);
      done += (gsize) MAX (n, 0);
    }
  while (n > 0 && done < count);

  return n < 0 && done == 0 ? -1 : (gssize) done;
}

static gssize
stream_skip (GInputStream *stream, gsize count, GCancellable *cancellable, GError **error)
{
  gsize n;

  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return -1;

  n = seek_ahead (get_fd (stream), count);
  return n > 0 ? (gssize) n : skip_by_reading (stream, count, cancellable, error);
}

/* Asynchronous calls */

static void
stream_read_async (GInputStream *stream,
                   void *buffer,
                   gsize count,
                   int io_priority,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, get_fd (stream), buffer, (guint) MIN (count, GURING_MAX_TRANSFER),
                      (guint64) -1);
  guring_task_run (guring_task_new (stream, stream_read_async, "read", io_priority, cancellable,
                                    callback, user_data),
                   &sqe, guring_task_return_res);
}

static gssize
stream_read_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, stream_read_async, error);
}

static GInputStreamClass *
get_base_class (void)
{
  return g_type_class_peek (G_TYPE_INPUT_STREAM);
}

/* What is not to be sought in, GInputStream skips by asynchronous reads. */
static void
stream_skip_async (GInputStream *stream,
                   gsize count,
                   int io_priority,
                   GCancellable *cancellable,
                   GAsyncReadyCallback callback,
                   gpointer user_data)
{
  gsize n = 0;

  if (!g_cancellable_is_cancelled (cancellable))
    n = seek_ahead (get_fd (stream), count);
  if (n > 0)
    guring_task_return (guring_task_new (stream, stream_skip_async, "skip", io_priority, NULL,
                                         callback, user_data),
                        (gssize) n);
  else
    get_base_class ()->skip_async (stream, count, io_priority, cancellable, callback, user_data);
}

static gssize
stream_skip_finish (GInputStream *stream, GAsyncResult *result, GError **error)
{
  if (g_async_result_is_tagged (result, stream_skip_async))
    return guring_task_finish (result, stream_skip_async, error);

  return get_base_class ()->skip_finish (stream, result, error);
}

void
guring_stream_init_input (GInputStreamClass *class)
{
  class->read_fn = stream_read;
  class->skip = stream_skip;
  class->read_async = stream_read_async;
  class->read_finish = stream_read_finish;
  class->skip_async = stream_skip_async;
  class->skip_finish = stream_skip_finish;
}
