/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What all suites share. */

#pragma once

#include <check.h>
#include <guring/guring.h>

/* A main context, thread-default, and a ring on it: make them in a checked fixture. */
extern GMainContext *context;
extern GuringRing *ring;

void setup_ring (void);        /* of 8 entries, and so 16 CQ entries */
void teardown_ring (void);     /* fails if the ring still has operations, or somebody a reference */
void drop_ring (void);         /* the last reference: fails if somebody else has one */
GuringRing *make_ring (guint entries);

/* The same with a pipe */
extern int ends[2];

void setup_ring_and_pipe (void);
void teardown_ring_and_pipe (void);

/* What came back of an operation. Pass record_completion, a Record and record_notify. */
typedef struct
{
  guint n_more;            /* completions that were not final */
  guint n_final;
  guint n_notified;
  guint n_before_notify;   /* completions of both kinds, when it was notified */
  gint32 res;              /* of the last completion, like the next two */
  guint32 flags;
  guint64 id;
} Record;

void record_completion (GuringRing *ring, const GuringCompletion *completion, gpointer record);
void record_notify (gpointer record);
guint64 queue (const struct io_uring_sqe *sqe, Record *record); /* fails the test on error */
guint64 queue_nop (Record *record);
gint32 run_operation (const struct io_uring_sqe *sqe); /* its result, when it has ended */
GuringRequest request (const struct io_uring_sqe *sqe, Record *record);

gint submit_ring (void);                /* with guring_ring_submit(): how many */
void assert_submits (gint n);
gint iterate_ring (gboolean may_block); /* with guring_ring_iterate(): how many completions */

/* One final completion, then one notify. */
#define assert_ended(record)                                                                       \
  do                                                                                               \
    {                                                                                              \
      ck_assert_uint_eq ((record)->n_final, 1);                                                    \
      ck_assert_uint_eq ((record)->n_notified, 1);                                                 \
      ck_assert_uint_eq ((record)->n_before_notify, (record)->n_more + 1);                         \
    }                                                                                              \
  while (0)

#define assert_ended_with(record, result)                                                          \
  do                                                                                               \
    {                                                                                              \
      assert_ended (record);                                                                       \
      ck_assert_int_eq ((record)->res, result);                                                    \
    }                                                                                              \
  while (0)

#define assert_untouched(record)                                                                   \
  ck_assert_uint_eq ((record)->n_more + (record)->n_final + (record)->n_notified, 0)

#define assert_error(error, error_code)                                                            \
  do                                                                                               \
    {                                                                                              \
      ck_assert_ptr_nonnull (error);                                                               \
      ck_assert_msg (g_error_matches (error, G_IO_ERROR, error_code), "%s %d: %s",                 \
                     g_quark_to_string ((error)->domain), (error)->code, (error)->message);        \
    }                                                                                              \
  while (0)

/* queued == completed + in_flight + backlog, and these two as given */
void assert_counts (guint64 in_flight, guint64 backlog);

/* Run the context until the condition holds; the test's timeout is the limit. */
#define run_until(condition)                                                                       \
  do                                                                                               \
    while (!(condition))                                                                           \
      g_main_context_iteration (context, TRUE);                                                    \
  while (0)

gpointer run_until_ended (gpointer record); /* a GThreadFunc */

int make_unnamed_file (const gchar *contents, gsize size); /* opened for reading and writing */

guint count_descriptors (void);
guint raise_descriptor_limit (void); /* to what is possible, which it returns; also outside of a test */

/* Returns whether the kernel knows of it: valgrind keeps the limit to itself. */
gboolean limit_descriptors (guint n);

/* A read from an empty pipe ends when somebody writes a byte. */
void make_pipe (int fds[2]);
void close_pipe (int fds[2]);
void write_byte (int fd);
guint64 queue_read_byte (int fd, gchar *byte, Record *record);

/* Returns when the kernel says that the thread sleeps. */
void wait_until_asleep (pid_t thread);

/* A thread that waits until the main one sleeps: join it. */
GThread *write_byte_while_asleep (int fd);

/* A child must not return to Check: it says on stderr what is wrong and exits. */
#define child_assert(condition)                                                                    \
  do                                                                                               \
    if (!(condition))                                                                              \
      {                                                                                            \
        g_printerr ("# in the child, line %d: %s\n", __LINE__, #condition);                        \
        _exit (1);                                                                                 \
      }                                                                                            \
  while (0)

G_NORETURN void end_child (void);  /* it was all right */
void wait_for_child (pid_t child); /* fails the test if it failed */
void run_in_child (void (*test) (void));

/* Returns whether, and tells so: the rest of a test is skipped. */
gboolean skip_if (gboolean missing, const gchar *what);

/* Runs a suite with TAP on stdout; skips it with the reason if it needs io_uring and there is
 * none. Returns the exit status. */
int run_suite (Suite *suite);
int run_suite_without_io_uring (Suite *suite);

/* A test case with a timeout that fits valgrind; with a fixture, its tests have a ring. */
TCase *add_case (Suite *suite, const gchar *name);
TCase *add_ring_case (Suite *suite, const gchar *name);
