/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "close-support.h"

void
close_ring (gint64 timeout_us)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (guring_ring_close (ring, timeout_us, &error), "%s",
                 error != NULL ? error->message : "no error");
  ck_assert_ptr_null (error);
}

void
assert_closed (void)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  GMainContext *left;
  g_autoptr (GError) error = NULL;
  GuringRequest nop;

  io_uring_prep_nop (&sqe);
  nop = request (&sqe, &record);
  ck_assert_uint_eq (guring_ring_queue (ring, &sqe, record_completion, &record, NULL, &error), 0);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert (!guring_ring_queue_chain (ring, &nop, 1, NULL, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert_int_eq (guring_ring_submit (ring, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);
  g_clear_error (&error);
  ck_assert_int_eq (guring_ring_iterate (ring, TRUE, &error), -1);
  assert_error (error, G_IO_ERROR_CLOSED);

  ck_assert_ptr_null (guring_ring_get_uring (ring));
  ck_assert (!guring_ring_supports (ring, IORING_OP_NOP));
  ck_assert (g_source_is_destroyed (guring_ring_get_source (ring)));
  g_object_get (ring, "context", &left, NULL);
  ck_assert_ptr_null (left);
  assert_untouched (&record);
}

guint
count_workers (const gchar *state)
{
  GDir *dir = g_dir_open ("/proc/self/task", 0, NULL);
  const gchar *name;
  guint n = 0;

  ck_assert_ptr_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree gchar *path = g_strdup_printf ("/proc/self/task/%s/stat", name);
      g_autofree gchar *stat = NULL;

      if (g_file_get_contents (path, &stat, NULL, NULL))
        n += strstr (stat, "(iou-wrk") != NULL && strstr (stat, state) != NULL;
    }
  g_dir_close (dir);
  return n;
}

void
wait_until_workers_sleep (void)
{
  while (count_workers (")") > count_workers (") S "))
    g_thread_yield ();
}
