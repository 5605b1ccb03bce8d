/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A disk that is full or fails, and files larger than a process may write: whoever wants to replace
 * a file there is told, and the old one stays. */

#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "file-support.h"

#define BIG (20u << 20)
#define LIMIT 65536
#define SHUTDOWN _IOR ('X', 125, guint32) /* EXT4_IOC_SHUTDOWN, see ext4.h of the kernel */

/* Ways to write */

typedef enum
{
  COPY,
  CONTENTS,
  STREAM,
  N_WAYS
} Way;

/* What shall be in a file, on its way */
typedef struct
{
  Way way;
  GBytes *bytes;
  GFile *destination;
  GOutputStream *stream;
  Answer answer;
} Put;

static void
put_clear (Put *put)
{
  g_bytes_unref (put->bytes);
  g_object_unref (put->destination);
  g_clear_object (&put->stream);
  answer_clear (&put->answer);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Put, put_clear)

static Put
put_new (Way way, const gchar *name)
{
  Put put = { way, make_pattern (BIG), g_file_new_for_path (name), NULL, { 0 } };

  if (way != STREAM)
    put.answer = answer_for (way == COPY ? "source" : name);
  return put;
}

static void
start (Put *put)
{
  g_autofree gchar *name = g_file_get_path (put->destination);

  switch (put->way)
    {
    case COPY:
      guring_file_copy_async (put->answer.file, put->destination, G_FILE_COPY_OVERWRITE, 0, NULL,
                              NULL, NULL, on_answer, &put->answer);
      break;
    case CONTENTS:
      guring_file_replace_contents_bytes_async (put->answer.file, put->bytes, NULL, FALSE, 0, NULL,
                                                on_answer, &put->answer);
      break;
    default:
      put->stream = G_OUTPUT_STREAM (file_replace (name, NULL, FALSE, 0, NULL));
      ck_assert_ptr_nonnull (put->stream);
      g_output_stream_write_all_async (put->stream, g_bytes_get_data (put->bytes, NULL), BIG, 0,
                                       NULL, on_answer, &put->answer);
    }
}

/* A stream that could not write what it should is given up. */
static gboolean
close_stream (Put *put, GError **error)
{
  g_autoptr (GCancellable) cancellable = make_cancelled ();

  if (g_output_stream_write_all_finish (put->stream, put->answer.result, NULL, error))
    return close_async (put->stream, NULL, error);

  close_async (put->stream, cancellable, NULL);
  return FALSE;
}

static gboolean
finish (Put *put, GError **error)
{
  run_until (put->answer.n_calls > 0);
  switch (put->way)
    {
    case COPY:
      return guring_file_copy_finish (put->answer.file, put->answer.result, error);
    case CONTENTS:
      return guring_file_replace_contents_bytes_finish (put->answer.file, put->answer.result, NULL,
                                                        error);
    default:
      return close_stream (put, error);
    }
}

static gboolean
write_to (Way way, const gchar *name, GError **error)
{
  g_auto (Put) put = put_new (way, name);

  start (&put);
  return finish (&put, error);
}

static void
assert_fails (Way way, const gchar *name, gint code)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!write_to (way, name, &error));
  assert_error (error, code);
}

static void
make_files (const gchar *old)
{
  make ("source", BIG);
  make_old (old);
}

static void
assert_untouched_files (const gchar *old)
{
  assert_new ("source", BIG);
  ck_assert (is_old (old));
}

/* No room */

/* A stream leaves what it could write to a new file, as in GIO. */
START_TEST (a_full_disk_leaves_what_was_there)
{
  Way way = (Way) _i;

  if (!mount_tmpfs ("mount", 0))
    return;

  make_files ("mount/old");
  assert_fails (way, "mount/old", G_IO_ERROR_NO_SPACE);
  if (way != STREAM)
    assert_fails (way, "mount/new", G_IO_ERROR_NO_SPACE);
  assert_untouched_files ("mount/old");
  ck_assert_uint_eq (count_names ("mount"), 1);
}
END_TEST

/* No larger files: whoever ignores SIGXFSZ, or handles it, gets EFBIG, see setrlimit(2). */

