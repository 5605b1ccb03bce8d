/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "waiting-support.h"

void
prepare_waiting_read (struct io_uring_sqe *sqe)
{
  static gchar byte;

  io_uring_prep_read (sqe, ends[0], &byte, 1, 0);
}

void
prepare_waiting_accept (struct io_uring_sqe *sqe)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  /* Autobinds to an abstract name. */
  ck_assert_int_eq (bind (listener, (struct sockaddr *) &address, sizeof (sa_family_t)), 0);
  ck_assert_int_eq (listen (listener, 1), 0);
  io_uring_prep_accept (sqe, listener, NULL, NULL, SOCK_CLOEXEC);
}

void
prepare_waiting_poll (struct io_uring_sqe *sqe)
{
  io_uring_prep_poll_add (sqe, ends[0], POLLIN);
}

void
prepare_waiting_timeout (struct io_uring_sqe *sqe)
{
  static struct __kernel_timespec an_hour = { .tv_sec = 3600 };

  io_uring_prep_timeout (sqe, &an_hour, 0, 0);
}
