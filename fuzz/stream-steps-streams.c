/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams on regular files. */

#include "config.h"

#include <fcntl.h>
#include <guring/guring.h>
#include <string.h>

#include "oracle.h"
#include "stream-steps.h"
#include "twins.h"

static GInputStream *in[N_TWINS];
static GOutputStream *out[N_TWINS];
static GFileIOStream *both; /* what their output stream belongs to, at times */

/* GIO's worker threads let go of a stream some time after its call has ended. */
static void
drop_input (void)
{
  if (in[THEIRS] != NULL)
    g_input_stream_close (in[THEIRS], NULL, NULL);
  for (guint i = 0; i < N_TWINS; i++)
    g_clear_object (&in[i]);
}

/* To drop a stream closes it, if it is the library's own. */
static void
drop_output (void)
{
  if (out[MINE] != NULL && (both != NULL || !GURING_IS_FILE_OUTPUT_STREAM (out[MINE])))
    g_output_stream_close (out[MINE], NULL, NULL);
  if (both != NULL)
    g_io_stream_close (G_IO_STREAM (both), NULL, NULL);
  else if (out[THEIRS] != NULL)
    g_output_stream_close (out[THEIRS], NULL, NULL);
  for (guint i = 0; i < N_TWINS; i++)
    g_clear_object (&out[i]);
  g_clear_object (&both);
}

gboolean
stream_is_writing (void)
{
  return out[MINE] != NULL;
}

void
stream_drop_streams (void)
{
  drop_input ();
  drop_output ();
}

/* Opening */

static void
open_input (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  guint name = input_take_below (stream_input, twins_get_n_names ());
  g_autoptr (GFile) mine = twins_get_file (MINE, name);
  g_autoptr (GFile) theirs = twins_get_file (THEIRS, name);
  Call *call;

  drop_input ();
  call = call_new (FALSE);
  guring_file_read_async (mine, 0, call->cancellable, call_ready, call);
  in[MINE] = (GInputStream *) guring_file_read_finish (mine, call_wait (call), &error);
  if (!stream_is_comparable (call, in[MINE] != NULL, &error))
    return;
  in[THEIRS] = (GInputStream *) g_file_read (theirs, call->before, &their_error);
  stream_agree ("read", in[MINE] != NULL, &error, in[THEIRS] != NULL, &their_error);
}

static void
open_plain_input (void)
{
  g_autoptr (GFile) theirs = twins_get_file (THEIRS, 0);
  gint fd;

  drop_input ();
  fd = twins_open (MINE, O_RDONLY);
  if (fd < 0)
    return;
  in[MINE] = guring_input_stream_new (fd, TRUE);
  in[THEIRS] = (GInputStream *) g_file_read (theirs, NULL, NULL);
  if (in[THEIRS] == NULL) /* it is a directory by now */
    drop_input ();
}

static void
open_plain_output (void)
{
  g_autoptr (GFile) theirs = twins_get_file (THEIRS, 0);
  gint fd;

  drop_output ();
  fd = twins_open (MINE, O_RDWR);
  if (fd < 0)
    return;
  out[MINE] = guring_output_stream_new (fd, TRUE);
  both = g_file_open_readwrite (theirs, NULL, NULL);
  out[THEIRS] = g_object_ref (g_io_stream_get_output_stream (G_IO_STREAM (both)));
}

static void
start_output (guint kind,
              GFile *file,
              const gchar *etag,
              gboolean backup,
              GFileCreateFlags flags,
              Call *call)
{
  if (kind == 0)
    guring_file_create_async (file, flags, 0, call->cancellable, call_ready, call);
  else if (kind == 1)
    guring_file_append_to_async (file, flags, 0, call->cancellable, call_ready, call);
  else
    guring_file_replace_async (file, etag, backup, flags, 0, call->cancellable, call_ready, call);
}

static GFileOutputStream *
finish_output (guint kind, GFile *file, GAsyncResult *result, GError **error)
{
  return kind == 0   ? guring_file_create_finish (file, result, error)
         : kind == 1 ? guring_file_append_to_finish (file, result, error)
                     : guring_file_replace_finish (file, result, error);
}

static void write_some (void);

/* Of a symbolic link the library replaces the file that it leads to, and GIO writes to it, which
 * everybody sees who has it open: so nobody has. */
static void
use_up_output (void)
{
  drop_input ();
  write_some ();
  drop_output ();
}

