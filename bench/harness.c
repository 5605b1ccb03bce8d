/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "syscalls.h"

#define EXIT_IMPOSSIBLE 69 /* EX_UNAVAILABLE */
#define OTHER_DESCRIPTORS 64

typedef struct
{
  gint64 wall;
  gint64 cpu;
  guint64 syscalls;
} Clocks;

#define N_OWN_SYSCALLS 3 /* of bench_begin() and bench_end(), while it is counted */

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

void
bench_impossible (const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  vfprintf (stderr, format, arguments);
  va_end (arguments);
  exit (EXIT_IMPOSSIBLE);
}

void
bench_allow_descriptors (guint n)
{
  struct rlimit limit;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < n + OTHER_DESCRIPTORS)
    bench_impossible ("RLIMIT_NOFILE is %lu, this takes %u", (unsigned long) limit.rlim_max,
                      n + OTHER_DESCRIPTORS);
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

static gint64
read_clock (clockid_t clock)
{
  struct timespec time;

  clock_gettime (clock, &time);
  return time.tv_sec * G_GINT64_CONSTANT (1000000000) + time.tv_nsec;
}

/* Of the programs that it has run. */
static struct rusage
get_children (void)
{
  struct rusage children;

  getrusage (RUSAGE_CHILDREN, &children);
  return children;
}

static gint64
as_ns (struct timeval time)
{
  return (time.tv_sec * G_USEC_PER_SEC + time.tv_usec) * 1000;
}

static Clocks
read_clocks (void)
{
  struct rusage children = get_children ();
  Clocks clocks = { 0 };

  if (syscall_counter >= 0)
    clocks.syscalls = bench_syscalls_read (syscall_counter);
  clocks.wall = read_clock (CLOCK_MONOTONIC);
  clocks.cpu =
    read_clock (CLOCK_PROCESS_CPUTIME_ID) + as_ns (children.ru_utime) + as_ns (children.ru_stime);
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
  return MAX (strtol (line + strlen ("VmHWM:"), NULL, 10), get_children ().ru_maxrss);
}

void
bench_begin (void)
{
  if (g_getenv ("BENCH_COUNT") != NULL)
    syscall_counter = bench_syscalls_open (0);
  start = read_clocks ();
}

void
bench_end (guint64 n_ops)
{
  Clocks end = read_clocks ();

  printf ("ops %" G_GUINT64_FORMAT "\nwall_ns %" G_GINT64_FORMAT "\ncpu_ns %" G_GINT64_FORMAT "\n",
          n_ops, end.wall - start.wall, end.cpu - start.cpu);
  printf ("peak_rss_kib %ld\n", get_peak_rss ());
  if (syscall_counter >= 0)
    printf ("syscalls %" G_GUINT64_FORMAT "\n", end.syscalls - start.syscalls - N_OWN_SYSCALLS);
}
