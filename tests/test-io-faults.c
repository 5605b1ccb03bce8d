/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls of GIO's kind when system calls fail: linked with --wrap. */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file-support.h"

int __real_io_uring_submit (struct io_uring *uring);
int __wrap_io_uring_submit (struct io_uring *uring);
int __real_statx (int fd, const char *path, int flags, unsigned mask, struct statx *status);
int __wrap_statx (int fd, const char *path, int flags, unsigned mask, struct statx *status);
int __real_linkat (int fd, const char *path, int new_fd, const char *new_path, int flags);
int __wrap_linkat (int fd, const char *path, int new_fd, const char *new_path, int flags);
int __real_renameat2 (int fd, const char *path, int new_fd, const char *new_path, unsigned flags);
int __wrap_renameat2 (int fd, const char *path, int new_fd, const char *new_path, unsigned flags);
int __real_fchown (int fd, uid_t owner, gid_t group);
int __wrap_fchown (int fd, uid_t owner, gid_t group);
int __real_flock (int fd, int operation);
int __wrap_flock (int fd, int operation);

static guint n_good_submits; /* before one fails for good */
static int submit_fault;
static int target_fault;  /* errno of asking what a link leads to */
static gboolean no_links; /* in the file system, in which a file can be renamed once */
static guint n_renames;
static gboolean no_owners;    /* can be given to a file */
static gboolean others_sweep; /* what is about to be locked, if it has the first name to be */
static gchar *swept_name;

int
__wrap_io_uring_submit (struct io_uring *uring)
{
  if (submit_fault == 0 || n_good_submits-- > 0)
    return __real_io_uring_submit (uring);

  return -submit_fault;
}

int
__wrap_statx (int fd, const char *path, int flags, unsigned mask, struct statx *status)
{
  if (target_fault == 0 || (flags & AT_SYMLINK_NOFOLLOW))
    return __real_statx (fd, path, flags, mask, status);

  errno = target_fault;
  return -1;
}

int
__wrap_linkat (int fd, const char *path, int new_fd, const char *new_path, int flags)
{
  if (!no_links)
    return __real_linkat (fd, path, new_fd, new_path, flags);

  errno = EPERM;
  return -1;
}

int
__wrap_renameat2 (int fd, const char *path, int new_fd, const char *new_path, unsigned flags)
{
  if (!no_links || n_renames++ == 0)
    return __real_renameat2 (fd, path, new_fd, new_path, flags);

  errno = ENOSPC;
  return -1;
}

static void
break_ring (guint n_good)
{
  n_good_submits = n_good;
  submit_fault = EBADF; /* which a close may say as well */
}

static gboolean
is_open (int fd)
{
  return fcntl (fd, F_GETFD) >= 0;
}

int
__wrap_fchown (int fd, uid_t owner, gid_t group)
{
  if (!no_owners)
    return __real_fchown (fd, owner, group);

  errno = EINVAL;
  return -1;
}

int
__wrap_flock (int fd, int operation)
{
  g_autofree gchar *link = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree gchar *path = g_file_read_link (link, NULL);

  if (others_sweep && swept_name == NULL)
    swept_name = g_strdup (path);
  if (others_sweep && g_str_equal (path, swept_name))
    unlink (path);
  return __real_flock (fd, operation);
}

START_TEST (a_ring_that_breaks_closes_all_the_same)
{
  int fd = make_file ("file", "");

  break_ring (0);
  ck_assert (io_close (fd, NULL));
  ck_assert (!is_open (fd));
}
END_TEST

START_TEST (a_ring_that_breaks_closes_streams)
{
  int fd = make_file ("file", "");
  g_autoptr (GInputStream) stream = guring_input_stream_new (fd, TRUE);
  g_auto (Answer) answer = { 0 };

  break_ring (0);
  g_input_stream_close_async (stream, 0, NULL, on_answer, &answer);
  ck_assert (g_input_stream_close_finish (stream, await_answer (&answer), NULL));
  ck_assert (!is_open (fd));
}
END_TEST

/* Whatever becomes of the load: what was opened for it must not stay so. */
START_TEST (a_ring_that_breaks_during_a_load_leaves_nothing_open)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autofree gchar *contents = NULL;
  g_autoptr (GError) error = NULL;
  gsize size = 0;

  make ("file", 100);
  break_ring ((guint) _i);
  guring_file_load_contents_async (answer.file, NULL, on_answer, &answer);
  if (guring_file_load_contents_finish (answer.file, await_answer (&answer), &contents, &size, NULL,
                                        &error))
    ck_assert_uint_eq (size, 100);
  else
    ck_assert_ptr_nonnull (error);
}
END_TEST

/* Whether it is the error of the call or of the ring, what the kernel has not seen is done without
 * it. */
START_TEST (a_ring_that_breaks_fails_no_call)
{
  int fd = make_file ("file", "bytes");
  g_autoptr (GError) error = NULL;

  break_ring (0);
  submit_fault = _i ? EPERM : EBADF;
  assert_bytes (io_read (fd, 5, 0, NULL), "bytes", 5);
  close (fd);
  ck_assert_ptr_null (io_read (fd, 5, 0, &error));
  assert_errno (error, EBADF, "Could not read");
}
END_TEST