static void
on_signal (int signal_number)
{
}

static struct rlimit
limit_file_size (void)
{
  struct rlimit before, limit;

  ck_assert_int_eq (getrlimit (RLIMIT_FSIZE, &before), 0);
  limit = (struct rlimit){ LIMIT, before.rlim_max };
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
  return before;
}

static gint
get_code_of_gio (void)
{
  g_autoptr (GFile) source = g_file_new_for_path ("source");
  g_autoptr (GFile) destination = g_file_new_for_path ("of-gio");
  g_autoptr (GError) error = NULL;

  ck_assert (!g_file_copy (source, destination, 0, NULL, NULL, NULL, &error));
  unlink ("of-gio");
  return error->code;
}

START_TEST (a_limit_of_the_file_size_leaves_what_was_there)
{
  Way way = (Way) _i;
  struct rlimit before;
  gint code;

  make_files ("old");
  for (guint i = 0; i < 2; i++)
    {
      signal (SIGXFSZ, i ? on_signal : SIG_IGN);
      before = limit_file_size ();
      code = get_code_of_gio ();
      assert_fails (way, "old", code);
      if (way != STREAM)
        assert_fails (way, "new", code);
      ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &before), 0);
      assert_untouched_files ("old");
      ck_assert_uint_eq (count_names ("."), 2);
    }
}
END_TEST

/* A file system that becomes read-only, or ends, in the middle: an ext4 in a file */

static gboolean
run (const gchar *command_line)
{
  g_autofree gchar *output = NULL;
  g_autofree gchar *errors = NULL;
  gint status = -1;

  return g_spawn_command_line_sync (command_line, &output, &errors, &status, NULL) && status == 0;
}

static gboolean
mount_image (void)
{
  return run ("mount -o loop,errors=remount-ro image mount");
}

/* mount_tmpfs() tells whether there is a name space of the test's own. */
static gboolean
make_ext4 (void)
{
  if (!mount_tmpfs ("mount", 0))
    return FALSE;
  if (umount ("mount") == 0 && run ("truncate -s 64M image") && run ("mke2fs -q -t ext4 image") &&
      mount_image ())
    return TRUE;

  g_printerr ("# SKIP: an image of an ext4 cannot be made or mounted\n");
  return FALSE;
}

static gboolean
has_begun (void)
{
  g_autoptr (GDir) dir = g_dir_open ("mount", 0, NULL);
  gboolean begun = FALSE;
  const gchar *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *path = g_build_filename ("mount", name, NULL);

      begun |= g_str_has_prefix (name, ".guring-") && get_status (path).st_size > 0;
    }
  return begun;
}

static void
synchronize (const gchar *name)
{
  int fd = open (name, O_RDONLY | O_CLOEXEC);

  ck_assert_int_eq (fsync (fd), 0);
  close (fd);
}

/* The rest may not be done yet when it is told. */
static void
umount_when_unused (void)
{
  while (umount ("mount") != 0)
    {
      ck_assert_int_eq (errno, EBUSY);
      g_thread_yield ();
    }
}

/* As if it had found an error on the disk */
static void
make_read_only (void)
{
  dev_t device = get_status ("mount").st_dev;
  g_autofree gchar *link = g_strdup_printf ("/sys/dev/block/%u:%u", major (device), minor (device));
  g_autofree gchar *target = g_file_read_link (link, NULL);
  g_autofree gchar *name = g_path_get_basename (target);
  g_autofree gchar *path = g_build_filename ("/sys/fs/ext4", name, "trigger_fs_error", NULL);
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  ck_assert_int_eq (write (fd, "test", 4), 4);
  close (fd);
}

