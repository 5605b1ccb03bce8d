/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The calls on a GFile, compared with their g_file_ twins. */

#include "config.h"

#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "file-support.h"

#define N_FILES 1000
#define LONG_NAME                                                                                  \
  "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"   \
  "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"   \
  "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012"

/* Loading */

static void
assert_loads_as_gio (const gchar *name)
{
  g_auto (Answer) answer = answer_for (name);
  g_autoptr (GError) error = NULL, expected_error = NULL;
  g_autofree gchar *contents = NULL, *expected = NULL, *etag = NULL, *expected_etag = NULL;
  gsize length = 1, expected_length = 1;

  guring_file_load_contents_async (answer.file, NULL, on_answer, &answer);
  guring_file_load_contents_finish (answer.file, await_answer (&answer), &contents, &length, &etag,
                                    &error);
  g_file_load_contents (answer.file, NULL, &expected, &expected_length, &expected_etag,
                        &expected_error);
  assert_same_error (error, expected_error, name);
  if (error != NULL)
    {
      ck_assert_ptr_null (contents);
      ck_assert_uint_eq (length, 0);
      return;
    }

  ck_assert_uint_eq (length, expected_length);
  ck_assert_mem_eq (contents, expected, length + 1);
  ck_assert_str_eq (etag, expected_etag);
}

static void
assert_loads_bytes_as_gio (const gchar *name)
{
  g_auto (Answer) answer = answer_for (name);
  g_autoptr (GError) error = NULL, expected_error = NULL;
  g_autofree gchar *etag = NULL, *expected_etag = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) expected = NULL;

  guring_file_load_bytes_async (answer.file, NULL, on_answer, &answer);
  bytes = guring_file_load_bytes_finish (answer.file, await_answer (&answer), &etag, &error);
  expected = g_file_load_bytes (answer.file, NULL, &expected_etag, &expected_error);
  assert_same_error (error, expected_error, name);
  ck_assert_int_eq (bytes != NULL, expected != NULL);
  if (bytes != NULL)
    ck_assert (g_bytes_equal (bytes, expected));
  ck_assert_pstr_eq (etag, expected_etag);
}

START_TEST (files_of_all_sizes_load)
{
  const gsize sizes[] = { 0, 1, 4095, 4096, 4097, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      make ("file", sizes[i]);
      assert_loads_as_gio ("file");
      assert_loads_bytes_as_gio ("file");
    }
  ck_assert_int_eq (truncate ("file", 5 << 20), 0);
  assert_loads_as_gio ("file");
}
END_TEST

START_TEST (files_that_do_not_know_their_size_load)
{
  const gchar *names[] = { "/proc/filesystems",      "/proc/self/environ", "/proc/self/limits",
                           "/proc/devices",          "/dev/null",          "/sys/kernel/mm/ksm/run",
                           "/proc/sys/kernel/ostype" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      assert_loads_as_gio (names[i]);
      assert_loads_bytes_as_gio (names[i]);
    }
}
END_TEST

static const gchar *odd_names[] = { ".",         "missing",       "missing/file", "file/below",
                                    "dangling",  "link",          "loop",         LONG_NAME,
                                    "test:///x", "resource:///x", "/dev/null",    "no UTF-8 \xff" };

static void
make_odd_names (void)
{
  make ("file", 100);
  ck_assert_int_eq (symlink ("file", "link"), 0);
  ck_assert_int_eq (symlink ("missing", "dangling"), 0);
  ck_assert_int_eq (symlink ("loop", "loop"), 0);
}

static gpointer
write_to_fifo (gpointer data)
{
  int fd = open ("fifo", O_WRONLY | O_CLOEXEC);

  for (gsize done = 0; done < g_bytes_get_size (data);)
    done += (gsize) write (fd, (const guint8 *) g_bytes_get_data (data, NULL) + done,
                           g_bytes_get_size (data) - done);
  close (fd);
  return NULL;
}

