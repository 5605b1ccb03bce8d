/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opens, reads, closes, one after the other. */

#define _GNU_SOURCE

#include <fcntl.h>

#include "load.h"
#include "textbook.h"

#define BUFFER_SIZE (2 * BENCH_FILE_SIZE) /* who gets less has the whole file */

typedef struct
{
  int fd;
  char buffer[BUFFER_SIZE];
} Load;

static Textbook *textbook;

static void start (guint slot);

static void
on_closed (int res, gpointer load)
{
  bench_expect ("closing", res, 0);
  g_free (load);
  start (0);
}

static void
on_read (int res, gpointer user_data)
{
  Load *load = user_data;
  struct io_uring_sqe *sqe = textbook_get_sqe (textbook);

  bench_loads_end (res);
  io_uring_prep_close (sqe, load->fd);
  textbook_submit (textbook, sqe, on_closed, load);
}

static void
on_opened (int res, gpointer user_data)
{
  Load *load = user_data;
  struct io_uring_sqe *sqe = textbook_get_sqe (textbook);

  if (res < 0)
    bench_fail ("opening", -res);
  load->fd = res;
  io_uring_prep_read (sqe, load->fd, load->buffer, BUFFER_SIZE, 0);
  textbook_submit (textbook, sqe, on_read, load);
}

static void
start (guint slot)
{
  gint i = bench_loads_next ();
  struct io_uring_sqe *sqe;

  if (i < 0)
    return;
  sqe = textbook_get_sqe (textbook);
  io_uring_prep_openat (sqe, AT_FDCWD, bench_loads.names[i], O_RDONLY | O_CLOEXEC, 0);
  textbook_submit (textbook, sqe, on_opened, g_new (Load, 1));
}

void
bench_loads_textbook (const BenchCase *test)
{
  textbook = textbook_new (test->depth);
  bench_loads_run (test, start);
}