static void
open_output (void)
{
  static const GFileCreateFlags all_flags[] = { G_FILE_CREATE_NONE, G_FILE_CREATE_PRIVATE,
                                                G_FILE_CREATE_REPLACE_DESTINATION };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  guint name = input_take_below (stream_input, twins_get_n_names ());
  guint kind = input_take_below (stream_input, 4);
  GFileCreateFlags flags = input_take_choice (stream_input, all_flags);
  gboolean backup = input_take_boolean (stream_input);
  const gchar *etag = input_take_below (stream_input, 4) == 3 ? "wrong" : NULL;
  g_autoptr (GFile) mine = twins_get_file (MINE, name);
  g_autoptr (GFile) theirs = twins_get_file (THEIRS, name);
  Call *call;

  drop_output ();
  call = call_new (FALSE);
  start_output (kind, mine, etag, backup, flags, call);
  out[MINE] = (GOutputStream *) finish_output (kind, mine, call_wait (call), &error);
  if (!stream_is_comparable (call, out[MINE] != NULL, &error))
    return;
  out[THEIRS] =
    (GOutputStream *) (kind == 0   ? g_file_create (theirs, flags, call->before, &their_error)
                       : kind == 1 ? g_file_append_to (theirs, flags, call->before, &their_error)
                                   : g_file_replace (theirs, etag, backup, flags, call->before,
                                                     &their_error));
  if (kind >= 2 && twins_is_link (name) && error != NULL && their_error != NULL)
    return; /* see fuzz-stream.c */
  stream_agree (kind == 0   ? "create"
                : kind == 1 ? "append to"
                            : "replace",
                out[MINE] != NULL, &error, out[THEIRS] != NULL, &their_error);
  if (kind >= 2 && twins_is_link (name))
    use_up_output ();
}

/* Reading */

gssize
stream_read (GInputStream *stream, gpointer bytes, gsize size, Call *call, GError **error)
{
  if (!call->async)
    return g_input_stream_read (stream, bytes, size, call->cancellable, error);

  g_input_stream_read_async (stream, bytes, size, 0, call->cancellable, call_ready, call);
  return g_input_stream_read_finish (stream, call_wait (call), error);
}

static void
read_some (void)
{
  guint8 bytes[N_TWINS][STREAM_MAX_BYTES];
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  gsize size = stream_take_size ();
  gssize mine, theirs;
  Call *call;

  if (in[MINE] == NULL)
    return;
  memset (bytes, 0, sizeof bytes);
  call = call_new (TRUE);
  mine = stream_read (in[MINE], bytes[MINE], size, call, &error);
  if (!stream_is_comparable (call, mine >= 0, &error))
    return;
  theirs = stream_read (in[THEIRS], bytes[THEIRS], size, call_new_twin (call), &their_error);
  stream_agree ("read", mine, &error, theirs, &their_error);
  stream_agree_on_bytes ("read", bytes[MINE], bytes[THEIRS], STREAM_MAX_BYTES);
}

static gssize
do_skip (GInputStream *stream, gsize size, Call *call, GError **error)
{
  if (!call->async)
    return g_input_stream_skip (stream, size, call->cancellable, error);

  g_input_stream_skip_async (stream, size, 0, call->cancellable, call_ready, call);
  return g_input_stream_skip_finish (stream, call_wait (call), error);
}

/* GIO's own aborts there (GLib 2.74). */
static gboolean
is_behind_end (GInputStream *stream)
{
  GSeekable *seekable = G_SEEKABLE (stream);
  goffset position = g_seekable_tell (seekable), end;

  if (!g_seekable_seek (seekable, 0, G_SEEK_END, NULL, NULL))
    return FALSE;
  end = g_seekable_tell (seekable);
  g_seekable_seek (seekable, position, G_SEEK_SET, NULL, NULL);
  return position > end;
}

static void
skip (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  gsize size = stream_take_size ();
  gssize mine, theirs;
  Call *call;

  if (in[MINE] == NULL || is_behind_end (in[THEIRS]))
    return;
  call = call_new (TRUE);
  mine = do_skip (in[MINE], size, call, &error);
  if (!stream_is_comparable (call, mine >= 0, &error))
    return;
  if (call->before != NULL && error != NULL) /* GIO seeks all the same */
    return;
  theirs = do_skip (in[THEIRS], size, call_new_twin (call), &their_error);
  stream_agree ("skip", mine, &error, theirs, &their_error);
}

static gboolean
do_close_input (GInputStream *stream, Call *call, GError **error)
{
  if (!call->async)
    return g_input_stream_close (stream, call->cancellable, error);

  g_input_stream_close_async (stream, 0, call->cancellable, call_ready, call);
  return g_input_stream_close_finish (stream, call_wait (call), error);
}

static void
close_input (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  gboolean mine, theirs;
  Call *call;

  if (in[MINE] == NULL)
    return;
  call = call_new (TRUE);
  mine = do_close_input (in[MINE], call, &error);
  if (!stream_is_comparable (call, mine, &error))
    return;
  theirs = do_close_input (in[THEIRS], call_new_twin (call), &their_error);
  stream_agree ("close of input", mine, &error, theirs, &their_error);
}

/* Writing */

gssize
stream_write (GOutputStream *stream, gconstpointer bytes, gsize size, Call *call, GError **error)
{
  if (!call->async)
    return g_output_stream_write (stream, bytes, size, call->cancellable, error);

  g_output_stream_write_async (stream, bytes, size, 0, call->cancellable, call_ready, call);
  return g_output_stream_write_finish (stream, call_wait (call), error);
}

