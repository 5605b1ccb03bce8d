/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What may be queued, and what is refused with words that help. */

#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

#define ENTRIES 8

static guint64
get_n_queued (void)
{
  GuringStatistics statistics;

  guring_ring_get_statistics (ring, &statistics);
  return statistics.queued;
}

/* INVALID_ARGUMENT with these words, and nothing that could come later */
static void
assert_left_no_trace (GError *error, const gchar *words, const Record *record)
{
  assert_error (error, G_IO_ERROR_INVALID_ARGUMENT);
  ck_assert_msg (strstr (error->message, words) != NULL, "no \"%s\" in: %s", words, error->message);
  assert_counts (0, 0);
  while (g_main_context_iteration (context, FALSE))
    ;
  assert_untouched (record);
}

static void
assert_refused_alone (const struct io_uring_sqe *sqe, const gchar *words)
{
  g_autoptr (GError) error = NULL;
  guint64 n_queued = get_n_queued ();
  Record record = { 0 };

  ck_assert_uint_eq (guring_ring_queue (ring, sqe, record_completion, &record, record_notify,
                                        &error),
                     0);
  ck_assert_uint_eq (get_n_queued (), n_queued);
  assert_left_no_trace (error, words, &record);
}

/* Among nops, at each place. */
static void
assert_refused_in_chain (const struct io_uring_sqe *sqe, const gchar *words, guint first_place)
{
  struct io_uring_sqe nop = { 0 };

  io_uring_prep_nop (&nop);
  for (guint place = first_place; place < 3; place++)
    {
      g_autoptr (GError) error = NULL;
      guint64 n_queued = get_n_queued ();
      guint64 ids[3] = { 1, 2, 3 };
      Record record = { 0 };
      GuringRequest requests[3];

      for (guint i = 0; i < 3; i++)
        requests[i] = request (i == place ? sqe : &nop, &record);
      ck_assert (!guring_ring_queue_chain (ring, requests, 3, ids, &error));
      ck_assert_uint_eq (ids[0] + ids[1] + ids[2], 6);
      ck_assert_uint_eq (get_n_queued (), n_queued);
      assert_left_no_trace (error, words, &record);
    }
}

static void
assert_refused (const struct io_uring_sqe *sqe, const gchar *words)
{
  assert_refused_alone (sqe, words);
  assert_refused_in_chain (sqe, words, 0);
}

START_TEST (skip_success_is_refused)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  sqe.flags |= IOSQE_CQE_SKIP_SUCCESS;
  assert_refused (&sqe, "pass no callback function");
}
END_TEST

START_TEST (a_foreign_user_data_is_refused)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  io_uring_sqe_set_data64 (&sqe, 0xdeadbeef);
  assert_refused (&sqe, "pass yours as an argument");
  assert_refused (&sqe, "zeroed");
}
END_TEST

START_TEST (link_flags_are_refused_where_nothing_follows)
{
  static const guint8 flags[] = { IOSQE_IO_LINK, IOSQE_IO_HARDLINK,
                                  IOSQE_IO_LINK | IOSQE_IO_HARDLINK };
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  sqe.flags |= flags[_i];
  assert_refused_alone (&sqe, "guring_ring_queue_chain()");
  assert_refused_in_chain (&sqe, "no such flag on the last request", 2);
}
END_TEST

START_TEST (a_link_timeout_is_refused_with_nothing_before_it)
{
  struct __kernel_timespec timespec = { .tv_sec = 1 };
  struct io_uring_sqe sqe = { 0 }, nop = { 0 };
  g_autoptr (GError) error = NULL;
  Record record = { 0 };
  GuringRequest requests[2];

  io_uring_prep_link_timeout (&sqe, &timespec, 0);
  assert_refused_alone (&sqe, "guring_ring_queue_chain()");

  io_uring_prep_nop (&nop);
  requests[0] = request (&sqe, &record);
  requests[1] = request (&nop, &record);
  ck_assert (!guring_ring_queue_chain (ring, requests, 2, NULL, &error));
  assert_left_no_trace (error, "needs an operation before it", &record);
}
END_TEST

