/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <guring/guring.h>
#include <pthread.h>

#include "call.h"
#include "faults.h"
#include "helper.h"
#include "oracle.h"

enum
{
  WAY_SYNCHRONOUS,
  WAY_ASYNCHRONOUS,
  WAY_WITHOUT_CANCELLABLE,
  WAY_CANCELLED_BEFORE,
  WAY_CANCELLED_BEFORE_SYNCHRONOUS,
  WAY_CANCELLED_AT_ONCE,
  WAY_CANCELLED_LATER,
  WAY_CANCELLED_ELSEWHERE, /* from another thread */
  N_WAYS
};

static FuzzInput *input;
static Call calls[2 * CALLS_MAX];
static guint n_calls;
static gboolean starting; /* no callback may come */
static GMainContext *contexts[2];
static GMainContext *context;
static pthread_t thread;
static gboolean no_ring; /* can be made */

int
__real_io_uring_queue_init_params (unsigned entries, struct io_uring *, struct io_uring_params *);
int
__wrap_io_uring_queue_init_params (unsigned entries, struct io_uring *, struct io_uring_params *);

int
__wrap_io_uring_queue_init_params (unsigned entries,
                                   struct io_uring *uring,
                                   struct io_uring_params *params)
{
  int error_number = no_ring ? ENOSYS : faults_fail_setup (uring);

  return error_number != 0 ? -error_number
                           : __real_io_uring_queue_init_params (entries, uring, params);
}

/* The contexts stay, and so does the ring of one; unless it may break. */
void
calls_init (void)
{
  /* Each has descriptors that stay. */
  g_main_context_default ();
  g_type_class_ref (G_TYPE_TASK);
  for (guint i = 0; i < G_N_ELEMENTS (contexts); i++)
    contexts[i] = g_main_context_new ();
  if (faults_may_come ())
    return;

  g_main_context_push_thread_default (contexts[FALSE]);
  if (guring_ring_get_default (NULL) == NULL)
    g_error ("No default ring");
  g_main_context_pop_thread_default (contexts[FALSE]);
}

void
calls_start (FuzzInput *whole, gboolean without)
{
  input = whole;
  n_calls = 0;
  thread = pthread_self ();

  no_ring = without;
  context = contexts[without];
  g_main_context_push_thread_default (context);
}

gboolean
calls_are_left (void)
{
  return n_calls + 16 < G_N_ELEMENTS (calls);
}

static void
rescue (void)
{
  GuringRing *ring = no_ring ? NULL : guring_ring_get_default (NULL);

  if (ring != NULL)
    faults_rescue (ring);
}

/* What runs on when its call has ended, as the close of what was cancelled */
static void
finish_rest (void)
{
  GuringRing *ring = guring_ring_get_default (NULL);
  GuringStatistics statistics = { 0 };

  do
    {
      rescue ();
      while (g_main_context_iteration (context, FALSE))
        ;
      if (ring != NULL)
        guring_ring_get_statistics (ring, &statistics);
      if (statistics.in_flight + statistics.backlog > 0)
        g_main_context_iteration (context, TRUE);
    }
  while (statistics.in_flight + statistics.backlog > 0);
}

/* It may be broken, or not know the kernel's opcodes. */
static void
drop_ring (void)
{
  if (!no_ring && faults_may_come ())
    guring_ring_close (guring_ring_get_default (NULL), -1, NULL);
}

void
calls_end (void)
{
  helper_wait ();
  finish_rest ();
  drop_ring ();
  for (guint i = 0; i < n_calls; i++)
    {
      oracle_holds ("exactly once", calls[i].n_callbacks == (calls[i].async ? 1 : 0),
                    "call %u had %u callbacks", i, calls[i].n_callbacks);
      g_clear_object (&calls[i].result);
      g_clear_object (&calls[i].cancellable);
    }
  g_main_context_pop_thread_default (context);
  no_ring = FALSE;
}

Call *
call_new (gboolean may_be_synchronous)
{
  Call *call = &calls[n_calls++];
  guint way = input_take_below (input, N_WAYS);

  g_assert (n_calls <= G_N_ELEMENTS (calls));
  *call = (Call){ .way = way };
  call->async =
    !may_be_synchronous || (way != WAY_SYNCHRONOUS && way != WAY_CANCELLED_BEFORE_SYNCHRONOUS);
  if (way != WAY_WITHOUT_CANCELLABLE)
    call->cancellable = g_cancellable_new ();
  if (way == WAY_CANCELLED_BEFORE || way == WAY_CANCELLED_BEFORE_SYNCHRONOUS)
    {
      g_cancellable_cancel (call->cancellable);
      call->before = call->cancellable;
    }
  faults_arm ();
  starting = TRUE;
  return call;
}

/* For GIO's own: cancelled if that one was from the start */
Call *
call_new_twin (const Call *call)
{
  Call *twin = &calls[n_calls++];

  *twin = (Call){ .async = call->async, .way = WAY_WITHOUT_CANCELLABLE };
  if (call->before != NULL)
    twin->cancellable = g_object_ref (call->before);
  starting = TRUE;
  return twin;
}

void
call_ready (GObject *source, GAsyncResult *result, gpointer data)
{
  Call *call = data;

  oracle_holds ("callbacks come from the loop", !starting, "call %u", (guint) (call - calls));
  oracle_holds ("callbacks come in the context's thread", pthread_equal (thread, pthread_self ()),
                "call %u", (guint) (call - calls));
  oracle_holds ("exactly once", call->n_callbacks++ == 0, "call %u", (guint) (call - calls));
  call->result = g_object_ref (result);
}

static void
cancel_there (gpointer cancellable, guint64 nothing)
{
  g_cancellable_cancel (cancellable);
  g_object_unref (cancellable);
}

static void
cancel (const Call *call)
{
  if (call->way == WAY_CANCELLED_ELSEWHERE)
    helper_start (cancel_there, g_object_ref (call->cancellable), 0);
  else
    g_cancellable_cancel (call->cancellable);
}

static gboolean
is_cancelled_meanwhile (const Call *call)
{
  return call->way >= WAY_CANCELLED_AT_ONCE;
}

GAsyncResult *
call_wait (Call *call)
{
  guint n = call->way == WAY_CANCELLED_LATER ? input_take_below (input, 4) : 0;

  starting = FALSE;
  for (guint i = 0; i < n; i++)
    g_main_context_iteration (context, FALSE);
  if (is_cancelled_meanwhile (call))
    cancel (call);
  while (call->result == NULL)
    {
      rescue (); /* which may end the call */
      g_main_context_iteration (context, call->result == NULL);
    }
  return call->result;
}

gboolean
call_is_comparable (Call *call, gboolean succeeded, const GError *error)
{
  gboolean have_fired = faults_have_fired ();
  gboolean cancelled = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  starting = FALSE;
  faults_disarm ();
  g_clear_object (&call->result); /* it may hold a stream */

  oracle_holds ("an error if and only if it failed", succeeded == (error == NULL), "%s",
                error != NULL ? error->message : "no error");
  oracle_holds ("cancel is honest",
                !cancelled || call->before != NULL || is_cancelled_meanwhile (call) || have_fired,
                "nobody cancelled call %u", (guint) (call - calls));
  if (cancelled && is_cancelled_meanwhile (call))
    return FALSE;
  return error == NULL || !have_fired;
}