static void
write_some (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  const guint8 *bytes = stream_get_pattern ();
  gsize size = stream_take_size ();
  gssize mine, theirs;
  Call *call;

  if (out[MINE] == NULL)
    return;
  call = call_new (TRUE);
  mine = stream_write (out[MINE], bytes, size, call, &error);
  if (!stream_is_comparable (call, mine >= 0, &error))
    return;
  theirs = stream_write (out[THEIRS], bytes, size, call_new_twin (call), &their_error);
  stream_agree ("write", mine, &error, theirs, &their_error);
}

static gssize
do_writev (GOutputStream *stream, GOutputVector *vectors, guint n, Call *call, GError **error)
{
  gsize size = 0;
  gboolean done;

  if (call->async)
    {
      g_output_stream_writev_async (stream, vectors, n, 0, call->cancellable, call_ready, call);
      done = g_output_stream_writev_finish (stream, call_wait (call), &size, error);
    }
  else
    done = g_output_stream_writev (stream, vectors, n, &size, call->cancellable, error);
  return done ? (gssize) size : -1;
}

static void
write_vectors (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  const guint8 *bytes = stream_get_pattern ();
  GOutputVector vectors[3];
  guint n = input_take_below (stream_input, G_N_ELEMENTS (vectors) + 1);
  gssize mine, theirs;
  Call *call;

  for (guint i = 0; i < n; i++)
    vectors[i] = (GOutputVector){ bytes, stream_take_size () };
  if (out[MINE] == NULL)
    return;
  call = call_new (TRUE);
  mine = do_writev (out[MINE], vectors, n, call, &error);
  if (!stream_is_comparable (call, mine >= 0, &error))
    return;
  if (call->before != NULL && error != NULL) /* GIO writes nothing all the same */
    return;
  theirs = do_writev (out[THEIRS], vectors, n, call_new_twin (call), &their_error);
  stream_agree ("writev", mine, &error, theirs, &their_error);
}

static gboolean
do_close_output (GOutputStream *stream, Call *call, GError **error)
{
  if (!call->async)
    return g_output_stream_close (stream, call->cancellable, error);

  g_output_stream_close_async (stream, 0, call->cancellable, call_ready, call);
  return g_output_stream_close_finish (stream, call_wait (call), error);
}

static void
close_output (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  gboolean mine, theirs;
  Call *call;

  if (out[MINE] == NULL)
    return;
  call = call_new (TRUE);
  mine = do_close_output (out[MINE], call, &error);
  if (!stream_is_comparable (call, mine, &error))
    return;
  theirs = both != NULL && !g_output_stream_is_closed (out[THEIRS]) && call->before == NULL
             ? g_io_stream_close (G_IO_STREAM (both), NULL, &their_error)
             : do_close_output (out[THEIRS], call_new_twin (call), &their_error);
  stream_agree ("close of output", mine, &error, theirs, &their_error);
}

/* Position */

static gpointer
choose (guint twin, gboolean output)
{
  return output ? (gpointer) out[twin] : (gpointer) in[twin];
}

/* What is closed has no position that means anything. */
static gboolean
is_closed (gpointer stream)
{
  return G_IS_INPUT_STREAM (stream) ? g_input_stream_is_closed (stream)
                                    : g_output_stream_is_closed (stream);
}

static void
tell (gboolean output)
{
  goffset mine, theirs;

  if (is_closed (choose (MINE, output)))
    return;
  mine = g_seekable_tell (choose (MINE, output));
  theirs = g_seekable_tell (choose (THEIRS, output));
  oracle_holds ("the same as GIO", mine == theirs, "tell: %zd, not %zd", (gssize) mine,
                (gssize) theirs);
}

static void
seek (void)
{
  static const GSeekType types[] = { G_SEEK_SET, G_SEEK_CUR, G_SEEK_END };
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  gboolean output = input_take_boolean (stream_input);
  GSeekType type = input_take_choice (stream_input, types);
  goffset offset = (goffset) input_take_below (stream_input, 2 * TWINS_FILE_SIZE) - TWINS_FILE_SIZE;
  gboolean mine, theirs;

  if (choose (MINE, output) == NULL)
    return;
  mine = g_seekable_seek (choose (MINE, output), offset, type, NULL, &error);
  theirs = g_seekable_seek (choose (THEIRS, output), offset, type, NULL, &their_error);
  stream_agree ("seek", mine, &error, theirs, &their_error);
  tell (output);
}

static void
truncate_output (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  goffset size = (goffset) input_take_below (stream_input, 2 * TWINS_FILE_SIZE);
  gboolean mine, theirs;

  if (out[MINE] == NULL)
    return;
  mine = g_seekable_truncate (G_SEEKABLE (out[MINE]), size, NULL, &error);
  theirs = g_seekable_truncate (G_SEEKABLE (out[THEIRS]), size, NULL, &their_error);
  stream_agree ("truncate", mine, &error, theirs, &their_error);
  tell (TRUE);
}

void
stream_step (void)
{
  static void (*const steps[]) (void) = {
    open_input,    open_plain_input,
    open_output,   open_plain_output,
    read_some,     read_some,
    skip,          write_some,
    write_vectors, seek,
    seek,          truncate_output,
    close_input,   close_output,
  };

  input_take_choice (stream_input, steps) ();
}
