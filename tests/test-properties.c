/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a ring says of itself. */

#include "config.h"

#include "support.h"

START_TEST (sizes_are_rounded_up)
{
  guint entries, cq_entries, flags;
  GMainContext *its_context;

  g_object_unref (ring);
  ring = make_ring (5);
  g_object_get (ring, "entries", &entries, "cq-entries", &cq_entries, "setup-flags", &flags,
                "context", &its_context, NULL);
  ck_assert_uint_eq (entries, 8);
  ck_assert_uint_eq (cq_entries, 16);
  ck_assert_uint_eq (flags, guring_ring_get_uring (ring)->flags);
  ck_assert_ptr_eq (its_context, context);
  g_main_context_unref (its_context);
}
END_TEST

START_TEST (default_sizes_have_room)
{
  guint entries, cq_entries;

  g_object_unref (ring);
  ring = make_ring (0);
  g_object_get (ring, "entries", &entries, "cq-entries", &cq_entries, NULL);
  ck_assert_uint_gt (entries, 8);
  ck_assert_uint_eq (cq_entries, 4096);
}
END_TEST

START_TEST (initable_takes_the_size_of_the_cq)
{
  g_autoptr (GError) error = NULL;
  guint entries, cq_entries;

  g_object_unref (ring);
  ring = g_initable_new (GURING_TYPE_RING, NULL, &error, "entries", 4, "cq-entries", 100, NULL);
  ck_assert_ptr_nonnull (ring);
  ck_assert_ptr_null (error);
  g_object_get (ring, "entries", &entries, "cq-entries", &cq_entries, NULL);
  ck_assert_uint_eq (entries, 4);
  ck_assert_uint_eq (cq_entries, 128);
}
END_TEST

START_TEST (impossible_sizes_are_refused)
{
  static const guint sizes[][2] = { { 32769, 0 }, { G_MAXUINT, 0 }, { 8, 65537 }, { 8, 4 } };
  g_autoptr (GError) error = NULL;
  guint before = count_descriptors ();

  ck_assert_ptr_null (g_initable_new (GURING_TYPE_RING, NULL, &error, "entries", sizes[_i][0],
                                      "cq-entries", sizes[_i][1], NULL));
  assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);
  ck_assert_uint_eq (count_descriptors (), before);
}
END_TEST

START_TEST (supports_what_the_kernel_has)
{
  ck_assert (guring_ring_supports (ring, IORING_OP_NOP));
  ck_assert (guring_ring_supports (ring, IORING_OP_READ));
  ck_assert (!guring_ring_supports (ring, 255));
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, sizes_are_rounded_up);
  tcase_add_test (tcase, default_sizes_have_room);
  tcase_add_test (tcase, initable_takes_the_size_of_the_cq);
  tcase_add_loop_test (tcase, impossible_sizes_are_refused, 0, 4);
  tcase_add_test (tcase, supports_what_the_kernel_has);
}

int
main (void)
{
  Suite *suite = suite_create ("properties");

  add_tests (add_ring_case (suite, "ring"));
  return run_suite (suite);
}
