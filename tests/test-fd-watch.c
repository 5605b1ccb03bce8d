/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GuringFdWatch: on a ring, and without io_uring (_i == 1). */

#include "config.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

typedef struct
{
  GuringFdWatch *watch;
  guint n_calls;
  guint n_notified;
  GIOCondition condition; /* of the last call */
  void (*act) (gpointer seen);
  gboolean result;
} Seen;

static int sockets[2];

static void
setup (void)
{
  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
}

static void
teardown (void)
{
  close (sockets[0]);
  close (sockets[1]);
  g_main_context_pop_thread_default (context);
  g_clear_pointer (&context, g_main_context_unref);
}

/* The default ring, or none */
static void
choose (int without_io_uring)
{
  if (without_io_uring)
    g_setenv ("GURING_DISABLE", "1", TRUE);
  ring = guring_ring_get_default (NULL);
}

static gboolean
on_ready (gint fd, GIOCondition condition, gpointer data)
{
  Seen *seen = data;

  ck_assert_uint_eq (seen->n_notified, 0);
  seen->n_calls++;
  seen->condition = condition;
  if (seen->act != NULL)
    seen->act (seen);
  ck_assert_uint_eq (seen->n_notified, 0);
  return seen->result;
}

static void
on_notify (gpointer data)
{
  ((Seen *) data)->n_notified++;
}

static void
watch (Seen *seen, int fd, GIOCondition condition)
{
  g_autoptr (GError) error = NULL;

  seen->watch = guring_fd_watch_new (NULL, fd, condition, on_ready, seen, on_notify, &error);
  ck_assert_msg (seen->watch != NULL, "%s", error != NULL ? error->message : "no error");
}

static void
read_byte (gpointer data)
{
  char byte;

  ck_assert_int_eq (read (sockets[0], &byte, 1), 1);
}

static void
destroy (gpointer data)
{
  Seen *seen = data;

  guring_fd_watch_destroy (g_steal_pointer (&seen->watch));
}

static void
iterate_a_while (void)
{
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (context, FALSE);
}

START_TEST (it_calls_back_as_long_as_there_is_something_to_read)
{
  Seen seen = { .act = read_byte, .result = G_SOURCE_CONTINUE };

  choose (_i);
  watch (&seen, sockets[0], G_IO_IN);
  iterate_a_while ();
  ck_assert_uint_eq (seen.n_calls, 0);

  ck_assert_int_eq (write (sockets[1], "abc", 3), 3);
  run_until (seen.n_calls == 3);
  ck_assert_uint_eq (seen.condition, G_IO_IN);
  iterate_a_while ();
  ck_assert_uint_eq (seen.n_calls, 3);

  write_byte (sockets[1]);
  run_until (seen.n_calls == 4);
  destroy (&seen);
  ck_assert_uint_eq (seen.n_notified, 1);
}
END_TEST

/* A ring's turn would be long enough for thousands. */
START_TEST (what_nobody_reads_is_told_a_few_times_an_iteration)
{
  Seen seen = { .result = G_SOURCE_CONTINUE };
  guint n_calls;

  choose (_i);
  watch (&seen, sockets[0], G_IO_IN);
  write_byte (sockets[1]);
  run_until (seen.n_calls > 0);
  for (guint i = 0; i < 20; i++)
    {
      n_calls = seen.n_calls;
      g_main_context_iteration (context, TRUE);
      ck_assert_uint_le (seen.n_calls, n_calls + 8);
    }
  ck_assert_uint_ge (seen.n_calls, 5); /* it goes on */
  destroy (&seen);
}
END_TEST

START_TEST (it_ends_when_the_callback_says_so)
{
  Seen seen = { .result = G_SOURCE_REMOVE };

  choose (_i);
  watch (&seen, sockets[0], G_IO_OUT);
  run_until (seen.n_notified == 1);
  ck_assert_uint_eq (seen.n_calls, 1);
  ck_assert_uint_eq (seen.condition, G_IO_OUT);
  iterate_a_while ();
  ck_assert_uint_eq (seen.n_calls, 1);
}
END_TEST

START_TEST (the_callback_may_destroy_it)
{
  Seen seen = { .act = destroy, .result = G_SOURCE_CONTINUE };

  choose (_i);
  watch (&seen, sockets[0], G_IO_OUT);
  run_until (seen.n_notified == 1);
  iterate_a_while ();
  ck_assert_uint_eq (seen.n_calls, 1);
}
END_TEST

