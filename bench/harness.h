/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What all benchmarks share: what is asked for, and measuring it. */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

#define BENCH_BLOCK 4096u

typedef struct
{
  const char *name; /* of the case */
  const char *impl;
  guint depth;
  guint64 n_ops;
  const char *dir; /* with the files of the run */
} BenchCase;

typedef struct
{
  const char *group;
  const char *impl;
  void (*run) (const BenchCase *test);
} BenchEntry;

/* One array a group, its end is {}. */
extern const BenchEntry bench_nop[];
extern const BenchEntry bench_block[];
extern const BenchEntry bench_load[];
extern const BenchEntry bench_copy[];
extern const BenchEntry bench_echo[];
extern const BenchEntry bench_fds[];
extern const BenchEntry bench_scale[];
extern const BenchEntry bench_latency[];

/* Exactly what is between the two is measured; the end prints it. */
void bench_begin (void);
void bench_end (guint64 n_ops);

/* Says what failed and ends the program, so that no wrong figure comes out of it. */
void bench_fail (const char *what, int error_number) G_GNUC_NORETURN;
void bench_expect (const char *what, gint64 result, gint64 expected);

/* Ends the program too: the machine does not have what it takes. */
void bench_impossible (const char *format, ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;
void bench_allow_descriptors (guint n);

static inline gboolean
bench_case_is (const BenchCase *test, const char *name)
{
  return g_str_equal (test->name, name);
}

GuringRing *bench_ring_new (guint cq_entries);

G_END_DECLS