START_TEST (changing_the_id_of_a_poll_is_refused)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_poll_update (&sqe, 1, 2, POLLIN,
                             IORING_POLL_UPDATE_USER_DATA | IORING_POLL_UPDATE_EVENTS);
  assert_refused (&sqe, "cancel it and queue another");
}
END_TEST

START_TEST (an_unknown_flag_is_refused)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  sqe.flags |= 1 << 7;
  assert_refused (&sqe, "zeroed");
}
END_TEST

static gboolean
may_use_padding (guint8 opcode, guint64 padding)
{
  switch (opcode)
    {
    case IORING_OP_URING_CMD:
      return TRUE;
    case IORING_OP_READV:
    case IORING_OP_WRITEV:
    case IORING_OP_READ_FIXED:
    case IORING_OP_WRITE_FIXED:
    case IORING_OP_READ:
    case IORING_OP_WRITE:
      return padding == 1;
    default:
      return opcode > IORING_OP_SENDMSG_ZC;
    }
}

START_TEST (padding_is_refused_unless_the_opcode_may_use_it)
{
  static const guint64 paddings[] = { 1, 2, G_GUINT64_CONSTANT (1) << 63 };

  for (guint opcode = 0; opcode <= G_MAXUINT8; opcode++)
    for (guint i = 0; i < G_N_ELEMENTS (paddings); i++)
      {
        struct io_uring_sqe sqe = { .opcode = (guint8) opcode, .fd = -1 };
        Record record = { 0 };

        sqe.__pad2[0] = paddings[i];
        if (opcode == IORING_OP_LINK_TIMEOUT)
          assert_refused_in_chain (&sqe, "zeroed", 1);
        else if (!may_use_padding (sqe.opcode, paddings[i]))
          assert_refused (&sqe, "zeroed");
        else
          {
            queue (&sqe, &record);
            run_until (record.n_notified > 0);
            assert_ended (&record);
            ck_assert_int_lt (record.res, 0);
          }
      }
}
END_TEST

START_TEST (a_personality_is_refused_while_none_can_have_been_registered)
{
  struct io_uring_sqe sqe = { 0 };

  io_uring_prep_nop (&sqe);
  sqe.personality = 1;
  assert_refused (&sqe, "zeroed");
}
END_TEST

START_TEST (a_registered_personality_is_used)
{
  struct io_uring_sqe known = { 0 }, unknown = { 0 };
  Record known_record = { 0 }, unknown_record = { 0 };
  int personality = io_uring_register_personality (guring_ring_get_uring (ring));

  ck_assert_int_gt (personality, 0);
  io_uring_prep_nop (&known);
  known.personality = (guint16) personality;
  queue (&known, &known_record);
  io_uring_prep_nop (&unknown);
  unknown.personality = (guint16) (personality + 1);
  queue (&unknown, &unknown_record);

  run_until (known_record.n_notified > 0 && unknown_record.n_notified > 0);
  assert_ended_with (&known_record, 0);
  assert_ended_with (&unknown_record, -EINVAL);
}
END_TEST

static void
prepare_descriptor (struct io_uring_sqe *sqe, guint which)
{
  static struct open_how how = { .flags = O_RDONLY };

  switch (which)
    {
    case 0:
      io_uring_prep_openat (sqe, AT_FDCWD, "/dev/null", O_RDONLY, 0);
      break;
    case 1:
      io_uring_prep_openat2 (sqe, AT_FDCWD, "/dev/null", &how);
      break;
    case 2:
      io_uring_prep_accept (sqe, -1, NULL, NULL, 0);
      break;
    case 3:
      io_uring_prep_multishot_accept (sqe, -1, NULL, NULL, 0);
      break;
    case 4: /* IORING_OP_FIXED_FD_INSTALL of newer headers */
      io_uring_prep_rw (54, sqe, 0, NULL, 0, 0);
      sqe->flags |= IOSQE_FIXED_FILE;
      break;
    default:
      io_uring_prep_socket (sqe, AF_UNIX, SOCK_STREAM, 0, 0);
    }
}