START_TEST (what_comes_bit_by_bit_loads)
{
  g_auto (Answer) answer = answer_for ("fifo");
  g_autoptr (GBytes) expected = make_pattern (1000000);
  g_autoptr (GBytes) bytes = NULL;
  GThread *thread;

  ck_assert_int_eq (mkfifo ("fifo", 0600), 0);
  thread = g_thread_new (NULL, write_to_fifo, expected);
  guring_file_load_bytes_async (answer.file, NULL, on_answer, &answer);
  bytes = guring_file_load_bytes_finish (answer.file, await_answer (&answer), NULL, NULL);
  ck_assert (g_bytes_equal (bytes, expected));
  g_thread_join (thread);
}
END_TEST

START_TEST (what_cannot_be_loaded_gives_gios_errors)
{
  make_odd_names ();
  for (guint i = 0; i < G_N_ELEMENTS (odd_names); i++)
    {
      assert_loads_as_gio (odd_names[i]);
      assert_loads_bytes_as_gio (odd_names[i]);
    }
}
END_TEST

static guint
load_cancelled (const gchar *name, GCancellable *cancellable, guint n_iterations)
{
  g_auto (Answer) answer = answer_for (name);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;

  guring_file_load_bytes_async (answer.file, cancellable, on_answer, &answer);
  for (guint i = 0; i < n_iterations && answer.n_calls == 0; i++)
    g_main_context_iteration (context, TRUE);
  g_cancellable_cancel (cancellable);
  while (answer.n_calls == 0)
    g_main_context_iteration (context, TRUE);

  bytes = guring_file_load_bytes_finish (answer.file, answer.result, NULL, &error);
  if (bytes == NULL)
    assert_error (error, G_IO_ERROR_CANCELLED);
  return bytes == NULL;
}

START_TEST (a_load_can_be_cancelled_at_any_time)
{
  g_autoptr (GCancellable) cancelled = make_cancelled ();
  guint n_cancelled = 0;

  make ("file", 8 << 20);
  ck_assert_uint_eq (load_cancelled ("file", cancelled, 0), 1);
  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();

      n_cancelled += load_cancelled ("file", cancellable, i);
    }
  ck_assert_uint_ge (n_cancelled, 1);
}
END_TEST

START_TEST (a_load_that_waits_is_cancelled_from_another_thread)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_auto (Answer) answer = answer_for ("fifo");
  g_autoptr (GError) error = NULL;
  GThread *thread;
  int fd;

  ck_assert_int_eq (mkfifo ("fifo", 0600), 0);
  fd = open ("fifo", O_RDWR | O_CLOEXEC);
  guring_file_load_bytes_async (answer.file, cancellable, on_answer, &answer);
  let_it_wait ();
  thread = g_thread_new (NULL, cancel_in_thread, cancellable);
  ck_assert_ptr_null (
    guring_file_load_bytes_finish (answer.file, await_answer (&answer), NULL, &error));
  assert_error (error, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
  close (fd);
}
END_TEST

START_TEST (a_thousand_files_load_at_once)
{
  g_autofree Answer *answers = g_new0 (Answer, N_FILES);

  raise_descriptor_limit ();
  make ("file", 5000);
  for (guint i = 0; i < N_FILES; i++)
    {
      answers[i] = answer_for ("file");
      guring_file_load_bytes_async (answers[i].file, NULL, on_answer, &answers[i]);
    }
  for (guint i = 0; i < N_FILES; i++)
    {
      g_autoptr (GBytes) bytes = NULL;

      run_until (answers[i].n_calls > 0);
      bytes = guring_file_load_bytes_finish (answers[i].file, answers[i].result, NULL, NULL);
      ck_assert_uint_eq (g_bytes_get_size (bytes), 5000);
      answer_clear (&answers[i]);
    }
}
END_TEST

static void
load_file (GMainContext *own, gpointer data)
{
  assert_loads_as_gio ("file");
}

START_TEST (another_thread_loads_in_its_own_context)
{
  make ("file", 100000);
  run_in_threads (1, load_file, NULL);
}
END_TEST

/* What is known */

