/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file is copied; an operation is a MiB of it. */

#pragma once

#include "harness.h"

G_BEGIN_DECLS

#define BENCH_MIB (1u << 20)

typedef struct
{
  char *source;
  char *destination;
} BenchCopy;

extern BenchCopy bench_copied;

/* The implementations */

void bench_copy_raw (guint64 size);
void bench_copy_libuv (void);

G_END_DECLS
