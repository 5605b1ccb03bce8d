/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <glib-unix.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "io-support.h"

#define N_ITERATIONS 20

static gchar *directory;
static guint n_descriptors;
static gboolean may_mount;

/* Descriptors that GLib opens at first use and keeps: those of its own contexts, one of which is that
 * of a thread that watches signals */
static void
warm_up (void)
{
  g_main_context_default ();
  g_source_unref (g_unix_signal_source_new (SIGHUP));
}

static void
setup_io (void)
{
  directory = g_dir_make_tmp ("guring-XXXXXX", NULL);
  ck_assert_ptr_nonnull (directory);
  ck_assert_int_eq (chdir (directory), 0);

  /* Before there are threads, which would not follow */
  may_mount =
    unshare (CLONE_NEWNS) == 0 && mount ("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
  warm_up ();
  n_descriptors = count_descriptors ();
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
}

static void
setup_io_without_io_uring (void)
{
  g_setenv ("GURING_DISABLE", "1", TRUE);
  setup_io ();
}

static void
remove_directory (void)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const gchar *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      umount2 (name, MNT_DETACH | UMOUNT_NOFOLLOW);
      ck_assert_int_eq (remove (name), 0);
    }
  ck_assert_int_eq (rmdir (directory), 0);
  g_clear_pointer (&directory, g_free);
}

/* A worker thread may still have a reference on the context when its result has been seen. */
static void
wait_for_descriptors (void)
{
  gint64 deadline = g_get_monotonic_time () + 100 * G_USEC_PER_SEC;

  while (count_descriptors () != n_descriptors && g_get_monotonic_time () < deadline)
    g_thread_yield ();
  ck_assert_uint_eq (count_descriptors (), n_descriptors);
}

static void
teardown_io (void)
{
  g_main_context_pop_thread_default (context);
  g_clear_pointer (&context, g_main_context_unref);
  wait_for_descriptors ();
  remove_directory ();
}

TCase *
add_io_case (Suite *suite, const gchar *name)
{
  TCase *tcase = add_case (suite, name);

  tcase_add_checked_fixture (tcase, setup_io, teardown_io);
  return tcase;
}

TCase *
add_fallback_case (Suite *suite, const gchar *name)
{
  TCase *tcase = add_case (suite, name);

  tcase_add_checked_fixture (tcase, setup_io_without_io_uring, teardown_io);
  return tcase;
}

void
add_io_tests (Suite *suite, void (*add_tests) (TCase *tcase))
{
  add_tests (add_io_case (suite, "io_uring"));
  add_tests (add_fallback_case (suite, "fallback"));
}

void
keep_files_in_memory (void)
{
  if (access ("/dev/shm", W_OK) == 0)
    g_setenv ("TMPDIR", "/dev/shm", TRUE);
}

void
on_reply (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  Reply *reply = user_data;

  ck_assert_ptr_null (source_object);
  ck_assert_ptr_null (g_async_result_get_source_object (result));
  ck_assert_ptr_eq (g_async_result_get_user_data (result), reply);
  reply->n_calls++;
  reply->thread = g_thread_self ();
  reply->context = g_main_context_get_thread_default ();
  g_set_object (&reply->result, result);
}

void
reply_clear (Reply *reply)
{
  g_clear_object (&reply->result);
}

Answer
answer_for (const gchar *name)
{
  Answer answer = { .file = strstr (name, "://") != NULL ? g_file_new_for_uri (name)
                                                         : g_file_new_for_path (name) };

  return answer;
}

void
on_answer (GObject *source_object, GAsyncResult *result, gpointer user_data)
{
  Answer *answer = user_data;

  ck_assert (answer->file == NULL || source_object == G_OBJECT (answer->file));
  answer->n_calls++;
  g_set_object (&answer->result, result);
}

void
answer_clear (Answer *answer)
{
  g_clear_object (&answer->file);
  g_clear_object (&answer->result);
}

GAsyncResult *
await_answer (Answer *answer)
{
  GMainContext *own = g_main_context_get_thread_default ();

  ck_assert_uint_eq (answer->n_calls, 0);
  while (answer->n_calls == 0)
    g_main_context_iteration (own, TRUE);
  ck_assert_uint_eq (answer->n_calls, 1);
  return answer->result;
}

GAsyncResult *
await (Reply *reply)
{
  ck_assert_uint_eq (reply->n_calls, 0);
  run_until (reply->n_calls > 0);
  ck_assert_uint_eq (reply->n_calls, 1);
  ck_assert_ptr_eq (reply->thread, g_thread_self ());
  return reply->result;
}

void
let_it_wait (void)
{
  for (guint i = 0; i < N_ITERATIONS; i++)
    g_main_context_iteration (context, FALSE);
}

void
run_in_own_context (void (*run) (GMainContext *own, gpointer data), gpointer data)
{
  g_autoptr (GMainContext) own = g_main_context_new ();

  g_main_context_push_thread_default (own);
  run (own, data);
  g_main_context_pop_thread_default (own);
}