START_TEST (a_hang_up_is_told)
{
  Seen seen = { .result = G_SOURCE_REMOVE };

  choose (_i);
  watch (&seen, sockets[0], G_IO_IN);
  shutdown (sockets[1], SHUT_RDWR);
  run_until (seen.n_notified == 1);
  ck_assert_uint_eq (seen.condition, G_IO_IN | G_IO_HUP);
}
END_TEST

START_TEST (a_descriptor_that_is_not_open_is_told)
{
  Seen seen = { .result = G_SOURCE_REMOVE };
  int closed = dup (sockets[0]);

  choose (_i);
  close (closed);
  watch (&seen, closed, G_IO_IN);
  run_until (seen.n_notified == 1);
  ck_assert_uint_eq (seen.condition, G_IO_NVAL);
}
END_TEST

/* The event is there before the end of the watch, and is not told of the next one. */
START_TEST (a_descriptor_number_that_is_used_again_sees_nothing_old)
{
  Seen old = { .result = G_SOURCE_CONTINUE }, new = { .result = G_SOURCE_CONTINUE };
  int fd = dup (sockets[0]);
  int reused;

  choose (_i);
  watch (&old, fd, G_IO_IN);
  iterate_a_while ();
  write_byte (sockets[1]);
  destroy (&old);
  ck_assert_uint_eq (old.n_notified, 1);
  close (fd);

  reused = dup (sockets[1]);
  ck_assert_int_eq (reused, fd);
  watch (&new, reused, G_IO_IN);
  iterate_a_while ();
  ck_assert_uint_eq (old.n_calls, 0);
  ck_assert_uint_eq (new.n_calls, 0);

  write_byte (sockets[0]);
  run_until (new.n_calls > 0);
  destroy (&new);
  close (reused);
}
END_TEST

START_TEST (a_watch_outlives_its_ring)
{
  g_autoptr (GuringRing) own = make_ring (8);
  Seen seen = { .result = G_SOURCE_CONTINUE };

  seen.watch = guring_fd_watch_new (own, sockets[0], G_IO_IN, on_ready, &seen, on_notify, NULL);
  ck_assert (guring_ring_close (own, -1, NULL));
  ck_assert_uint_eq (seen.n_notified, 0);
  destroy (&seen);
  ck_assert_uint_eq (seen.n_notified, 1);
  ck_assert_uint_eq (seen.n_calls, 0);
}
END_TEST

START_TEST (a_closed_ring_is_refused)
{
  g_autoptr (GuringRing) own = make_ring (8);
  g_autoptr (GError) error = NULL;
  Seen seen = { 0 };

  ck_assert (guring_ring_close (own, -1, NULL));
  ck_assert_ptr_null (
    guring_fd_watch_new (own, sockets[0], G_IO_IN, on_ready, &seen, on_notify, &error));
  assert_error (error, G_IO_ERROR_CLOSED);
  ck_assert_uint_eq (seen.n_notified, 0);
}
END_TEST

/* Against GLib's own source: after each step of a random script both have seen the same. */

static void
take_step (GRand *random)
{
  char bytes[4];
  int end = g_rand_int_range (random, 0, 2);

  if (g_rand_boolean (random))
    ck_assert_int_gt (send (sockets[end], "abcd", (gsize) g_rand_int_range (random, 1, 5), 0), 0);
  else
    recv (sockets[end], bytes, (gsize) g_rand_int_range (random, 1, 5), MSG_DONTWAIT);
}

/* Until the same iteration has had neither of them called, or both. */
static void
assert_agree (Seen *watched, Seen *sourced, GIOCondition expected)
{
  watched->n_calls = sourced->n_calls = 0;
  iterate_a_while ();
  if (expected != 0)
    run_until (watched->n_calls > 0 && sourced->n_calls > 0);
  ck_assert_uint_eq (watched->n_calls > 0, expected != 0);
  ck_assert_uint_eq (sourced->n_calls > 0, expected != 0);
  if (expected == 0)
    return;

  ck_assert_uint_eq (watched->condition, expected);
  ck_assert_uint_eq (sourced->condition, expected);
}

START_TEST (it_agrees_with_glibs_source_on_a_random_script)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (42 + (guint) _i);
  g_autoptr (GSource) source = g_unix_fd_source_new (sockets[0], G_IO_IN);
  Seen watched = { .result = G_SOURCE_CONTINUE }, sourced = { .result = G_SOURCE_CONTINUE };

  choose (_i % 2);
  watch (&watched, sockets[0], G_IO_IN);
  g_source_set_callback (source, G_SOURCE_FUNC (on_ready), &sourced, NULL);
  g_source_attach (source, context);

  for (guint i = 0; i < 300; i++)
    {
      struct pollfd fd = { sockets[0], POLLIN, 0 };

      take_step (random);
      ck_assert_int_ge (poll (&fd, 1, 0), 0);
      assert_agree (&watched, &sourced, (GIOCondition) fd.revents);
    }

  g_source_destroy (source);
  destroy (&watched);
}
END_TEST

