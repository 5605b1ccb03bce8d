/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "syscalls.h"

#define TRACEPOINT "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id"
#define MAX_THREADS 64

int
bench_syscalls_open (pid_t thread)
{
  struct perf_event_attr attributes = {
    .type = PERF_TYPE_TRACEPOINT,
    .size = sizeof attributes,
    .inherit = 1,
  };
  g_autofree char *id = NULL;

  if (!g_file_get_contents (TRACEPOINT, &id, NULL, NULL))
    return -1;
  attributes.config = g_ascii_strtoull (id, NULL, 10);
  return (int) syscall (SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

guint64
bench_syscalls_read (int counter)
{
  guint64 value;

  bench_expect ("reading the counter", read (counter, &value, sizeof value), sizeof value);
  return value;
}

void
bench_syscalls_watch (pid_t process, guint seconds)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int) process);
  g_autoptr (GDir) threads = g_dir_open (path, 0, NULL);
  int counters[MAX_THREADS];
  guint64 total = 0;
  const char *name;
  guint n = 0;

  while (threads != NULL && n < MAX_THREADS && (name = g_dir_read_name (threads)) != NULL)
    counters[n++] = bench_syscalls_open (atoi (name));
  if (n == 0 || counters[0] < 0)
    exit (EXIT_FAILURE);

  g_usleep (seconds * G_USEC_PER_SEC);
  for (guint i = 0; i < n; i++)
    total += counters[i] >= 0 ? bench_syscalls_read (counters[i]) : 0;
  printf ("%" G_GUINT64_FORMAT "\n", total);
}