static gboolean
take_byte (gint fd, GIOCondition condition, gpointer n_bytes)
{
  gchar byte;

  ck_assert_int_eq (read (fd, &byte, 1), 1);
  ++*(guint *) n_bytes;
  return G_SOURCE_CONTINUE;
}

/* Without it, from the first time that its ring does not take an operation */
START_TEST (a_ring_that_breaks_leaves_its_watches_at_work)
{
  GuringFdWatch *watch;
  guint n_bytes = 0;

  make_pipe (ends);
  watch = guring_fd_watch_new (NULL, ends[0], G_IO_IN, take_byte, &n_bytes, NULL, NULL);
  break_ring ((guint) _i);
  for (guint i = 0; i < 4; i++)
    {
      write_byte (ends[1]);
      run_until (n_bytes > i);
    }
  guring_fd_watch_destroy (watch);
  close_pipe (ends);
}
END_TEST

/* Without io_uring statx() is the library's own. */
START_TEST (a_link_is_not_broken_for_want_of_memory)
{
  g_auto (Answer) answer = answer_for ("link");
  g_autoptr (GError) error = NULL;

  g_setenv ("GURING_DISABLE", "1", TRUE);
  make ("file", 100);
  ck_assert_int_eq (symlink ("file", "link"), 0);
  target_fault = ENOMEM;
  guring_file_query_info_async (answer.file, "standard::type", G_FILE_QUERY_INFO_NONE, 0, NULL,
                                on_answer, &answer);
  if (guring_file_query_info_finish (answer.file, await_answer (&answer), &error) == NULL)
    assert_error (error, (gint) g_io_error_from_errno (ENOMEM));
  else
    ck_abort_msg ("It is said to be a link");
}
END_TEST

/* The old file is the backup already: it gets its name back. */
START_TEST (a_file_that_can_not_be_replaced_is_no_backup)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GBytes) bytes = make_pattern (100);
  g_autoptr (GError) error = NULL;

  g_setenv ("GURING_DISABLE", "1", TRUE);
  make_old ("file");
  no_links = TRUE;
  guring_file_replace_contents_bytes_async (answer.file, bytes, NULL, TRUE, 0, NULL, on_answer,
                                            &answer);
  ck_assert (
    !guring_file_replace_contents_bytes_finish (answer.file, await_answer (&answer), NULL, &error));
  assert_error (error, G_IO_ERROR_NO_SPACE);
  ck_assert_uint_eq (n_renames, 2);
  ck_assert (is_old ("file"));
  ck_assert_uint_eq (count_names ("."), 1);
}
END_TEST

/* As for a user without an id in the namespace: the new file has the owner of the old. */
START_TEST (an_owner_that_need_not_be_given_is_kept)
{
  g_autoptr (GFileOutputStream) out = NULL;
  struct stat old, new;

  make_old ("file");
  old = get_status ("file");
  no_owners = TRUE;
  out = file_replace ("file", NULL, FALSE, 0, NULL);
  ck_assert (is_old ("file"));
  ck_assert (close_async (out, NULL, NULL));
  new = get_status ("file");
  ck_assert_uint_ne (new.st_ino, old.st_ino);
  ck_assert_uint_eq (new.st_mode, old.st_mode);
}
END_TEST

START_TEST (a_file_that_others_sweep_for_ever_gets_another_name)
{
  g_auto (Answer) answer = answer_for ("file");
  g_autoptr (GBytes) bytes = make_pattern (100);

  make_old ("file");
  others_sweep = TRUE;
  guring_file_replace_contents_bytes_async (answer.file, bytes, NULL, FALSE, 0, NULL, on_answer,
                                            &answer);
  ck_assert (
    guring_file_replace_contents_bytes_finish (answer.file, await_answer (&answer), NULL, NULL));
  ck_assert_ptr_nonnull (swept_name);
  g_clear_pointer (&swept_name, g_free);
  assert_new ("file", 100);
  ck_assert_uint_eq (count_names ("."), 1);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, a_ring_that_breaks_closes_all_the_same);
  tcase_add_test (tcase, a_ring_that_breaks_closes_streams);
  tcase_add_loop_test (tcase, a_ring_that_breaks_during_a_load_leaves_nothing_open, 0, 4);
  tcase_add_loop_test (tcase, a_ring_that_breaks_fails_no_call, 0, 2);
  tcase_add_loop_test (tcase, a_ring_that_breaks_leaves_its_watches_at_work, 0, 4);
  tcase_add_test (tcase, a_link_is_not_broken_for_want_of_memory);
  tcase_add_test (tcase, a_file_that_can_not_be_replaced_is_no_backup);
  tcase_add_test (tcase, an_owner_that_need_not_be_given_is_kept);
  tcase_add_test (tcase, a_file_that_others_sweep_for_ever_gets_another_name);
}

int
main (void)
{
  Suite *suite = suite_create ("io-faults");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
