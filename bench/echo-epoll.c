/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Without a main loop */

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "echo.h"

#define N_EVENTS 1024

static void
echo (int fd)
{
  char message[BENCH_BUFFER];
  ssize_t n = recv (fd, message, sizeof message, 0);

  bench_expect ("recv", n, BENCH_MESSAGE);
  bench_expect ("send", send (fd, message, (size_t) n, MSG_NOSIGNAL), n);
  bench_echo_count ();
}

void
bench_echo_epoll (void)
{
  struct epoll_event events[N_EVENTS];
  int epoll = epoll_create1 (EPOLL_CLOEXEC);

  for (guint i = 0; i < bench_connections.n; i++)
    {
      struct epoll_event event = { .events = EPOLLIN, .data.fd = bench_connections.fds[i] };

      if (epoll_ctl (epoll, EPOLL_CTL_ADD, event.data.fd, &event) < 0)
        bench_fail ("epoll_ctl", errno);
    }
  for (;;)
    {
      int n = epoll_wait (epoll, events, N_EVENTS, -1);

      for (int i = 0; i < n; i++)
        echo (events[i].data.fd);
    }
}
