/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whole files of 4 KiB, so many at once, over and over. */

#pragma once

#include "harness.h"

G_BEGIN_DECLS

#define BENCH_N_FILES 1000u
#define BENCH_FILE_SIZE 4096u

typedef struct
{
  const BenchCase *test;
  char *names[BENCH_N_FILES];
  GFile *files[BENCH_N_FILES];
  guint64 n_started;
  guint64 n_ended;
  GMainLoop *loop;
} BenchLoads;

extern BenchLoads bench_loads;

gint bench_loads_next (void); /* the index of the file, -1 if there is none left */

/* Of one: its size, or a negative errno. That of the last quits the loop. */
void bench_loads_end (gint64 size);
void bench_loads_set_up (const BenchCase *test);
void bench_loads_run (const BenchCase *test, void (*start) (guint slot));

/* The implementations */

void bench_loads_raw (const BenchCase *test);
void bench_loads_guring (const BenchCase *test);
void bench_loads_textbook (const BenchCase *test);
void bench_loads_libuv (const BenchCase *test);
void bench_loads_libdex (const BenchCase *test);

G_END_DECLS
