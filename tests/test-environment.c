/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 9: a bad environment is told in clear words, and leaves nothing behind. Made for real
 * where that is possible in a test's own child, else at the liburing boundary with --wrap. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "environment.h"
#include "support.h"

int __real_io_uring_queue_init_params (unsigned entries,
                                       struct io_uring *uring,
                                       struct io_uring_params *params);
int __wrap_io_uring_queue_init_params (unsigned entries,
                                       struct io_uring *uring,
                                       struct io_uring_params *params);

/* Newer versions of liburing ask for it themselves, and do without where it is not known. */
#define SETUP_NO_SQARRAY (1u << 16)

static int setup_fault;     /* what io_uring_setup() answers, if not 0 */
static guint unknown_flags; /* of a kernel that is older */

int
__wrap_io_uring_queue_init_params (unsigned entries,
                                   struct io_uring *uring,
                                   struct io_uring_params *params)
{
  if (setup_fault != 0)
    return setup_fault;
  if (params->flags & unknown_flags)
    return -EINVAL;
  return __real_io_uring_queue_init_params (entries, uring, params);
}

/* The rest of the test runs with a filter that answers @error_number to one system call. */
static void
forbid (guint syscall_number, guint error_number)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, syscall_number, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  ck_assert_int_eq (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ck_assert_int_eq (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static void
assert_not_supported (GIOErrorEnum code)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!guring_is_supported (&error));
  assert_error (error, (gint) code);
  ck_assert (!guring_is_supported (NULL));
}

static void
assert_no_ring (GIOErrorEnum code, const gchar *word)
{
  g_autoptr (GError) error = NULL;
  guint n_descriptors = count_descriptors ();

  ck_assert_ptr_null (guring_ring_new (NULL, 8, &error));
  assert_error (error, (gint) code);
  ck_assert_msg (strstr (error->message, word) != NULL, "no %s in: %s", word, error->message);

  ck_assert_uint_eq (count_descriptors (), n_descriptors);

  g_clear_error (&error);
  ck_assert_ptr_null (guring_ring_get_default (&error));
  assert_error (error, (gint) code);
}

START_TEST (a_kernel_without_it_is_named)
{
  forbid (__NR_io_uring_setup, ENOSYS);
  assert_no_ring (G_IO_ERROR_NOT_SUPPORTED, "Linux 5.1");
  assert_not_supported (G_IO_ERROR_NOT_SUPPORTED);
}
END_TEST

START_TEST (a_seccomp_filter_is_named)
{
  forbid (__NR_io_uring_setup, EPERM);
  assert_no_ring (G_IO_ERROR_PERMISSION_DENIED, "seccomp");
  assert_not_supported (G_IO_ERROR_PERMISSION_DENIED);
}
END_TEST

START_TEST (the_sysctl_is_named)
{
  g_autofree gchar *one = guring_environment_explain_eperm ("1\n", FALSE);
  g_autofree gchar *one_in_group = guring_environment_explain_eperm ("1\n", TRUE);
  g_autofree gchar *two = guring_environment_explain_eperm ("2\n", TRUE);
  g_autofree gchar *zero = guring_environment_explain_eperm ("0\n", FALSE);
  g_autofree gchar *none = guring_environment_explain_eperm (NULL, FALSE);

  ck_assert_ptr_nonnull (strstr (one, "kernel.io_uring_group"));
  ck_assert_ptr_nonnull (strstr (one_in_group, "seccomp"));
  ck_assert_ptr_nonnull (strstr (two, "kernel.io_uring_disabled is 2"));
  ck_assert_ptr_nonnull (strstr (zero, "seccomp"));
  ck_assert_ptr_nonnull (strstr (none, "seccomp"));
}
END_TEST

START_TEST (missing_memory_is_named)
{
  setup_fault = -ENOMEM;
  assert_no_ring (G_IO_ERROR_NO_SPACE, "RLIMIT_MEMLOCK");
  assert_not_supported (G_IO_ERROR_NO_SPACE);
}
END_TEST

/* Down to the last one, which the default context would want. */
START_TEST (missing_descriptors_are_named)
{
  g_autoptr (GError) error = NULL, default_error = NULL;
  guint n_free = (guint) _i;
  int lowest = dup (0);

  close (lowest);
  limit_descriptors ((guint) lowest + n_free);
  ck_assert_ptr_null (guring_ring_new (NULL, 8, &error));
  if (n_free == 0)
    ck_assert_ptr_null (guring_ring_get_default (&default_error));
  raise_descriptor_limit (); /* the sanitizers need some when the test ends */

  assert_error (error, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  ck_assert_ptr_nonnull (strstr (error->message, "RLIMIT_NOFILE"));
  if (n_free == 0)
    assert_error (default_error, G_IO_ERROR_TOO_MANY_OPEN_FILES);
  ck_assert_int_eq (fcntl (lowest, F_GETFD), -1);
}
END_TEST

START_TEST (a_full_system_is_named)
{
  setup_fault = -ENFILE;
  assert_no_ring (G_IO_ERROR_TOO_MANY_OPEN_FILES, "fs.file-max");
}
END_TEST

START_TEST (an_unexpected_error_has_its_words)
{
  setup_fault = -EINVAL;
  assert_no_ring (G_IO_ERROR_INVALID_ARGUMENT, "Invalid argument");
}
END_TEST

START_TEST (a_kernel_that_can_not_tell_a_forked_child_is_named)
{
  forbid (__NR_madvise, EINVAL);
  assert_no_ring (G_IO_ERROR_FAILED, "Linux 4.14");
}
END_TEST

START_TEST (the_variable_switches_it_off_before_any_system_call)
{
  forbid (__NR_io_uring_setup, EPERM); /* and would be noticed */
  g_setenv ("GURING_DISABLE", "1", TRUE);
  assert_no_ring (G_IO_ERROR_NOT_SUPPORTED, "GURING_DISABLE");
  assert_not_supported (G_IO_ERROR_NOT_SUPPORTED);
}
END_TEST

static void
run_one_nop (GuringRing *on)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert (guring_ring_queue (on, &sqe, record_completion, &record, record_notify, NULL) != 0);
  ck_assert_int_eq (guring_ring_iterate (on, TRUE, NULL), 1);
  assert_ended_with (&record, 0);
}

