/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A GLib source for each descriptor: as people write it, and with g_source_set_can_recurse(), which
 * saves two system calls a dispatch. */

#include <glib-unix.h>
#include <sys/socket.h>

#include "echo.h"

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  char message[BENCH_BUFFER];
  ssize_t n = recv (fd, message, sizeof message, 0);

  bench_expect ("recv", n, BENCH_MESSAGE);
  bench_expect ("send", send (fd, message, (size_t) n, MSG_NOSIGNAL), n);
  bench_echo_count ();
  return G_SOURCE_CONTINUE;
}

static void
serve (gboolean can_recurse)
{
  for (guint i = 0; i < bench_connections.n; i++)
    {
      GSource *source = g_unix_fd_source_new (bench_connections.fds[i], G_IO_IN);

      g_source_set_callback (source, G_SOURCE_FUNC (on_readable), NULL, NULL);
      g_source_set_can_recurse (source, can_recurse);
      g_source_attach (source, NULL);
    }
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
}

void
bench_echo_fd_source (void)
{
  serve (FALSE);
}

void
bench_echo_fd_source_recurse (void)
{
  serve (TRUE);
}
