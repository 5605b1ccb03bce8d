/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A kernel that lacks an opcode: what needs it does without, everything else is on the ring. */

#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connection-support.h"

struct io_uring_probe *__real_io_uring_get_probe_ring (struct io_uring *uring);
struct io_uring_probe *__wrap_io_uring_get_probe_ring (struct io_uring *uring);

static const guint8 opcodes[] = {
  IORING_OP_OPENAT,    IORING_OP_CLOSE,    IORING_OP_READ,     IORING_OP_WRITE,   IORING_OP_FSYNC,
  IORING_OP_STATX,     IORING_OP_RENAMEAT, IORING_OP_UNLINKAT, IORING_OP_SPLICE,  IORING_OP_MKDIRAT,
  IORING_OP_FALLOCATE, IORING_OP_RECV,     IORING_OP_SEND,     IORING_OP_SENDMSG,
};

static gboolean missing[256];

struct io_uring_probe *
__wrap_io_uring_get_probe_ring (struct io_uring *uring)
{
  struct io_uring_probe *probe = __real_io_uring_get_probe_ring (uring);

  for (guint i = 0; i < probe->ops_len; i++)
    if (missing[probe->ops[i].op])
      probe->ops[i].flags &= (guint16) ~IO_URING_OP_SUPPORTED;
  return probe;
}

static gboolean
do_fsync (int fd)
{
  g_auto (Reply) reply = { 0 };

  guring_fsync_async (fd, FALSE, 0, NULL, on_reply, &reply);
  return guring_fsync_finish (await (&reply), NULL);
}

static gboolean
do_fallocate (int fd)
{
  g_auto (Reply) reply = { 0 };

  guring_fallocate_async (fd, 0, 0, 10, 0, NULL, on_reply, &reply);
  return guring_fallocate_finish (await (&reply), NULL);
}

static gssize
do_splice (int fd_in, int fd_out, gsize count)
{
  g_auto (Reply) reply = { 0 };

  guring_splice_async (fd_in, 0, fd_out, -1, count, 0, 0, NULL, on_reply, &reply);
  return guring_splice_finish (await (&reply), NULL);
}

static guint64
get_size (const gchar *path)
{
  g_auto (Reply) reply = { 0 };
  struct statx status = { 0 };

  guring_statx_async (AT_FDCWD, path, 0, STATX_SIZE, 0, NULL, on_reply, &reply);
  ck_assert (guring_statx_finish (await (&reply), &status, NULL));
  return status.stx_size;
}

static void
use_names (void)
{
  g_auto (Reply) made = { 0 }, renamed = { 0 }, unlinked = { 0 };

  guring_mkdir_async ("directory", 0700, 0, NULL, on_reply, &made);
  ck_assert (guring_mkdir_finish (await (&made), NULL));
  guring_rename_async ("file", "directory/file", 0, 0, NULL, on_reply, &renamed);
  ck_assert (guring_rename_finish (await (&renamed), NULL));
  ck_assert_uint_eq (get_size ("directory/file"), 10);
  guring_unlink_async ("directory/file", 0, 0, NULL, on_reply, &unlinked);
  ck_assert (guring_unlink_finish (await (&unlinked), NULL));
  ck_assert_int_eq (rmdir ("directory"), 0);
}

static void
use_descriptors (void)
{
  g_autoptr (GBytes) hello = g_bytes_new_static ("hello", 5);
  int fd = io_open ("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
  int fds[2];

  ck_assert_int_ge (fd, 0);
  ck_assert (io_write (fd, hello, 0, NULL, NULL));
  ck_assert (do_fsync (fd));
  ck_assert (do_fallocate (fd));
  assert_bytes (io_read (fd, 5, 0, NULL), "hello", 5);
  make_pipe (fds);
  ck_assert_int_eq (do_splice (fd, fds[1], 5), 5);
  ck_assert_uint_eq (count_in_pipe (fds[0]), 5);
  close_pipe (fds);
  ck_assert (io_close (fd, NULL));
}

static void
use_connection (void)
{
  g_auto (Pair) pair = { 0 };
  GOutputVector vectors[] = { { "b", 1 }, { "c", 1 } };
  gchar buffer[10] = "";

  pair_init (&pair);
  ck_assert_int_eq (write_async (pair.output, "a", 1, NULL, NULL), 1);
  ck_assert_int_eq (writev_async (pair.output, vectors, 2, NULL), 2);
  ck_assert_int_eq (read (pair.peer, buffer, 10), 3);
  ck_assert_str_eq (buffer, "abc");
  write_byte (pair.peer);
  ck_assert_int_eq (read_async (pair.input, buffer, 10, NULL, NULL), 1);
}

/* Returns: how many operations the ring of a new context got */
static guint64
use_all (void)
{
  GMainContext *outer = context;
  GuringStatistics statistics = { 0 };

  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  use_descriptors ();
  use_names ();
  use_connection ();
  if (guring_ring_get_default (NULL) != NULL)
    guring_ring_get_statistics (guring_ring_get_default (NULL), &statistics);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  context = outer;
  return statistics.queued;
}

START_TEST (what_lacks_one_opcode_does_without_and_the_others_do_not)
{
  guint64 n_all = use_all ();

  for (guint i = 0; i < G_N_ELEMENTS (opcodes); i++)
    {
      guint64 n;

      missing[opcodes[i]] = TRUE;
      n = use_all ();
      missing[opcodes[i]] = FALSE;
      if (!guring_is_supported (NULL))
        continue;
      ck_assert_uint_lt (n, n_all);
      ck_assert_uint_gt (n, n_all / 2);
    }
}
END_TEST

START_TEST (what_lacks_all_opcodes_does_without_the_ring)
{
  memset (missing, TRUE, sizeof missing);
  ck_assert_uint_eq (use_all (), 0);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, what_lacks_one_opcode_does_without_and_the_others_do_not);
  tcase_add_test (tcase, what_lacks_all_opcodes_does_without_the_ring);
}

int
main (void)
{
  Suite *suite = suite_create ("io-opcodes");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