/* More than a ring of 8 entries has room for, and the last of them is ready. */
START_TEST (watches_that_a_ring_has_no_room_for_are_heard)
{
  g_autoptr (GuringRing) small = make_ring (8);
  GuringFdWatch *idle[20];
  Seen seen = { .act = read_byte, .result = G_SOURCE_REMOVE };
  int pair[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  for (guint i = 0; i < G_N_ELEMENTS (idle); i++)
    idle[i] = guring_fd_watch_new (small, pair[0], G_IO_IN, on_ready, &seen, NULL, NULL);
  ck_assert_uint_eq (guring_ring_get_room (small), 0);
  ck_assert_ptr_nonnull (
    guring_fd_watch_new (small, sockets[0], G_IO_IN, on_ready, &seen, on_notify, NULL));

  write_byte (sockets[1]);
  run_until (seen.n_notified == 1);
  ck_assert_uint_eq (seen.n_calls, 1);

  for (guint i = 0; i < G_N_ELEMENTS (idle); i++)
    guring_fd_watch_destroy (idle[i]);
  close (pair[0]);
  close (pair[1]);
}
END_TEST

typedef struct
{
  Seen seen;
  GuringRing *ring;
  GuringFdWatch *idle[16];
  int fd; /* that they wait for */
} Greedy;

static void
take_all_room (gpointer data)
{
  Greedy *greedy = data;

  read_byte (data);
  for (guint i = 0; i < G_N_ELEMENTS (greedy->idle) && greedy->idle[i] == NULL; i++)
    greedy->idle[i] =
      guring_fd_watch_new (greedy->ring, greedy->fd, G_IO_IN, on_ready, NULL, NULL, NULL);
  ck_assert_uint_eq (guring_ring_get_room (greedy->ring), 0);
}

START_TEST (a_watch_whose_callback_takes_all_room_is_heard_again)
{
  g_autoptr (GuringRing) small = make_ring (8);
  Greedy greedy = { .seen = { .act = take_all_room, .result = G_SOURCE_CONTINUE }, .ring = small };
  GuringFdWatch *greedy_watch;
  int pair[2];

  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  greedy.fd = pair[0];
  greedy_watch =
    guring_fd_watch_new (small, sockets[0], G_IO_IN, on_ready, &greedy, on_notify, NULL);
  for (guint i = 1; i <= 3; i++)
    {
      write_byte (sockets[1]);
      run_until (greedy.seen.n_calls == i);
    }

  guring_fd_watch_destroy (greedy_watch);
  ck_assert_uint_eq (greedy.seen.n_notified, 1);
  for (guint i = 0; i < G_N_ELEMENTS (greedy.idle); i++)
    guring_fd_watch_destroy (greedy.idle[i]);
  close (pair[0]);
  close (pair[1]);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("fd-watch");
  TCase *tcase = add_case (suite, "watch");
  g_autoptr (GError) error = NULL;

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_loop_test (tcase, it_calls_back_as_long_as_there_is_something_to_read, 0, 2);
  tcase_add_loop_test (tcase, what_nobody_reads_is_told_a_few_times_an_iteration, 0, 2);
  tcase_add_loop_test (tcase, it_ends_when_the_callback_says_so, 0, 2);
  tcase_add_loop_test (tcase, the_callback_may_destroy_it, 0, 2);
  tcase_add_loop_test (tcase, a_hang_up_is_told, 0, 2);
  tcase_add_loop_test (tcase, a_descriptor_that_is_not_open_is_told, 0, 2);
  tcase_add_loop_test (tcase, a_descriptor_number_that_is_used_again_sees_nothing_old, 0, 2);
  tcase_add_loop_test (tcase, it_agrees_with_glibs_source_on_a_random_script, 0, 8);
  if (guring_is_supported (&error))
    {
      tcase_add_test (tcase, a_watch_outlives_its_ring);
      tcase_add_test (tcase, a_closed_ring_is_refused);
      tcase_add_test (tcase, watches_that_a_ring_has_no_room_for_are_heard);
      tcase_add_test (tcase, a_watch_whose_callback_takes_all_room_is_heard_again);
    }
  else
    g_printerr ("# SKIP what needs a ring: %s\n", error->message);
  return run_suite_without_io_uring (suite);
}
