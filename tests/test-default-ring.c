/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ring that a context has by itself, or that was made its default one. */

#include "config.h"

#include "support.h"

#define CQ_ENTRIES 8192
#define MORE_THAN_BY_DEFAULT 5000

static void
setup (void)
{
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  make_pipe (ends);
  ring = make_ring (8);
}

static void
teardown (void)
{
  g_clear_object (&ring);
  close_pipe (ends);
  g_main_context_pop_thread_default (context);
  g_clear_pointer (&context, g_main_context_unref);
}

static void
assert_is_made_default (void)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (guring_ring_make_default (ring, &error), "%s",
                 error != NULL ? error->message : "no error");
  ck_assert_ptr_null (error);
  ck_assert_ptr_eq (guring_ring_get_default (NULL), ring);
}

static void
assert_is_not_made_default (GIOErrorEnum code)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!guring_ring_make_default (ring, &error));
  assert_error (error, (gint) code);
}

static void
on_read (GObject *source, GAsyncResult *result, gpointer n_read)
{
  *(gssize *) n_read = guring_read_into_finish (result, NULL);
}

START_TEST (calls_of_gio_go_through_it)
{
  GuringStatistics statistics;
  gssize n_read = 0;
  gchar byte = 0;

  assert_is_made_default ();
  write_byte (ends[1]);
  guring_read_into_async (ends[0], &byte, 1, -1, G_PRIORITY_DEFAULT, NULL, on_read, &n_read);
  run_until (n_read != 0);

  ck_assert_int_eq (n_read, 1);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.completed, 1);
}
END_TEST

static gboolean
on_readable (gint fd, GIOCondition condition, gpointer data)
{
  return G_SOURCE_REMOVE;
}

START_TEST (more_may_wait_than_in_the_one_that_comes_by_itself)
{
  GuringFdWatch *watches[MORE_THAN_BY_DEFAULT];
  GuringStatistics statistics;

  g_clear_object (&ring);
  ring = g_initable_new (GURING_TYPE_RING, NULL, NULL, "cq-entries", CQ_ENTRIES, NULL);
  ck_assert_ptr_nonnull (ring);
  assert_is_made_default ();
  for (guint i = 0; i < MORE_THAN_BY_DEFAULT; i++)
    watches[i] = guring_fd_watch_new (NULL, ends[0], G_IO_IN, on_readable, NULL, NULL, NULL);

  guring_ring_submit (ring, NULL);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_eq (statistics.in_flight, MORE_THAN_BY_DEFAULT);
  for (guint i = 0; i < MORE_THAN_BY_DEFAULT; i++)
    guring_fd_watch_destroy (watches[i]);
}
END_TEST

START_TEST (it_stays_as_long_as_its_context)
{
  GuringRing *left = ring;

  assert_is_made_default ();
  g_object_add_weak_pointer (G_OBJECT (ring), (gpointer *) &left);
  g_clear_object (&ring);
  ck_assert_ptr_eq (guring_ring_get_default (NULL), left);

  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  ck_assert_ptr_null (left);
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
}
END_TEST

START_TEST (what_was_made_default_can_be_so_again)
{
  assert_is_made_default ();
  assert_is_made_default ();
}
END_TEST

START_TEST (there_is_one_at_most)
{
  GuringRing *by_itself = guring_ring_get_default (NULL);

  ck_assert_ptr_nonnull (by_itself);
  assert_is_not_made_default (G_IO_ERROR_EXISTS);
  ck_assert_ptr_eq (guring_ring_get_default (NULL), by_itself);
}
END_TEST

START_TEST (another_takes_the_place_of_one_that_is_closed)
{
  GuringRing *by_itself = guring_ring_get_default (NULL);

  ck_assert (guring_ring_close (by_itself, -1, NULL));
  assert_is_made_default ();
  ck_assert (guring_ring_close (ring, -1, NULL));
  assert_is_not_made_default (G_IO_ERROR_CLOSED);
  ck_assert_ptr_nonnull (guring_ring_get_default (NULL));
  ck_assert_ptr_ne (guring_ring_get_default (NULL), ring);
}
END_TEST

static gpointer
make_default_elsewhere (gpointer data)
{
  assert_is_not_made_default (G_IO_ERROR_BUSY);
  return NULL;
}

START_TEST (only_the_owner_of_the_context_may)
{
  ck_assert (g_main_context_acquire (context));
  g_thread_join (g_thread_new ("elsewhere", make_default_elsewhere, NULL));
  g_main_context_release (context);
  assert_is_made_default ();
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("default-ring");
  TCase *tcase = add_case (suite, "default-ring");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, calls_of_gio_go_through_it);
  tcase_add_test (tcase, more_may_wait_than_in_the_one_that_comes_by_itself);
  tcase_add_test (tcase, it_stays_as_long_as_its_context);
  tcase_add_test (tcase, what_was_made_default_can_be_so_again);
  tcase_add_test (tcase, there_is_one_at_most);
  tcase_add_test (tcase, another_takes_the_place_of_one_that_is_closed);
  tcase_add_test (tcase, only_the_owner_of_the_context_may);
  return run_suite (suite);
}
