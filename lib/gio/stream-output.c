/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What output streams on descriptors share: writing. */

#include "config.h"

#include <errno.h>
#include <gio/gfiledescriptorbased.h>
#include <limits.h>
#include <unistd.h>

#include "descriptor.h"
#include "stream.h"
#include "vectors.h"
#include "writev.h"

static int
get_fd (GOutputStream *stream)
{
  return g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (stream));
}

/* Synchronous calls */

static gssize
stream_write (GOutputStream *stream,
              const void *buffer,
              gsize count,
              GCancellable *cancellable,
              GError **error)
{
  gssize n;

  do
    {
      if (!guring_descriptor_wait (get_fd (stream), G_IO_OUT, cancellable, error))
        return -1;
      n = write (get_fd (stream), buffer, count);
    }
  while (n < 0 && (errno == EINTR || errno == EAGAIN));

  if (n < 0)
    guring_descriptor_set_error (error, "write");
  return n;
}

static gboolean
stream_writev (GOutputStream *stream,
               const GOutputVector *vectors,
               gsize n_vectors,
               gsize *bytes_written,
               GCancellable *cancellable,
               GError **error)
{
  gssize n;

  do
    {
      if (!guring_descriptor_wait (get_fd (stream), G_IO_OUT, cancellable, error))
        return FALSE;
      n = writev (get_fd (stream), guring_vectors_get_iovecs (vectors),
                  (int) MIN (n_vectors, IOV_MAX));
    }
  while (n < 0 && (errno == EINTR || errno == EAGAIN));

  if (n < 0)
    {
      guring_descriptor_set_error (error, "write");
      return FALSE;
    }

  *bytes_written = (gsize) n;
  return TRUE;
}

/* Asynchronous calls */

static void
stream_write_async (GOutputStream *stream,
                    const void *buffer,
                    gsize count,
                    int io_priority,
                    GCancellable *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer user_data)
{
  GuringTask *task = guring_task_new (stream, stream_write_async, "write", io_priority, cancellable,
                                      callback, user_data);
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_write (&sqe, get_fd (stream), buffer, (guint) MIN (count, GURING_MAX_TRANSFER),
                       (guint64) -1);
  sqe.flags |= guring_descriptor_get_write_flags (sqe.fd);
  if (guring_task_run (task, &sqe, guring_task_return_res))
    guring_task_end_in_next_iteration (task);
}

static gssize
stream_write_finish (GOutputStream *stream, GAsyncResult *result, GError **error)
{
  return guring_task_finish (result, stream_write_async, error);
}

static void
on_vectors_written (GuringTask *task, gint32 res)
{
  g_output_stream_clear_pending (guring_task_get_data (task));
  guring_task_return_res (task, res);
}

static void
stream_writev_async (GOutputStream *stream,
                     const GOutputVector *vectors,
                     gsize n_vectors,
                     int io_priority,
                     GCancellable *cancellable,
                     GAsyncReadyCallback callback,
                     gpointer user_data)
{
  GuringTask *task = guring_task_new (stream, stream_writev_async, "write", io_priority,
                                      cancellable, callback, user_data);
  struct io_uring_sqe sqe = { 0 };

  if (!guring_writev_begin (stream, task, n_vectors))
    return;

  guring_task_set_data (task, stream, NULL);
  io_uring_prep_writev (&sqe, get_fd (stream), guring_vectors_get_iovecs (vectors),
                        (guint) MIN (n_vectors, IOV_MAX), (guint64) -1);
  sqe.flags |= guring_descriptor_get_write_flags (sqe.fd);
  if (!guring_task_run (task, &sqe, on_vectors_written))
    g_output_stream_clear_pending (stream);
}

static gboolean
stream_writev_finish (GOutputStream *stream,
                      GAsyncResult *result,
                      gsize *bytes_written,
                      GError **error)
{
  gssize n = guring_task_finish (result, stream_writev_async, error);

  *bytes_written = (gsize) MAX (n, 0);
  return n >= 0;
}

void
guring_stream_init_output (GOutputStreamClass *class)
{
  class->write_fn = stream_write;
  class->writev_fn = stream_writev;
  class->write_async = stream_write_async;
  class->write_finish = stream_write_finish;
  class->writev_async = stream_writev_async;
  class->writev_finish = stream_writev_finish;

  /* GSocket has SIGPIPE ignored, which a synchronous write needs as well. */
  g_type_class_unref (g_type_class_ref (G_TYPE_SOCKET));
}
