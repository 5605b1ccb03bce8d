/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#define TIMEOUT_SECONDS 600 /* of a machine that has much else to do */

GMainContext *context;
GuringRing *ring;
int ends[2];

GuringRing *
make_ring (guint entries)
{
  g_autoptr (GError) error = NULL;
  GuringRing *made = guring_ring_new (NULL, entries, &error);

  ck_assert_msg (made != NULL, "%s", error != NULL ? error->message : "no error");
  return made;
}

void
setup_ring (void)
{
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  ring = make_ring (8);
}

void
drop_ring (void)
{
  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &ring);
  g_object_unref (ring);
  ck_assert_msg (ring == NULL, "somebody holds a reference on the ring");
}

void
teardown_ring (void)
{
  if (ring != NULL)
    {
      assert_counts (0, 0);
      drop_ring ();
    }

  g_main_context_pop_thread_default (context);
  g_clear_pointer (&context, g_main_context_unref);
}

void
setup_ring_and_pipe (void)
{
  setup_ring ();
  make_pipe (ends);
}

void
teardown_ring_and_pipe (void)
{
  close_pipe (ends);
  teardown_ring ();
}

void
record_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Record *record = data;

  ck_assert (GURING_IS_RING (completed_ring));
  if (guring_completion_is_final (completion))
    record->n_final++;
  else
    record->n_more++;
  record->res = completion->res;
  record->flags = completion->flags;
  record->id = completion->id;
}

void
record_notify (gpointer data)
{
  Record *record = data;

  record->n_notified++;
  record->n_before_notify = record->n_more + record->n_final;
}

guint64
queue (const struct io_uring_sqe *sqe, Record *record)
{
  g_autoptr (GError) error = NULL;
  guint64 id = guring_ring_queue (ring, sqe, record_completion, record, record_notify, &error);

  ck_assert_msg (id != 0, "%s", error != NULL ? error->message : "no error");
  ck_assert_ptr_null (error);
  return id;
}

guint64
queue_nop (Record *record)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  return queue (&sqe, record);
}

gint32
run_operation (const struct io_uring_sqe *sqe)
{
  Record record = { 0 };

  queue (sqe, &record);
  run_until (record.n_notified > 0);
  assert_ended (&record);
  return record.res;
}

gint
submit_ring (void)
{
  g_autoptr (GError) error = NULL;
  gint n = guring_ring_submit (ring, &error);

  ck_assert_msg (n >= 0, "%s", error != NULL ? error->message : "no error");
  return n;
}

void
assert_submits (gint n)
{
  ck_assert_int_eq (submit_ring (), n);
}

gint
iterate_ring (gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  gint n = guring_ring_iterate (ring, may_block, &error);

  ck_assert_msg (n >= 0, "%s", error != NULL ? error->message : "no error");
  return n;
}

GuringRequest
request (const struct io_uring_sqe *sqe, Record *record)
{
  return (GuringRequest){ *sqe, record_completion, record, record_notify };
}

void
assert_counts (guint64 in_flight, guint64 backlog)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.in_flight, in_flight);
  ck_assert_uint_eq (statistics.backlog, backlog);
  ck_assert_uint_eq (statistics.queued, statistics.completed + in_flight + backlog);
}

guint
raise_descriptor_limit (void)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = limit.rlim_max;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
  return (guint) MIN (limit.rlim_max, G_MAXINT);
}

gboolean
limit_descriptors (guint n)
{
  g_autofree gchar *line = g_strdup_printf ("Max open files            %u ", n);
  int fd = open ("/proc/self/limits", O_RDONLY | O_CLOEXEC); /* while there is room for it */
  gchar limits[4096] = "";
  struct rlimit limit;

  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = n;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &limit), 0);
  ck_assert_int_gt (read (fd, limits, sizeof limits - 1), 0);
  close (fd);
  return strstr (limits, line) != NULL;
}

guint
count_descriptors (void)
{
  GDir *dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  ck_assert_ptr_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;
  g_dir_close (dir);
  return n;
}

gpointer
run_until_ended (gpointer data)
{
  Record *record = data;

  run_until (record->n_final > 0);
  return NULL;
}

int
make_unnamed_file (const gchar *contents, gsize size)
{
  g_autofree gchar *name = NULL;
  int fd = g_file_open_tmp ("guring-XXXXXX", &name, NULL);

  ck_assert_int_ge (fd, 0);
  unlink (name);
  ck_assert_int_eq (write (fd, contents, size), (gssize) size);
  return fd;
}

void
make_pipe (int fds[2])
{
  ck_assert_int_eq (pipe2 (fds, O_CLOEXEC), 0);
}

void
close_pipe (int fds[2])
{
  close (fds[0]);
  close (fds[1]);
}

void
write_byte (int fd)
{
  ck_assert_int_eq (write (fd, "x", 1), 1);
}

guint64
queue_read_byte (int fd, gchar *byte, Record *record)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_read (&sqe, fd, byte, 1, 0);
  return queue (&sqe, record);
}

static gboolean
is_asleep (const gchar *path)
{
  g_autofree gchar *stat = NULL;

  ck_assert (g_file_get_contents (path, &stat, NULL, NULL));
  return strstr (stat, ") S ") != NULL;
}

void
wait_until_asleep (pid_t thread)
{
  g_autofree gchar *path = g_strdup_printf ("/proc/self/task/%d/stat", (int) thread);

  while (!is_asleep (path))
    g_thread_yield ();
}

static gpointer
write_in_thread (gpointer fd)
{
  wait_until_asleep (getpid ());
  write_byte (GPOINTER_TO_INT (fd));
  return NULL;
}

GThread *
write_byte_while_asleep (int fd)
{
  return g_thread_new ("write", write_in_thread, GINT_TO_POINTER (fd));
}

void
wait_for_child (pid_t child)
{
  int status;

  ck_assert_int_eq (waitpid (child, &status, 0), child);
  ck_assert_msg (WIFEXITED (status), "the child was killed by signal %d", WTERMSIG (status));
  ck_assert_int_eq (WEXITSTATUS (status), 0);
}

#ifdef HAVE___GCOV_DUMP
void __gcov_dump (void);
#else
#define __gcov_dump() ((void) 0)
#endif

void
end_child (void)
{
  __gcov_dump ();
  _exit (0);
}

void
run_in_child (void (*test) (void))
{
  pid_t child = fork ();

  ck_assert_int_ge (child, 0);
  if (child == 0)
    {
      test ();
      end_child ();
    }
  wait_for_child (child);
}

gboolean
skip_if (gboolean missing, const gchar *what)
{
  if (missing)
    g_printerr ("# SKIP: there is no %s here\n", what);
  return missing;
}

int
run_suite_without_io_uring (Suite *suite)
{
  SRunner *runner = srunner_create (suite);
  int n_failed;

  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  n_failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
run_suite (Suite *suite)
{
  g_autoptr (GError) error = NULL;

  if (guring_is_supported (&error))
    return run_suite_without_io_uring (suite);

  srunner_free (srunner_create (suite));
  g_print ("1..0 # SKIP %s\n", error->message);
  return EXIT_SUCCESS;
}

TCase *
add_case (Suite *suite, const gchar *name)
{
  TCase *tcase = tcase_create (name);

  tcase_set_timeout (tcase, TIMEOUT_SECONDS);
  suite_add_tcase (suite, tcase);
  return tcase;
}

TCase *
add_ring_case (Suite *suite, const gchar *name)
{
  TCase *tcase = add_case (suite, name);

  tcase_add_checked_fixture (tcase, setup_ring, teardown_ring);
  return tcase;
}