static void
assert_same_attributes (GFileInfo *info, GFileInfo *expected, const gchar *name)
{
  g_auto (GStrv) listed = NULL;

  listed = g_file_info_list_attributes (info, NULL);
  for (guint i = 0; listed[i] != NULL; i++)
    {
      g_autofree gchar *value = g_file_info_get_attribute_as_string (info, listed[i]);
      g_autofree gchar *wanted = g_file_info_get_attribute_as_string (expected, listed[i]);

      ck_assert_msg (g_strcmp0 (value, wanted) == 0 || g_str_has_suffix (listed[i], "icon"),
                     "%s of %s: %s, not %s", listed[i], name, value, wanted);
      ck_assert_int_eq (g_file_info_get_attribute_type (info, listed[i]),
                        g_file_info_get_attribute_type (expected, listed[i]));
      g_file_info_remove_attribute (expected, listed[i]);
    }
  g_clear_pointer (&listed, g_strfreev);
  listed = g_file_info_list_attributes (expected, NULL);
  ck_assert_msg (listed[0] == NULL, "%s of %s is lacking", listed[0], name);
}

/* Older versions of GLib say FALSE by leaving it out. */
static void
assert_same_boolean (GFileInfo *info, GFileInfo *expected, const gchar *name)
{
  ck_assert_int_eq (g_file_info_get_attribute_boolean (info, name),
                    g_file_info_get_attribute_boolean (expected, name));
  g_file_info_remove_attribute (info, name);
  g_file_info_remove_attribute (expected, name);
}

static void
assert_info_as_gio (const gchar *name, const gchar *attributes, GFileQueryInfoFlags flags)
{
  g_auto (Answer) answer = answer_for (name);
  g_autoptr (GError) error = NULL, expected_error = NULL;
  g_autoptr (GFileInfo) info = NULL;
  g_autoptr (GFileInfo) expected = NULL;

  guring_file_query_info_async (answer.file, attributes, flags, G_PRIORITY_DEFAULT, NULL, on_answer,
                                &answer);
  info = guring_file_query_info_finish (answer.file, await_answer (&answer), &error);
  expected = g_file_query_info (answer.file, attributes, flags, NULL, &expected_error);
  assert_same_error (error, expected_error, attributes);
  ck_assert_int_eq (info != NULL, expected != NULL);
  if (info == NULL)
    return;

  assert_same_boolean (info, expected, G_FILE_ATTRIBUTE_STANDARD_IS_SYMLINK);
  assert_same_boolean (info, expected, G_FILE_ATTRIBUTE_STANDARD_IS_BACKUP);
  assert_same_attributes (info, expected, name);
}

#define TIMES(name) "time::" name ",time::" name "-usec,time::" name "-nsec"

static const gchar *attribute_sets[] = {
  "standard::name,standard::display-name,standard::edit-name,standard::copy-name",
  "standard::type,standard::size,standard::allocated-size,standard::is-symlink",
  "standard::is-backup,etag::value,id::file,id::filesystem",
  "unix::device,unix::inode,unix::mode,unix::nlink,unix::uid,unix::gid,unix::rdev",
  "unix::block-size,unix::blocks",
  TIMES ("modified") "," TIMES ("changed") "," TIMES ("created"),
  TIMES ("access"),
  "standard::type,standard::content-type",
  "standard::is-hidden,unix::is-mountpoint",
  "standard::*",
  "unix::*",
  "*",
  "",
  "nonsense",
};

START_TEST (what_is_known_is_what_gio_knows)
{
  const gchar *names[] = { "file", "backup~",  ".hidden", "/",          "/dev/null",
                           "pipe", "\303\266", "\377",    "/proc/self", "/dev/ptmx" };

  make_odd_names ();
  make ("backup~", 1);
  make (".hidden", 1);
  make ("\303\266", 1);
  make ("\377", 1);
  ck_assert_int_eq (mkfifo ("pipe", 0600), 0);
  for (guint i = 0; i < G_N_ELEMENTS (attribute_sets); i++)
    for (guint flags = 0; flags <= G_FILE_QUERY_INFO_NOFOLLOW_SYMLINKS; flags++)
      {
        for (guint j = 0; j < G_N_ELEMENTS (names); j++)
          assert_info_as_gio (names[j], attribute_sets[i], flags);
        for (guint j = 0; j < G_N_ELEMENTS (odd_names); j++)
          assert_info_as_gio (odd_names[j], attribute_sets[i], flags);
      }
}
END_TEST

START_TEST (a_query_that_is_cancelled_says_so)
{
  g_autoptr (GCancellable) cancelled = make_cancelled ();
  g_auto (Answer) answer = answer_for (".");
  g_autoptr (GError) error = NULL;

  guring_file_query_info_async (answer.file, "standard::size", 0, 0, cancelled, on_answer, &answer);
  ck_assert_ptr_null (guring_file_query_info_finish (answer.file, await_answer (&answer), &error));
  assert_error (error, G_IO_ERROR_CANCELLED);
}
END_TEST

