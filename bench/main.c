/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One measurement of one implementation in a process of its own, so that time and memory are its
 * own too. run.py asks for many.
 *
 *   bench GROUP CASE IMPLEMENTATION DEPTH OPERATIONS DIRECTORY
 *   bench --list
 *   bench --count-syscalls PID SECONDS
 */

#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "syscalls.h"

static const BenchEntry *const groups[] = { bench_nop,  bench_block, bench_load,  bench_copy,
                                            bench_echo, bench_fds,   bench_scale, bench_latency };

static int
list (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const BenchEntry *entry = groups[i]; entry->group != NULL; entry++)
      printf ("%s %s\n", entry->group, entry->impl);
  return EXIT_SUCCESS;
}

static const BenchEntry *
find (const char *group, const char *impl)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    for (const BenchEntry *entry = groups[i]; entry->group != NULL; entry++)
      if (g_str_equal (entry->group, group) && g_str_equal (entry->impl, impl))
        return entry;
  return NULL;
}

int
main (int argc, char **argv)
{
  const BenchEntry *entry = NULL;

  if (argc == 2 && g_str_equal (argv[1], "--list"))
    return list ();
  if (argc == 4 && g_str_equal (argv[1], "--count-syscalls"))
    {
      bench_syscalls_watch (atoi (argv[2]), (guint) atoi (argv[3]));
      return EXIT_SUCCESS;
    }
  if (argc == 7)
    entry = find (argv[1], argv[3]);
  if (entry == NULL)
    {
      fprintf (stderr, "usage: bench GROUP CASE IMPLEMENTATION DEPTH OPERATIONS DIRECTORY\n");
      return EXIT_FAILURE;
    }

  BenchCase test = {
    .name = argv[2],
    .impl = argv[3],
    .depth = (guint) g_ascii_strtoull (argv[4], NULL, 10),
    .n_ops = g_ascii_strtoull (argv[5], NULL, 10),
    .dir = argv[6],
  };
  entry->run (&test);
  return EXIT_SUCCESS;
}
