/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "stream-support.h"

void
on_done (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  Done *done = user_data;

  ck_assert_ptr_nonnull (source_object);
  g_set_object (&done->result, result);
  done->thread = g_thread_self ();
}

void
done_clear (Done *done)
{
  g_clear_object (&done->result);
}

void
start_read (GInputStream *stream,
            gpointer buffer,
            gsize count,
            GCancellable *cancellable,
            Done *done)
{
  g_clear_object (&done->result);
  g_input_stream_read_async (stream, buffer, count, 0, cancellable, on_done, done);
  ck_assert_ptr_null (done->result);
}

gssize
finish_read (GInputStream *stream, Done *done, GError **error)
{
  run_until (done->result != NULL);
  return g_input_stream_read_finish (stream, done->result, error);
}

void
assert_waits (const Done *done)
{
  let_it_wait ();
  ck_assert_ptr_null (done->result);
}

gssize
read_async (GInputStream *stream,
            gpointer buffer,
            gsize count,
            GCancellable *cancellable,
            GError **error)
{
  g_auto (Done) done = { 0 };

  start_read (stream, buffer, count, cancellable, &done);
  return finish_read (stream, &done, error);
}

gssize
write_async (GOutputStream *stream,
             gconstpointer buffer,
             gsize count,
             GCancellable *cancellable,
             GError **error)
{
  g_auto (Done) done = { 0 };

  g_output_stream_write_async (stream, buffer, count, 0, cancellable, on_done, &done);
  ck_assert_ptr_null (done.result);
  run_until (done.result != NULL);
  return g_output_stream_write_finish (stream, done.result, error);
}

gssize
writev_async (GOutputStream *stream, const GOutputVector *vectors, gsize n, GError **error)
{
  g_auto (Done) done = { 0 };
  gsize written;

  g_output_stream_writev_async (stream, vectors, n, 0, NULL, on_done, &done);
  run_until (done.result != NULL);
  if (!g_output_stream_writev_finish (stream, done.result, &written, error))
    return -1;
  return (gssize) written;
}
