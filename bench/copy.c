/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "copy.h"

BenchCopy bench_copied;

static void
warm (guint64 size)
{
  g_autofree char *buffer = g_malloc (BENCH_MIB);
  int fd = open (bench_copied.source, O_RDONLY | O_CLOEXEC);

  for (guint64 offset = 0; offset < size; offset += BENCH_MIB)
    bench_expect ("reading", read (fd, buffer, BENCH_MIB), BENCH_MIB);
  close (fd);
}

static void
begin (const BenchCase *test)
{
  bench_copied.source = g_build_filename (test->dir, "copied", NULL);
  bench_copied.destination = g_build_filename (test->dir, "copy", NULL);
  unlink (bench_copied.destination);
  warm (test->n_ops * BENCH_MIB);
}

static void
end (const BenchCase *test)
{
  bench_end (test->n_ops);
  unlink (bench_copied.destination);
}

static void
run_raw (const BenchCase *test)
{
  begin (test);
  bench_copy_raw (test->n_ops * BENCH_MIB);
  end (test);
}

static void
run_cp (const BenchCase *test)
{
  char *command[] = { (char *) "cp", NULL, NULL, NULL };
  GError *error = NULL;
  int status;

  begin (test);
  command[1] = bench_copied.source;
  command[2] = bench_copied.destination;
  bench_begin ();
  if (!g_spawn_sync (NULL, command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status,
                     &error) ||
      !g_spawn_check_wait_status (status, &error))
    g_error ("%s", error->message);
  end (test);
}

#ifdef HAVE_LIBUV
static void
run_libuv (const BenchCase *test)
{
  begin (test);
  bench_copy_libuv ();
  end (test);
}
#endif

/* The two that differ in one call */

typedef struct
{
  void (*copy) (GFile *,
                GFile *,
                GFileCopyFlags,
                int,
                GCancellable *,
                GFileProgressCallback,
                gpointer,
                GAsyncReadyCallback,
                gpointer);
  gboolean (*finish) (GFile *, GAsyncResult *, GError **);
  GMainLoop *loop;
} Calls;

static void
on_copied (GObject *file, GAsyncResult *result, gpointer user_data)
{
  Calls *calls = user_data;
  GError *error = NULL;

  if (!calls->finish (G_FILE (file), result, &error))
    g_error ("%s", error->message);
  g_main_loop_quit (calls->loop);
}

static void
run_calls (const BenchCase *test, Calls *calls)
{
  GFile *source, *destination;

  begin (test);
  source = g_file_new_for_path (bench_copied.source);
  destination = g_file_new_for_path (bench_copied.destination);
  calls->loop = g_main_loop_new (NULL, FALSE);
  bench_begin ();
  calls->copy (source, destination, G_FILE_COPY_NONE, G_PRIORITY_DEFAULT, NULL, NULL, NULL,
               on_copied, calls);
  g_main_loop_run (calls->loop);
  end (test);
}

static void
run_guring_gio (const BenchCase *test)
{
  Calls calls = { guring_file_copy_async, guring_file_copy_finish, NULL };

  run_calls (test, &calls);
}

static void
run_gio (const BenchCase *test)
{
  Calls calls = { g_file_copy_async, g_file_copy_finish, NULL };

  run_calls (test, &calls);
}

const BenchEntry bench_copy[] = {
  { "copy", "raw", run_raw },
  { "copy", "guring-gio", run_guring_gio },
  { "copy", "gio", run_gio },
  { "copy", "cp", run_cp },
#ifdef HAVE_LIBUV
  { "copy", "libuv", run_libuv },
#endif
  { 0 },
};
