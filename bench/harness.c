/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

typedef struct
{
  gint64 wall;
  gint64 cpu;
  guint64 syscalls;
} Clocks;

static Clocks start;
static int syscall_counter = -1;

void
bench_fail (const char *what, int error_number)
{
  fprintf (stderr, "bench: %s: %s\n", what, g_strerror (error_number));
  exit (EXIT_FAILURE);
}

void
bench_expect (const char *what, gint64 result, gint64 expected)
{
  if (G_LIKELY (result == expected))
    return;
  if (result < 0)
    bench_fail (what, (int) -result);
  fprintf (stderr, "bench: %s: %" G_GINT64_FORMAT " in place of %" G_GINT64_FORMAT "\n", what,
           result, expected);
  exit (EXIT_FAILURE);
}

GuringRing *
bench_ring_new (guint cq_entries)
{
  GError *error = NULL;
  GuringRing *ring =
    g_initable_new (GURING_TYPE_RING, NULL, &error, "cq-entries", cq_entries, NULL);

  if (ring == NULL)
    g_error ("%s", error->message);
  return ring;
}

/* System calls, counted by the kernel's tracepoint: in a run of its own (BENCH_COUNT), for while it
 * is in use it slows every system call of the machine. Threads count, a forked client does not. */
static int
open_syscall_counter (void)
{
  g_autofree char *id = NULL;
  struct perf_event_attr attributes = {
    .type = PERF_TYPE_TRACEPOINT,
    .size = sizeof attributes,
    .inherit = 1,
    .inherit_thread = 1,
  };

  if (!g_file_get_contents ("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id", &id, NULL,
                            NULL))
    return -1;
  attributes.config = g_ascii_strtoull (id, NULL, 10);
  return (int) syscall (SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static gint64
read_clock (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

static Clocks
read_clocks (void)
{
  Clocks clocks = { 0 };

  if (syscall_counter >= 0)
    bench_expect ("reading the counter",
                  read (syscall_counter, &clocks.syscalls, sizeof clocks.syscalls),
                  sizeof clocks.syscalls);
  clocks.wall = read_clock (CLOCK_MONOTONIC);
  clocks.cpu = read_clock (CLOCK_PROCESS_CPUTIME_ID);
  return clocks;
}

/* Not ru_maxrss, which a program inherits from the one that started it. */
static long
get_peak_rss (void)
{
  g_autofree char *status = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &status, NULL, NULL) ||
      (line = strstr (status, "VmHWM:")) == NULL)
    return 0;
  return strtol (line + strlen ("VmHWM:"), NULL, 10);
}

void
bench_begin (void)
{
  if (g_getenv ("BENCH_COUNT") != NULL)
    syscall_counter = open_syscall_counter ();
  start = read_clocks ();
}

void
bench_end (guint64 n_ops)
{
  Clocks end = read_clocks ();

  printf ("ops %" G_GUINT64_FORMAT "\nwall_ns %" G_GINT64_FORMAT "\ncpu_ns %" G_GINT64_FORMAT "\n",
          n_ops, end.wall - start.wall, end.cpu - start.cpu);
  printf ("peak_rss_kib %ld\n", get_peak_rss ());
  if (syscall_counter >= 0) /* but for the one that began to count */
    printf ("syscalls %" G_GUINT64_FORMAT "\n", end.syscalls - start.syscalls - 1);
}
