/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo-client.h"
#include "echo.h"

BenchConnections bench_connections;

static pid_t client;
static guint64 n_counted, n_warm, n_total;

void
bench_echo_count (void)
{
  if (n_counted == n_warm)
    bench_begin ();
  if (++n_counted < n_total)
    return;

  bench_end (n_counted - n_warm);
  kill (client, SIGKILL);
  waitpid (client, NULL, 0);
  exit (EXIT_SUCCESS);
}

static void
pin (guint cpu)
{
  cpu_set_t set;

  CPU_ZERO (&set);
  CPU_SET (cpu, &set);
  if (sched_setaffinity (0, sizeof set, &set) < 0)
    bench_impossible ("there is no CPU %u", cpu);
}

static int
listen_on (struct sockaddr *address, socklen_t *size)
{
  int fd = socket (address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  gboolean bound = bind (fd, address, *size) == 0;

  *size = sizeof (struct sockaddr_storage);
  if (!bound || listen (fd, SOMAXCONN) < 0 || getsockname (fd, address, size) < 0)
    bench_fail ("listening", errno);
  return fd;
}

static void
set_no_delay (int fd, int family)
{
  int one = 1;

  if (family == AF_INET && setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) < 0)
    bench_fail ("TCP_NODELAY", errno);
}

static void
connect_client (const struct sockaddr *address, socklen_t size, guint n, guint n_busy)
{
  int *fds = g_new (int, n);

  for (guint i = 0; i < n; i++)
    {
      fds[i] = socket (address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fds[i] < 0 || connect (fds[i], address, size) < 0)
        bench_fail ("connecting", errno);
      set_no_delay (fds[i], address->sa_family);
    }
  bench_echo_client (fds, n_busy);
}

static void
accept_all (int listener, int family)
{
  for (guint i = 0; i < bench_connections.n; i++)
    {
      bench_connections.fds[i] = accept4 (listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (bench_connections.fds[i] < 0)
        bench_fail ("accept", errno);
      set_no_delay (bench_connections.fds[i], family);
    }
  close (listener);
}

/* With autobind the kernel finds a name. */
static socklen_t
get_address (gboolean tcp, struct sockaddr_storage *address)
{
  memset (address, 0, sizeof *address);
  address->ss_family = tcp ? AF_INET : AF_UNIX;
  return tcp ? sizeof (struct sockaddr_in) : sizeof (sa_family_t);
}

static void
run (const BenchCase *test, void (*serve) (void))
{
  struct sockaddr_storage storage;
  struct sockaddr *address = (struct sockaddr *) &storage;
  socklen_t size = get_address (g_str_has_prefix (test->name, "tcp"), &storage);
  guint client_cpu = g_str_has_suffix (test->name, "-cores") ? 1 : 0;
  gboolean idle = g_str_has_suffix (test->name, "-idle");
  guint n_busy = idle ? 1 : test->depth;
  int listener;

  bench_connections.n = idle ? test->depth + 1 : test->depth;
  bench_connections.fds = g_new (int, bench_connections.n);
  bench_connections.n_buffers = MAX (16, 1u << g_bit_storage (n_busy * 2));
  n_warm = MAX (n_busy, test->n_ops / 10);
  n_total = n_warm + test->n_ops;

  bench_allow_descriptors (bench_connections.n);
  listener = listen_on (address, &size);
  pin (client_cpu); /* before there is a client, so that a lack of CPUs ends it all */
  client = fork ();
  if (client == 0)
    connect_client (address, size, bench_connections.n, n_busy);
  pin (0);
  accept_all (listener, address->sa_family);
  serve ();
}

#define SERVER(name)                                                                               \
  static void run_##name (const BenchCase *test)                                                   \
  {                                                                                                \
    run (test, bench_echo_##name);                                                                 \
  }

SERVER (raw)
SERVER (guring)
SERVER (guring_gio)
SERVER (textbook)
SERVER (epoll)
SERVER (fd_source)
SERVER (fd_source_recurse)
SERVER (gio)
#ifdef HAVE_LIBUV
SERVER (libuv)
#endif

const BenchEntry bench_echo[] = {
  { "echo", "raw", run_raw },
  { "echo", "guring", run_guring },
  { "echo", "guring-gio", run_guring_gio },
  { "echo", "textbook", run_textbook },
  { "echo", "epoll", run_epoll },
  { "echo", "fd-source", run_fd_source },
  { "echo", "fd-source-recurse", run_fd_source_recurse },
  { "echo", "gio", run_gio },
#ifdef HAVE_LIBUV
  { "echo", "libuv", run_libuv },
#endif
  { 0 },
};
