/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "echo-client.h"
#include "echo.h"

#define N_EVENTS 1024

static void
ping (int fd)
{
  static const char message[BENCH_MESSAGE] = "ping";

  if (send (fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message)
    _exit (EXIT_SUCCESS); /* the server has ended */
}

static void
add (int epoll, int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

  if (epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event) < 0)
    bench_fail ("epoll_ctl", errno);
  ping (fd);
}

void
bench_echo_client (const int *fds, guint n_busy)
{
  struct epoll_event events[N_EVENTS];
  char message[BENCH_MESSAGE];
  int epoll = epoll_create1 (EPOLL_CLOEXEC);

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  for (guint i = 0; i < n_busy; i++)
    add (epoll, fds[i]);

  for (;;)
    {
      int n = epoll_wait (epoll, events, N_EVENTS, -1);

      for (int i = 0; i < n; i++)
        {
          if (recv (events[i].data.fd, message, sizeof message, 0) != sizeof message)
            _exit (EXIT_SUCCESS);
          ping (events[i].data.fd);
        }
    }
}