/* As if the disk had gone */
static void
shut_down (void)
{
  guint32 without_log = 2; /* EXT4_GOING_FLAGS_NOLOGFLUSH */
  int fd = open ("mount", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  ck_assert_int_eq (ioctl (fd, SHUTDOWN, &without_log), 0);
  close (fd);
}

static const struct
{
  void (*break_disk) (void);
  int error_number;
} failures[] = {
  { make_read_only, EROFS },
  { shut_down, EIO },
};

/* What is half written can't be removed there: the next one does, when the file system is back. */
START_TEST (a_disk_that_fails_in_the_middle_leaves_what_was_there)
{
  Way way = (Way) _i / (gint) G_N_ELEMENTS (failures);
  guint failure = (guint) _i % G_N_ELEMENTS (failures);
  g_autoptr (GError) error = NULL;

  if (!make_ext4 ())
    return;

  make_files ("mount/old");
  synchronize ("mount/old");
  {
    g_auto (Put) put = put_new (way, "mount/old");

    start (&put);
    while (!has_begun ())
      g_main_context_iteration (context, FALSE);
    failures[failure].break_disk ();
    ck_assert (!finish (&put, &error));
    assert_error (error, (gint) g_io_error_from_errno (failures[failure].error_number));
  }
  umount_when_unused ();

  ck_assert (mount_image ());
  assert_untouched_files ("mount/old");
  ck_assert (write_to (way, "mount/old", NULL));
  assert_new ("mount/old", BIG);
  ck_assert_uint_eq (count_names ("mount"), 2); /* and lost+found */
  umount_when_unused ();
}
END_TEST

static gssize
read_byte (gpointer stream, GError **error)
{
  g_auto (Answer) answer = { 0 };
  gchar byte;

  g_input_stream_read_async (stream, &byte, 1, 0, NULL, on_answer, &answer);
  return g_input_stream_read_finish (stream, await_answer (&answer), error);
}

START_TEST (a_disk_that_fails_is_no_end_of_a_file)
{
  g_auto (Answer) answer = answer_for ("mount/file");
  g_autoptr (GFileInputStream) stream = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  if (!make_ext4 ())
    return;

  make ("mount/file", BIG);
  stream = file_read ("mount/file", NULL, NULL);
  ck_assert_int_eq (read_byte (stream, NULL), 1);
  guring_file_load_bytes_async (answer.file, NULL, on_answer, &answer);
  shut_down ();
  bytes = guring_file_load_bytes_finish (answer.file, await_answer (&answer), NULL, &error);
  ck_assert (bytes == NULL || g_bytes_get_size (bytes) == BIG);
  ck_assert (bytes != NULL || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_FAILED));

  g_clear_error (&error);
  ck_assert_int_eq (read_byte (stream, &error), -1);
  assert_error (error, G_IO_ERROR_FAILED);
  ck_assert (close_async (stream, NULL, NULL));
  umount_when_unused ();
}
END_TEST

/* Nobody can remount it by hand as long as there is a writer (Linux 6.18). */
START_TEST (a_remount_in_the_middle_is_refused)
{
  const gulong read_only = MS_REMOUNT | MS_RDONLY;
  g_auto (Put) put = put_new (COPY, "mount/old");

  if (!make_ext4 ())
    return;

  make_files ("mount/old");
  start (&put);
  while (!has_begun ())
    g_main_context_iteration (context, FALSE);
  ck_assert_int_lt (mount ("none", "mount", "none", read_only, NULL), 0);
  ck_assert_int_eq (errno, EBUSY);
  ck_assert_int_lt (mount ("none", "mount", "none", read_only | MS_BIND, NULL), 0);
  ck_assert_int_eq (errno, EBUSY);
  ck_assert (finish (&put, NULL));
  assert_new ("mount/old", BIG);
  umount_when_unused ();
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_loop_test (tcase, a_full_disk_leaves_what_was_there, 0, N_WAYS);
  tcase_add_loop_test (tcase, a_limit_of_the_file_size_leaves_what_was_there, 0, N_WAYS);
  tcase_add_loop_test (tcase, a_disk_that_fails_in_the_middle_leaves_what_was_there, 0,
                       N_WAYS * G_N_ELEMENTS (failures));
  tcase_add_test (tcase, a_disk_that_fails_is_no_end_of_a_file);
  tcase_add_test (tcase, a_remount_in_the_middle_is_refused);
}

int
main (void)
{
  Suite *suite = suite_create ("file-disk");

  keep_files_in_memory ();
  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
