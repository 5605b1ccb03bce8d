/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams on what has to be waited for: pipes and sockets. Each step makes its own. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <guring/guring.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "helper.h"
#include "oracle.h"
#include "stream-steps.h"
#include "twins.h"

/* In: [0] to be read from, [1] to be written to */
static void
make_pair (gint fds[2], gboolean sockets)
{
  gint ret =
    sockets ? socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) : pipe2 (fds, O_CLOEXEC);

  if (ret != 0)
    g_error ("Could not make a pipe: %s", g_strerror (errno));
}

static void
feed (gint fd, gsize from, gsize size)
{
  struct iovec vector = { (gpointer) (stream_get_pattern () + from), size };

  /* write() may be made to fail. */
  if (writev (fd, &vector, 1) != (gssize) size)
    g_error ("Could not feed: %s", g_strerror (errno));
}

static void
feed_there (gpointer nothing, guint64 fd)
{
  feed ((gint) fd, 0, 1);
}

static void
read_from_pipe (void)
{
  guint8 bytes[N_TWINS][STREAM_MAX_BYTES];
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  g_autoptr (GInputStream) mine = NULL;
  g_autoptr (GInputStream) theirs = NULL;
  gint fds[N_TWINS][2];
  gboolean sockets = input_take_boolean (stream_input);
  gsize there = stream_take_size ();
  gboolean ends = input_take_boolean (stream_input);
  gsize size = stream_take_size ();
  gssize n, their_n;
  gboolean waits = there == 0 && !ends && size > 0;
  Call *call = call_new (!waits);

  for (guint i = 0; i < N_TWINS; i++)
    {
      make_pair (fds[i], sockets);
      feed (fds[i][1], 0, there);
      if (ends)
        close (fds[i][1]);
    }
  memset (bytes, 0, sizeof bytes);
  mine = guring_input_stream_new (fds[MINE][0], TRUE);
  theirs = g_unix_input_stream_new (fds[THEIRS][0], TRUE);

  if (waits)
    for (guint i = 0; i < N_TWINS; i++)
      helper_start (feed_there, NULL, (guint64) fds[i][1]);
  n = stream_read (mine, bytes[MINE], size, call, &error);
  if (stream_is_comparable (call, n >= 0, &error))
    {
      their_n = stream_read (theirs, bytes[THEIRS], size, call_new_twin (call), &their_error);
      stream_agree ("read from a pipe", n, &error, their_n, &their_error);
      stream_agree_on_bytes ("read from a pipe", bytes[MINE], bytes[THEIRS], STREAM_MAX_BYTES);
    }
  helper_wait ();
  g_input_stream_close (theirs, NULL, NULL);
  for (guint i = 0; i < N_TWINS && !ends; i++)
    close (fds[i][1]);
}

static void
write_to_pipe (void)
{
  guint8 bytes[N_TWINS][STREAM_MAX_BYTES];
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) their_error = NULL;
  g_autoptr (GOutputStream) mine = NULL;
  g_autoptr (GOutputStream) theirs = NULL;
  gint fds[N_TWINS][2];
  gboolean sockets = input_take_boolean (stream_input);
  gboolean nobody = input_take_boolean (stream_input);
  gsize size = stream_take_size ();
  gssize n, their_n;
  Call *call = call_new (TRUE);

  for (guint i = 0; i < N_TWINS; i++)
    {
      make_pair (fds[i], sockets);
      if (nobody)
        close (fds[i][0]);
    }
  mine = guring_output_stream_new (fds[MINE][1], TRUE);
  theirs = g_unix_output_stream_new (fds[THEIRS][1], TRUE);

  n = stream_write (mine, stream_get_pattern (), size, call, &error);
  if (stream_is_comparable (call, n >= 0, &error))
    {
      /* A worker thread, too, writes no more than a pipe is sure to take. */
      gsize all = call->async && n > 0 ? (gsize) n : size;

      their_n =
        stream_write (theirs, stream_get_pattern (), all, call_new_twin (call), &their_error);
      stream_agree ("write to a pipe", n, &error, their_n, &their_error);
      for (guint i = 0; i < N_TWINS && n > 0; i++)
        if (read (fds[i][0], bytes[i], (gsize) n) != n)
          oracle_fail ("the same as GIO", G_STRLOC, "a pipe has less than was written");
      stream_agree_on_bytes ("write to a pipe", bytes[MINE], bytes[THEIRS], (gsize) MAX (n, 0));
    }
  g_output_stream_close (theirs, NULL, NULL);
  for (guint i = 0; i < N_TWINS && !nobody; i++)
    close (fds[i][0]);
}

/* What was sent comes, whole and in order, whatever was cancelled meanwhile. */
static void
receive (void)
{
  gint fds[2];
  g_autoptr (GSocket) socket = NULL;
  g_autoptr (GuringSocketConnection) connection = NULL;
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  gsize sent = 0, received = 0;
  guint n = 1 + input_take_below (stream_input, 4);
  gboolean over = FALSE;

  make_pair (fds, TRUE);
  socket = g_socket_new_from_fd (fds[0], NULL);
  connection = guring_socket_connection_new (socket, NULL);
  for (guint i = 0; i < n && calls_are_left (); i++)
    {
      g_autoptr (GError) error = NULL;
      gsize size = stream_take_size ();
      Call *call = call_new (FALSE);
      GBytes *bytes;

      size = over ? 0 : MIN (MAX (size, 1), STREAM_MAX_BYTES - sent);
      if (size > 0)
        feed (fds[1], sent, size);
      sent += size;
      over = over || sent == STREAM_MAX_BYTES || input_take_below (stream_input, 4) == 3;
      if (over)
        shutdown (fds[1], SHUT_WR);
      guring_socket_connection_receive_async (connection, 0, call->cancellable, call_ready, call);
      bytes = guring_socket_connection_receive_finish (connection, call_wait (call), &error);
      if (!call_is_comparable (call, bytes != NULL, error) || error != NULL)
        continue;

      g_ptr_array_add (kept, bytes);
      oracle_holds ("what was sent comes",
                    (g_bytes_get_size (bytes) > 0 || received == sent) &&
                      received + g_bytes_get_size (bytes) <= sent,
                    "%zu bytes after %zu of %zu", g_bytes_get_size (bytes), received, sent);
      stream_agree_on_bytes ("receive", g_bytes_get_data (bytes, NULL),
                             stream_get_pattern () + received, g_bytes_get_size (bytes));
      received += g_bytes_get_size (bytes);
    }
  g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
  close (fds[1]);
}

void
stream_pipe_step (void)
{
  static void (*const steps[]) (void) = { read_from_pipe, write_to_pipe, receive };

  input_take_choice (stream_input, steps) ();
}