typedef struct
{
  void (*run) (GMainContext *own, gpointer data);
  gpointer data;
} Job;

static gpointer
run_job (gpointer data)
{
  const Job *job = data;

  run_in_own_context (job->run, job->data);
  return NULL;
}

void
run_in_threads (guint n_threads, void (*run) (GMainContext *own, gpointer data), gpointer data)
{
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();
  Job job = { run, data };

  for (guint i = 0; i < n_threads; i++)
    g_ptr_array_add (threads, g_thread_new ("own", run_job, &job));
  for (guint i = 0; i < n_threads; i++)
    g_thread_join (threads->pdata[i]);
}

void
assert_errno (GError *error, int error_number, const gchar *message)
{
  g_autofree gchar *expected = g_strdup_printf ("%s: %s", message, g_strerror (error_number));

  assert_error (error, (gint) g_io_error_from_errno (error_number));
  ck_assert_str_eq (error->message, expected);
}

void
expect_errno (GError **error, int error_number, const gchar *message)
{
  assert_errno (*error, error_number, message);
  g_clear_error (error);
}

void
assert_cancelled (GError **error)
{
  assert_error (*error, G_IO_ERROR_CANCELLED);
  g_clear_error (error);
}

GCancellable *
make_cancelled (void)
{
  GCancellable *cancellable = g_cancellable_new ();

  g_cancellable_cancel (cancellable);
  return cancellable;
}

gpointer
cancel_in_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

void
io_start_read (int fd, gsize count, GCancellable *cancellable, Reply *reply)
{
  guring_read_async (fd, count, -1, G_PRIORITY_DEFAULT, cancellable, on_reply, reply);
}

void
io_start_write (int fd, GBytes *bytes, GCancellable *cancellable, Reply *reply)
{
  guring_write_async (fd, bytes, -1, G_PRIORITY_DEFAULT, cancellable, on_reply, reply);
}

gint
io_open (const gchar *path, gint flags, guint mode, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_open_async (path, flags, mode, G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  return guring_open_finish (await (&reply), error);
}

gboolean
io_close (gint fd, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_close_async (fd, G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  return guring_close_finish (await (&reply), error);
}

GBytes *
io_read (gint fd, gsize count, gint64 offset, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_read_async (fd, count, offset, G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  return guring_read_finish (await (&reply), error);
}

gboolean
io_write (gint fd, GBytes *bytes, gint64 offset, gsize *n_written, GError **error)
{
  g_auto (Reply) reply = { 0 };

  guring_write_async (fd, bytes, offset, G_PRIORITY_DEFAULT, NULL, on_reply, &reply);
  return guring_write_finish (await (&reply), n_written, error);
}

void
make (const gchar *name, gsize size)
{
  g_autoptr (GBytes) bytes = make_pattern (size);
  g_autoptr (GError) error = NULL;

  ck_assert_msg (g_file_set_contents (name, g_bytes_get_data (bytes, NULL), (gssize) size, &error),
                 "%s", error != NULL ? error->message : "");
}

int
make_file (const gchar *path, const gchar *contents)
{
  int fd;

  ck_assert (g_file_set_contents (path, contents, -1, NULL));
  fd = open (path, O_RDWR | O_CLOEXEC);
  ck_assert_int_ge (fd, 0);
  return fd;
}

void
put_file (const gchar *path, const gchar *contents)
{
  close (make_file (path, contents));
}

gboolean
exists (const gchar *path)
{
  struct stat status;

  return lstat (path, &status) == 0;
}

gsize
count_in_pipe (int fd)
{
  int n = -1;

  ck_assert_int_eq (ioctl (fd, FIONREAD, &n), 0);
  return (gsize) n;
}

/* No two pages of it are alike. */
GBytes *
make_pattern (gsize size)
{
  guint32 *words = g_malloc0 (size + sizeof (guint32));

  for (gsize i = 0; i * sizeof (guint32) < size; i++)
    words[i] = (guint32) i * 2654435761u;
  return g_bytes_new_take (words, size);
}

void
assert_bytes (GBytes *bytes, gconstpointer data, gsize size)
{
  ck_assert_ptr_nonnull (bytes);
  ck_assert_uint_eq (g_bytes_get_size (bytes), size);
  ck_assert (size == 0 || memcmp (g_bytes_get_data (bytes, NULL), data, size) == 0);
  g_bytes_unref (bytes);
}

gboolean
mount_tmpfs (const gchar *path, gulong flags)
{
  ck_assert_int_eq (mkdir (path, 0700), 0);
  if (may_mount && mount ("guring", path, "tmpfs", flags, "size=64k") == 0)
    return TRUE;

  g_printerr ("# SKIP: a tmpfs cannot be mounted\n");
  return FALSE;
}