/* Names */

static gboolean delete (const gchar *name, GCancellable *cancellable, GError **error)
{
  g_auto (Answer) answer = answer_for (name);

  guring_file_delete_async (answer.file, G_PRIORITY_DEFAULT, cancellable, on_answer, &answer);
  return guring_file_delete_finish (answer.file, await_answer (&answer), error);
}

static gboolean
make_directory (const gchar *name, GCancellable *cancellable, GError **error)
{
  g_auto (Answer) answer = answer_for (name);

  guring_file_make_directory_async (answer.file, G_PRIORITY_DEFAULT, cancellable, on_answer,
                                    &answer);
  return guring_file_make_directory_finish (answer.file, await_answer (&answer), error);
}

START_TEST (files_links_and_empty_directories_are_deleted)
{
  struct stat status;

  make_odd_names ();
  ck_assert (delete ("link", NULL, NULL));
  ck_assert (g_file_test ("file", G_FILE_TEST_EXISTS));
  ck_assert (delete ("file", NULL, NULL));
  umask (0027);
  ck_assert (make_directory ("directory", NULL, NULL));
  ck_assert_int_eq (stat ("directory", &status), 0);
  ck_assert_uint_eq (status.st_mode, S_IFDIR | 0750);
  ck_assert (delete ("directory", NULL, NULL));
  ck_assert (!g_file_test ("directory", G_FILE_TEST_EXISTS));
}
END_TEST

/* Each fails, so both can be asked. */
START_TEST (names_that_cannot_be_used_give_gios_errors)
{
  const gchar *names[] = { "/proc",     "missing/file",  "file/below", "/",
                           "test:///x", "resource:///x", LONG_NAME };

  make ("file", 1);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_auto (Answer) answer = answer_for (names[i]);
      GError *errors[4] = { NULL };

      ck_assert (!delete (names[i], NULL, &errors[0]));
      ck_assert (!g_file_delete (answer.file, NULL, &errors[1]));
      assert_same_error (errors[0], errors[1], names[i]);
      ck_assert (!make_directory (names[i], NULL, &errors[2]));
      ck_assert (!g_file_make_directory (answer.file, NULL, &errors[3]));
      assert_same_error (errors[2], errors[3], names[i]);
      for (guint j = 0; j < 4; j++)
        g_clear_error (&errors[j]);
    }
}
END_TEST

START_TEST (names_stay_when_it_is_cancelled_before)
{
  g_autoptr (GCancellable) cancelled = make_cancelled ();
  g_autoptr (GError) error = NULL;

  make ("file", 1);
  ck_assert (!delete ("file", cancelled, &error));
  assert_cancelled (&error);
  ck_assert (!make_directory ("directory", cancelled, &error));
  assert_cancelled (&error);
  ck_assert (g_file_test ("file", G_FILE_TEST_EXISTS));
  ck_assert (!g_file_test ("directory", G_FILE_TEST_EXISTS));
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, files_of_all_sizes_load);
  tcase_add_test (tcase, files_that_do_not_know_their_size_load);
  tcase_add_test (tcase, what_comes_bit_by_bit_loads);
  tcase_add_test (tcase, what_cannot_be_loaded_gives_gios_errors);
  tcase_add_test (tcase, a_load_can_be_cancelled_at_any_time);
  tcase_add_test (tcase, a_load_that_waits_is_cancelled_from_another_thread);
  tcase_add_test (tcase, a_thousand_files_load_at_once);
  tcase_add_test (tcase, another_thread_loads_in_its_own_context);
  tcase_add_test (tcase, what_is_known_is_what_gio_knows);
  tcase_add_test (tcase, a_query_that_is_cancelled_says_so);
  tcase_add_test (tcase, files_links_and_empty_directories_are_deleted);
  tcase_add_test (tcase, names_that_cannot_be_used_give_gios_errors);
  tcase_add_test (tcase, names_stay_when_it_is_cancelled_before);
}

int
main (void)
{
  Suite *suite = suite_create ("file");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