START_TEST (the_variable_may_be_zero_or_empty)
{
  const gchar *values[] = { "", "0" };

  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (GuringRing) made = NULL;

      g_setenv ("GURING_DISABLE", values[i], TRUE);
      ck_assert (guring_is_supported (NULL));
      made = make_ring (8);
      run_one_nop (made);
    }
}
END_TEST

static const struct
{
  guint unknown;
  guint expected;
} kernels[] = {
  { 0, IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL },
  { IORING_SETUP_TASKRUN_FLAG, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL },
  { IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN, IORING_SETUP_SUBMIT_ALL },
  { IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL, 0 },
};

START_TEST (flags_degrade_one_by_one)
{
  g_autoptr (GuringRing) made = NULL;
  guint flags;

  unknown_flags = kernels[_i].unknown;
  made = make_ring (8);
  g_object_get (made, "setup-flags", &flags, NULL);
  ck_assert_uint_eq (flags & ~SETUP_NO_SQARRAY, kernels[_i].expected);
  run_one_nop (made);
}
END_TEST

START_TEST (a_filter_of_later_ends_operations_and_no_more)
{
  g_autoptr (GuringRing) made = make_ring (8);
  g_autoptr (GError) error = NULL;
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  io_uring_prep_nop (&sqe);
  ck_assert (guring_ring_queue (made, &sqe, record_completion, &record, record_notify, NULL) != 0);
  forbid (__NR_io_uring_enter, EPERM);

  ck_assert_int_eq (guring_ring_iterate (made, TRUE, NULL), 1);
  assert_ended_with (&record, -EPERM);
  ck_assert_uint_eq (guring_ring_queue (made, &sqe, NULL, NULL, NULL, &error), 0);
  assert_error (error, G_IO_ERROR_PERMISSION_DENIED);
  ck_assert_ptr_nonnull (strstr (error->message, "seccomp"));
}
END_TEST

START_TEST (without_a_descriptor_to_wait_with_iterate_fails_and_the_loop_goes_on)
{
  g_autoptr (GuringRing) made = make_ring (8);
  g_autoptr (GError) error = NULL;
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };
  gchar byte = 0;
  int pipe_fds[2];

  make_pipe (pipe_fds);
  io_uring_prep_read (&sqe, pipe_fds[0], &byte, 1, 0);
  ck_assert (guring_ring_queue (made, &sqe, record_completion, &record, record_notify, NULL) != 0);

  forbid (__NR_eventfd2, EMFILE);
  ck_assert_int_eq (guring_ring_iterate (made, TRUE, &error), -1);
  assert_error (error, G_IO_ERROR_TOO_MANY_OPEN_FILES);

  write_byte (pipe_fds[1]);
  while (record.n_final == 0)
    g_main_context_iteration (NULL, TRUE);
  assert_ended_with (&record, 1);
  close_pipe (pipe_fds);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("environment");
  TCase *blocked = add_case (suite, "blocked");
  TCase *usable = add_case (suite, "usable");

  tcase_add_test (blocked, a_kernel_without_it_is_named);
  tcase_add_test (blocked, a_seccomp_filter_is_named);
  tcase_add_test (blocked, the_sysctl_is_named);
  tcase_add_test (blocked, missing_memory_is_named);
  tcase_add_loop_test (blocked, missing_descriptors_are_named, 0, 2);
  tcase_add_test (blocked, a_full_system_is_named);
  tcase_add_test (blocked, an_unexpected_error_has_its_words);
  tcase_add_test (blocked, a_kernel_that_can_not_tell_a_forked_child_is_named);
  tcase_add_test (blocked, the_variable_switches_it_off_before_any_system_call);
  tcase_add_test (usable, the_variable_may_be_zero_or_empty);
  tcase_add_loop_test (usable, flags_degrade_one_by_one, 0, G_N_ELEMENTS (kernels));
  tcase_add_test (usable, a_filter_of_later_ends_operations_and_no_more);
  tcase_add_test (usable, without_a_descriptor_to_wait_with_iterate_fails_and_the_loop_goes_on);
  return run_suite (suite);
}