START_TEST (a_descriptor_that_nobody_would_see_is_refused)
{
  struct io_uring_sqe sqe = { 0 };
  g_autoptr (GError) error = NULL, chain_error = NULL;
  Record record = { 0 };
  GuringRequest requests[2];

  prepare_descriptor (&sqe, (guint) _i);
  ck_assert_uint_eq (guring_ring_queue (ring, &sqe, NULL, &record, record_notify, &error), 0);
  assert_left_no_trace (error, "callback function", &record);

  requests[0] = requests[1] = request (&sqe, &record);
  requests[1].func = NULL;
  ck_assert (!guring_ring_queue_chain (ring, requests, 2, NULL, &chain_error));
  assert_left_no_trace (chain_error, "callback function", &record);
}
END_TEST

START_TEST (a_direct_descriptor_needs_no_callback)
{
  struct io_uring_sqe sqe = { 0 }, read_sqe = { 0 };
  g_autoptr (GError) error = NULL;
  Record record = { 0 }, read_record = { 0 };
  gchar byte = 'x';

  ck_assert_int_eq (io_uring_register_files_sparse (guring_ring_get_uring (ring), 2), 0);
  io_uring_prep_openat_direct (&sqe, AT_FDCWD, "/dev/zero", O_RDONLY, 0, 1);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, NULL, &record, record_notify, &error), 0);
  run_until (record.n_notified > 0);
  ck_assert_uint_eq (record.n_final, 0);

  io_uring_prep_read (&read_sqe, 1, &byte, 1, 0);
  read_sqe.flags |= IOSQE_FIXED_FILE;
  queue (&read_sqe, &read_record);
  run_until (read_record.n_notified > 0);
  assert_ended_with (&read_record, 1);
  ck_assert_int_eq (byte, 0);
}
END_TEST

/* Its flags are garbage; without these, its padding; without that, its personality. */
START_TEST (garbage_is_refused_for_every_opcode)
{
  for (guint8 opcode = 0; opcode < IORING_OP_LAST; opcode++)
    {
      struct io_uring_sqe sqe;

      if (opcode == IORING_OP_LINK_TIMEOUT)
        continue;
      memset (&sqe, 0xaa, sizeof sqe);
      sqe.opcode = opcode;
      sqe.flags = 0xaa & ~(IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
      assert_refused (&sqe, "zeroed");
      sqe.flags = 0;
      assert_refused (&sqe, "zeroed");
      sqe.__pad2[0] = 0;
      assert_refused (&sqe, "zeroed");
      sqe.personality = 0;
      assert_refused (&sqe, "zeroed");
    }
}
END_TEST

START_TEST (garbage_with_link_flags_is_refused)
{
  for (guint8 opcode = 0; opcode < IORING_OP_LAST; opcode++)
    {
      struct io_uring_sqe sqe;

      memset (&sqe, 0xaa, sizeof sqe);
      sqe.opcode = opcode;
      assert_refused (&sqe, "");
    }
}
END_TEST

START_TEST (an_empty_chain_is_refused)
{
  g_autoptr (GError) error = NULL;
  Record record = { 0 };

  ck_assert (!guring_ring_queue_chain (ring, NULL, 0, NULL, &error));
  assert_left_no_trace (error, "at least one", &record);
}
END_TEST

/* n nops, of which every other says that it is linked */
static gboolean
queue_nops (guint n, Record *record, GError **error)
{
  GuringRequest requests[ENTRIES + 1];

  for (guint i = 0; i < n; i++)
    {
      struct io_uring_sqe nop = { 0 };

      io_uring_prep_nop (&nop);
      nop.flags |= i % 2 == 0 && i + 1 < n ? IOSQE_IO_LINK : 0;
      requests[i] = request (&nop, record);
    }
  return guring_ring_queue_chain (ring, requests, n, NULL, error);
}

START_TEST (a_chain_longer_than_the_ring_is_refused)
{
  g_autoptr (GError) error = NULL;
  Record record = { 0 };

  ck_assert (!queue_nops (ENTRIES + 1, &record, &error));
  assert_left_no_trace (error, "make the ring with more entries", &record);
}
END_TEST

START_TEST (a_chain_as_long_as_the_ring_is_not_refused_and_its_ids_are_optional)
{
  g_autoptr (GError) error = NULL;
  Record record = { 0 };

  ck_assert (queue_nops (ENTRIES, &record, &error));
  ck_assert_ptr_null (error);
  assert_counts (0, ENTRIES);
  run_until (record.n_notified == ENTRIES);
  ck_assert_uint_eq (record.n_final, ENTRIES);
  ck_assert_int_eq (record.res, 0);
}
END_TEST

START_TEST (a_chain_of_one_is_an_operation)
{
  g_autoptr (GError) error = NULL;
  Record record = { 0 };

  ck_assert (queue_nops (1, &record, &error));
  ck_assert_ptr_null (error);
  run_until (record.n_notified > 0);
  assert_ended_with (&record, 0);
}
END_TEST

START_TEST (callback_and_notify_are_optional)
{
  struct io_uring_sqe sqe = { 0 };
  Record called = { 0 }, notified = { 0 };
  GuringStatistics statistics;

  io_uring_prep_nop (&sqe);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, NULL, NULL, NULL, NULL), 0);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, record_completion, &called, NULL, NULL), 0);
  ck_assert_uint_ne (guring_ring_queue (ring, &sqe, NULL, &notified, record_notify, NULL), 0);
  assert_counts (0, 3);
  run_until ((guring_ring_get_statistics (ring, &statistics), statistics.completed == 3));
  ck_assert_uint_eq (called.n_final, 1);
  ck_assert_uint_eq (called.n_notified, 0);
  ck_assert_uint_eq (notified.n_final, 0);
  ck_assert_uint_eq (notified.n_notified, 1);
}
END_TEST

