/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuzz/faults.h"
#include "fuzz/harnesses.h"
#include "inputs.h"

#define SMALLEST 16
#define LARGEST 512
#define SCHEDULE 13        /* bytes: a harness, and six faults of two bytes */
#define TIMEOUT_SECONDS 60 /* for one */

static const gchar *crash_directory;
static gchar crash_path[4096];
static guint8 bytes[LARGEST];
static gsize size;                     /* 0: nothing runs */
static guint64 counts[N_HARNESSES][2]; /* without faults, and with */

/* abort() comes from an oracle, SIGALRM from what does not end. */
static void
on_crash (int number)
{
  int fd = size > 0 ? open (crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

  if (fd >= 0 && writev (fd, &(struct iovec){ bytes, size }, 1) < 0)
    close (fd);
  signal (SIGABRT, SIG_DFL);
  raise (SIGABRT);
}

void
inputs_init (const gchar *directory)
{
  crash_directory = directory;
  harnesses_init ();
  signal (SIGABRT, on_crash);
  signal (SIGALRM, on_crash);
}

static void
fill (GRand *random, gsize n)
{
  size = n;
  for (gsize i = 0; i < n; i++)
    bytes[i] = (guint8) g_rand_int (random);
}

/* What crashes with faults is an input of fuzz-faults, else of the harness's own target. */
void
inputs_run (GRand *random)
{
  guint harness = (guint) g_rand_int_range (random, 0, N_HARNESSES);
  guint faults = (guint) g_rand_int_range (random, 0, 2);
  FuzzInput input;

  fill (random, (gsize) g_rand_int_range (random, SMALLEST, LARGEST));
  if (faults)
    bytes[0] = (guint8) harness;
  input = (FuzzInput){ bytes + faults, size - faults };

  g_snprintf (crash_path, sizeof crash_path, "%s/crash-%s", crash_directory,
              faults ? "faults" : harnesses_get_name (harness));
  alarm (TIMEOUT_SECONDS);
  harnesses_run (harness, faults > 0 ? &input : NULL, &input);
  alarm (0);
  counts[harness][faults]++;
  size = 0;
}

void
inputs_print (void)
{
  for (guint i = 0; i < N_HARNESSES; i++)
    printf ("  %-20s %12" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT " with faults\n",
            harnesses_get_name (i), counts[i][FALSE], counts[i][TRUE]);
}

void
inputs_start_faults (GRand *random)
{
  FuzzInput input;

  fill (random, SCHEDULE);
  input = (FuzzInput){ bytes, size };
  faults_start (&input);
  size = 0;
}