START_TEST (flags_that_mean_something_are_not_refused)
{
  static const guint8 flags[] = { IOSQE_ASYNC, IOSQE_IO_DRAIN, IOSQE_FIXED_FILE,
                                  IOSQE_BUFFER_SELECT };
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  io_uring_prep_nop (&sqe);
  sqe.flags |= flags[_i];
  queue (&sqe, &record);
  run_until (record.n_notified > 0);
  assert_ended (&record);
  if (flags[_i] == IOSQE_ASYNC || flags[_i] == IOSQE_IO_DRAIN)
    ck_assert_int_eq (record.res, 0);
}
END_TEST

/* The library copies it. */
START_TEST (the_sqe_may_change_after_it_was_queued)
{
  struct io_uring_sqe sqe = { 0 };
  Record record = { 0 };

  io_uring_prep_nop (&sqe);
  queue (&sqe, &record);
  memset (&sqe, 0xaa, sizeof sqe);
  run_until (record.n_notified > 0);
  assert_ended_with (&record, 0);
}
END_TEST

START_TEST (statistics_count_what_was_done)
{
  struct io_uring_sqe nop = { 0 }, poll_sqe = { 0 };
  Record nop_record = { 0 }, poll_record = { 0 };
  GuringStatistics statistics;
  int fds[2];
  guint64 id;

  ck_assert_int_eq (pipe (fds), 0);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_mem_eq (&statistics, &(GuringStatistics){ 0 }, sizeof statistics);

  io_uring_prep_nop (&nop);
  queue (&nop, &nop_record);
  io_uring_prep_poll_multishot (&poll_sqe, fds[0], POLLIN);
  id = queue (&poll_sqe, &poll_record);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_mem_eq (&statistics, (&(GuringStatistics){ .queued = 2, .backlog = 2 }),
                    sizeof statistics);

  ck_assert_int_eq (guring_ring_submit (ring, NULL), 2);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_mem_eq (&statistics,
                    (&(GuringStatistics){
                      .queued = 2, .submitted = 2, .in_flight = 2, .enter_calls = 1 }),
                    sizeof statistics);

  ck_assert_int_eq (write (fds[1], "x", 1), 1);
  run_until (poll_record.n_more == 1);
  ck_assert (guring_ring_cancel (ring, id));
  run_until (poll_record.n_notified > 0);
  guring_ring_get_statistics (ring, &statistics);
  ck_assert_uint_ge (statistics.enter_calls, 2);
  statistics.enter_calls = 0;
  ck_assert_mem_eq (&statistics,
                    (&(GuringStatistics){
                      .queued = 2, .submitted = 2, .completed = 2, .more = 1, .cancels = 1 }),
                    sizeof statistics);
  assert_ended_with (&nop_record, 0);
  assert_ended_with (&poll_record, -ECANCELED);
  close (fds[0]);
  close (fds[1]);
}
END_TEST

START_TEST (a_completion_is_final_unless_more_come)
{
  GuringCompletion completion = { 1, 0, 0 };

  ck_assert (guring_completion_is_final (&completion));
  completion.flags = ~IORING_CQE_F_MORE;
  ck_assert (guring_completion_is_final (&completion));
  completion.flags = IORING_CQE_F_MORE;
  ck_assert (!guring_completion_is_final (&completion));
  completion.flags = ~0u;
  ck_assert (!guring_completion_is_final (&completion));
}
END_TEST

START_TEST (a_negative_result_becomes_an_error)
{
  static const struct
  {
    int error_number;
    GIOErrorEnum code;
  } errors[] = {
    { ECANCELED, G_IO_ERROR_CANCELLED },      { ETIME, G_IO_ERROR_TIMED_OUT },
    { ENOSPC, G_IO_ERROR_NO_SPACE },          { ENOENT, G_IO_ERROR_NOT_FOUND },
    { EACCES, G_IO_ERROR_PERMISSION_DENIED }, { EBADF, G_IO_ERROR_FAILED },
  };

  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      GuringCompletion completion = { 1, -errors[i].error_number, 0 };
      g_autoptr (GError) error = NULL;

      ck_assert (!guring_completion_to_error (&completion, &error));
      assert_error (error, (gint) errors[i].code);
      ck_assert_str_eq (error->message, g_strerror (errors[i].error_number));
      ck_assert (!guring_completion_to_error (&completion, NULL));
    }
}
END_TEST

START_TEST (any_other_result_is_no_error)
{
  static const gint32 results[] = { 0, 1, ENOENT, G_MAXINT32 };

  for (guint i = 0; i < G_N_ELEMENTS (results); i++)
    {
      GuringCompletion completion = { 1, results[i], 0 };
      GError *error = NULL;

      ck_assert (guring_completion_to_error (&completion, &error));
      ck_assert_ptr_null (error);
    }
}
END_TEST

static void
add_refusals (Suite *suite)
{
  TCase *tcase = add_ring_case (suite, "refused");

  tcase_add_test (tcase, skip_success_is_refused);
  tcase_add_test (tcase, a_foreign_user_data_is_refused);
  tcase_add_loop_test (tcase, link_flags_are_refused_where_nothing_follows, 0, 3);
  tcase_add_test (tcase, a_link_timeout_is_refused_with_nothing_before_it);
  tcase_add_test (tcase, changing_the_id_of_a_poll_is_refused);
  tcase_add_test (tcase, an_unknown_flag_is_refused);
  tcase_add_test (tcase, padding_is_refused_unless_the_opcode_may_use_it);
  tcase_add_test (tcase, a_personality_is_refused_while_none_can_have_been_registered);
  tcase_add_loop_test (tcase, a_descriptor_that_nobody_would_see_is_refused, 0, 6);
  tcase_add_test (tcase, garbage_is_refused_for_every_opcode);
  tcase_add_test (tcase, garbage_with_link_flags_is_refused);
  tcase_add_test (tcase, an_empty_chain_is_refused);
  tcase_add_test (tcase, a_chain_longer_than_the_ring_is_refused);
}

static void
add_acceptances (Suite *suite)
{
  TCase *tcase = add_ring_case (suite, "accepted");

  tcase_add_test (tcase, a_registered_personality_is_used);
  tcase_add_test (tcase, a_direct_descriptor_needs_no_callback);
  tcase_add_test (tcase, a_chain_as_long_as_the_ring_is_not_refused_and_its_ids_are_optional);
  tcase_add_test (tcase, a_chain_of_one_is_an_operation);
  tcase_add_test (tcase, callback_and_notify_are_optional);
  tcase_add_loop_test (tcase, flags_that_mean_something_are_not_refused, 0, 4);
  tcase_add_test (tcase, the_sqe_may_change_after_it_was_queued);
  tcase_add_test (tcase, statistics_count_what_was_done);
}

int
main (void)
{
  Suite *suite = suite_create ("requests");
  TCase *tcase = add_case (suite, "completions");

  tcase_add_test (tcase, a_completion_is_final_unless_more_come);
  tcase_add_test (tcase, a_negative_result_becomes_an_error);
  tcase_add_test (tcase, any_other_result_is_no_error);
  add_refusals (suite);
  add_acceptances (suite);
  return run_suite (suite);
}
