/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The engine without a kernel. CQEs come from the input: of what was queued, and forged ones; so do
 * short submits, errors of io_uring_enter(), overflows. The model knows what the ring must do. */

#include "config.h"

#include <string.h>

#include "fake-uring.h"
#include "model.h"
#include "oracle.h"

#define MAX_CHAIN 20
#define MAX_DEPTH 4

static FuzzInput *input;
static GMainContext *context;
static gboolean polling_context; /* the thread is in the context's poll function */
static guint depth;              /* of callbacks */
static guint n_nested;           /* calls from callbacks that dispatch */
static GSource *turn;            /* the other sources', which is due */
static gboolean has_leaked;      /* as guring_ring_close() said */

static gboolean
is_usable (void)
{
  return !model.closing && fake_uring.failure == 0;
}

/* Queueing */

static void
make_sqe (struct io_uring_sqe *sqe)
{
  guint8 kind = input_take_byte (input);

  *sqe = (struct io_uring_sqe){ 0 };
  io_uring_prep_nop (sqe);
  if (kind < 0xa0)
    return;
  if (kind < 0xc0)
    sqe->flags = IOSQE_IO_DRAIN;
  else if (kind < 0xe0)
    sqe->flags = input_take_byte (input);
  else if (kind < 0xf0)
    {
      io_uring_prep_poll_multishot (sqe, 0, input_take_byte (input));
      sqe->len = input_take_byte (input);
    }
  else
    input_take_bytes (input, sqe, sizeof *sqe);
}

/* What must never be accepted: see guring_ring_queue() */
static void
check_accepted (const struct io_uring_sqe *sqe)
{
  oracle_holds ("what can't be kept is refused",
                sqe->user_data == 0 && !(sqe->flags & IOSQE_CQE_SKIP_SUCCESS) &&
                  sqe->flags < (IOSQE_CQE_SKIP_SUCCESS << 1),
                "flags %x, user_data %" G_GUINT64_FORMAT, sqe->flags, (guint64) sqe->user_data);
  oracle_holds ("what can't be kept is refused",
                (sqe->opcode != IORING_OP_POLL_ADD && sqe->opcode != IORING_OP_POLL_REMOVE) ||
                  !(sqe->len & IORING_POLL_UPDATE_USER_DATA),
                "it would change its id");
}

static void
check_refused (const GError *error, gboolean is_nop)
{
  oracle_holds ("refused with a reason", error != NULL && error->domain == G_IO_ERROR, "no error");
  if (model.closing)
    oracle_holds ("refused with a reason", error->code == G_IO_ERROR_CLOSED, "%s", error->message);
  else if (fake_uring.failure == 0)
    oracle_holds ("refused with a reason", error->code == G_IO_ERROR_INVALID_ARGUMENT && !is_nop,
                  "%s", error->message);
}

static gboolean
is_nop (const struct io_uring_sqe *sqe)
{
  const struct io_uring_sqe nop = { .opcode = IORING_OP_NOP, .flags = sqe->flags, .fd = -1 };

  return memcmp (sqe, &nop, sizeof nop) == 0 && (sqe->flags & ~IOSQE_IO_DRAIN) == 0;
}

static void
queue_one (void)
{
  g_autoptr (GError) error = NULL;
  guint8 choice = input_take_byte (input);
  struct io_uring_sqe sqe;
  GuringRequest request;
  guint64 id;

  if (model.n_operations == MODEL_MAX_OPERATIONS)
    return;

  make_sqe (&sqe);
  request = model_add (&sqe, (choice & 7) != 7, (choice & 8) == 0);
  id =
    guring_ring_queue (model.ring, &sqe, request.func, request.user_data, request.notify, &error);
  if (id == 0)
    {
      check_refused (error, is_nop (&sqe));
      model_refuse (1);
      return;
    }

  check_accepted (&sqe);
  oracle_holds ("what can't be kept is refused", !(sqe.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)),
                "a link to nothing");
  oracle_holds ("refused with a reason", error == NULL && !model.closing, "accepted");
  model_accept (id, model.n_chains++);
}

static void
queue_chain (void)
{
  g_autoptr (GError) error = NULL;
  GuringRequest requests[MAX_CHAIN];
  guint64 ids[MAX_CHAIN];
  guint n = input_take_below (input, MAX_CHAIN);
  guint8 hard = input_take_byte (input);

  if (model.n_operations + n > MODEL_MAX_OPERATIONS)
    return;

  for (guint i = 0; i < n; i++)
    {
      struct io_uring_sqe sqe;

      make_sqe (&sqe);
      if (hard >> i % 8 & 1 && i + 1 < n)
        sqe.flags |= IOSQE_IO_HARDLINK;
      requests[i] = model_add (&sqe, TRUE, TRUE);
    }

  if (!guring_ring_queue_chain (model.ring, requests, n, ids, &error))
    {
      check_refused (error, FALSE);
      model_refuse (n);
      return;
    }

  oracle_holds ("a chain fits the SQ", n <= fake_uring.uring->sq.ring_entries, "%u requests", n);
  for (guint i = 0; i < n; i++)
    {
      check_accepted (&requests[i].sqe);
      model_accept (ids[i], model.n_chains);
    }
  model.n_chains++;
}

static guint64
choose_id (FuzzInput *from)
{
  guint n = input_take_below (from, model.n_operations + 1);

  return n > 0 ? model.operations[n - 1].id : 0;
}

static void
cancel (guint64 id)
{
  model_cancel (id, guring_ring_cancel (model.ring, id));
}

/* Dispatching */

typedef struct
{
  guint n_due, n_unknown, budget, n_nested;
} Frame;

static Frame
enter (void)
{
  Frame frame = { model.n_due, model.n_unknown_now, model.budget, n_nested };

  model.n_due = model.n_unknown_now = 0;
  if (depth > 0)
    n_nested++;
  return frame;
}

/* Returns: how many operations were due */
static guint
leave (const Frame *frame)
{
  guint n_due;

  model_check ();
  n_due = model.n_due;
  oracle_holds ("nobody starves", model.closing || n_due <= MAX (frame->budget, model.budget),
                "%u completions at once", n_due);
  model.n_due = frame->n_due;
  return n_due;
}

static gboolean
on_turn (gpointer user_data)
{
  g_clear_pointer (&turn, g_source_unref);
  return G_SOURCE_REMOVE;
}

/* The others have their turn in the next iteration. */
static void
expect_turn (void)
{
  turn = g_idle_source_new ();
  g_source_set_priority (turn, G_PRIORITY_LOW);
  g_source_set_callback (turn, on_turn, NULL, NULL);
  g_source_attach (turn, context);
}

static void
iterate_context (gboolean may_block)
{
  const GSource *due = turn;
  Frame frame;
  guint n_unknown, n_due;

  if (may_block && (!is_usable () || model_get_n_unfinished () == 0))
    return;

  frame = enter ();
  g_main_context_iteration (context, may_block);
  n_unknown = model.n_unknown_now;
  n_due = leave (&frame);
  model.n_unknown_now = frame.n_unknown;

  oracle_holds ("nobody starves", depth > 0 || due == NULL || due != turn,
                "the others had no turn");
  if (depth == 0 && turn == NULL && frame.n_nested == n_nested &&
      n_due + n_unknown >= frame.budget && frame.budget == model.budget && is_usable ())
    expect_turn ();
}

static void
iterate_ring (gboolean may_block)
{
  g_autoptr (GError) error = NULL;
  Frame frame = enter ();
  gint n = guring_ring_iterate (model.ring, may_block, &error);
  guint n_due = leave (&frame);

  model.n_unknown_now = frame.n_unknown;
  if (model.ring == NULL) /* and it was closed after this call had counted */
    return;
  if (n >= 0)
    oracle_holds ("counts are right", (guint) n == n_due && error == NULL, "%d of %u", n, n_due);
  else
    oracle_holds ("counts are right",
                  n_due == 0 && (!is_usable () || (may_block && fake_uring.fails)) && error != NULL,
                  "%d of %u", n, n_due);
  oracle_holds ("counts are right", n != 0 || !may_block || model_get_n_unfinished () == 0,
                "it did not wait");
}

static void
submit (void)
{
  g_autoptr (GError) error = NULL;
  guint64 before = model.expected.submitted;
  gint n = guring_ring_submit (model.ring, &error);

  oracle_holds ("counts are right",
                n >= 0 ? (guint64) n >= model.expected.submitted - before && error == NULL
                       : error != NULL && !is_usable (),
                "submitted %d", n);
}

static void
close_ring (gint64 timeout)
{
  g_autoptr (GError) error = NULL;
  gboolean was_closed = fake_uring.uring == NULL;
  Frame frame;
  gboolean all_ended;

  model.closing = TRUE;
  frame = enter ();
  all_ended = guring_ring_close (model.ring, timeout, &error);
  model_check ();
  model.n_due = frame.n_due;
  model.n_unknown_now = frame.n_unknown;

  oracle_holds ("close is honest",
                all_ended || timeout >= 0 || fake_uring.failure != 0 || has_leaked,
                "it did not wait");
  has_leaked = has_leaked || !all_ended;
  oracle_holds ("close is honest", all_ended == (error == NULL), "no error");
  oracle_holds ("close is honest", fake_uring.uring == NULL, "it is open");
  oracle_holds ("close is honest", all_ended == (was_closed || model_get_n_unfinished () == 0),
                "%" G_GUINT64_FORMAT " unfinished", model_get_n_unfinished ());
}

static void
drop_ring (void)
{
  model.closing = TRUE;
  g_object_unref (g_steal_pointer (&model.ring));
}

static void
look_around (void)
{
  GMainContext *of_ring;
  guint entries, setup_flags;

  g_object_get (model.ring, "context", &of_ring, "entries", &entries, "setup-flags", &setup_flags,
                NULL);
  oracle_holds ("closed is closed", of_ring == (fake_uring.uring != NULL ? context : NULL),
                "another context");
  g_clear_pointer (&of_ring, g_main_context_unref);
  guring_ring_supports (model.ring, input_take_byte (input));
  oracle_holds ("closed is closed",
                (guring_ring_get_uring (model.ring) == NULL) == (fake_uring.uring == NULL),
                "and it has an io_uring");
}

static void
set_budget (void)
{
  model.budget = 1 + input_take_below (input, 8);
  g_object_set (model.ring, "dispatch-budget", model.budget, NULL);
}

/* What the input decides */

static void
step (void)
{
  switch (input_take_below (input, 20))
    {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      queue_one ();
      break;
    case 5:
    case 6:
      queue_chain ();
      break;
    case 7:
      cancel (choose_id (input));
      break;
    case 8:
      cancel (input_take_integer (input, sizeof (guint64)));
      break;
    case 9:
      submit ();
      break;
    case 10:
    case 11:
      iterate_ring (FALSE);
      break;
    case 12:
      iterate_ring (TRUE);
      break;
    case 13:
      iterate_context (FALSE);
      break;
    case 14:
      iterate_context (TRUE);
      break;
    case 15:
    case 16:
      fake_uring_act ();
      break;
    case 17:
      set_budget ();
      break;
    case 18:
      look_around ();
      break;
    default:
      close_ring ((gint64) input_take_integer (input, 2));
    }
}

static void
in_callback (ModelOperation *operation)
{
  if (model.ring == NULL || depth == MAX_DEPTH || input_is_empty (input))
    return;

  depth++;
  switch (input_take_byte (input))
    {
    case 1:
      cancel (operation->id);
      break;
    case 2:
      drop_ring ();
      break;
    case 3:
      close_ring (-1);
      break;
    case 4:
    case 5:
    case 6:
    case 7:
      step ();
      break;
    default:
      break;
    }
  depth--;
}

static gboolean
meanwhile (void)
{
  guint64 before = model.expected.cancels + model.expected.queued;

  if (model.ring == NULL || !is_usable ())
    return FALSE;

  if (polling_context && input_take_boolean (input))
    queue_one ();
  else
    cancel (choose_id (input));
  return model.expected.cancels + model.expected.queued > before;
}

static int
poll_context (GPollFD *fds, guint n_fds, gint timeout)
{
  int n;

  polling_context = TRUE;
  n = fake_uring_poll (fds, n_fds, timeout);
  polling_context = FALSE;
  return n;
}

static const FakeUringFuncs funcs = { model_submitting, model_sleeping, meanwhile, choose_id };

/* Beginning and end */

typedef enum
{
  IS_THREAD_DEFAULT = 1 << 0,
  IS_DEFAULT_RING = 1 << 1, /* which needs the one before, and the context to go first */
  ENDS_BY_ITSELF = 1 << 2,
  SOURCE_GOES_FIRST = 1 << 3,
  CONTEXT_GOES_FIRST = 1 << 4,
  CLOSES = 1 << 5,
  ASKS_FIRST = 1 << 6,
  FAILS = 1 << 7 /* so do the system calls that are no io_uring's */
} Mode;

static void
ask_first (void)
{
  g_autoptr (GError) error = NULL;
  gboolean is_supported = guring_is_supported (&error);

  oracle_holds ("refused with a reason", is_supported == (error == NULL), "no error");
}

static GuringRing *
make_ring (Mode mode)
{
  g_autoptr (GError) error = NULL;
  guint entries = 1 + input_take_below (input, 8);
  guint cq_entries = input_take_below (input, 17);
  GuringRing *ring;

  if ((mode & IS_DEFAULT_RING) && (mode & IS_THREAD_DEFAULT))
    {
      ring = guring_ring_get_default (&error);
      if (ring != NULL)
        g_object_ref (ring);
    }
  else
    ring = g_initable_new (GURING_TYPE_RING, NULL, &error, "context", context, "entries", entries,
                           "cq-entries", cq_entries, NULL);

  oracle_holds ("refused with a reason", (ring == NULL) == (error != NULL), "no error");
  return ring;
}

/* What the kernel has ends, and once io_uring_enter() has failed, all else. */
static void
run_to_the_end (void)
{
  for (guint n = 0; model.ring != NULL && !model.closing; n++)
    {
      if (fake_uring.failure != 0 ? !model_has_queued () : model_get_n_unfinished () == 0)
        return;
      oracle_holds ("nothing hangs", n < 20 * MODEL_MAX_OPERATIONS, "it does not end");
      iterate_context (fake_uring.failure == 0);
    }
}

static void
end (Mode mode)
{
  if (model.ring != NULL && (mode & ENDS_BY_ITSELF))
    run_to_the_end ();
  if (model.ring != NULL && (mode & CLOSES))
    close_ring (-1);
  if (model.ring != NULL && (mode & SOURCE_GOES_FIRST))
    {
      model.closing = TRUE;
      g_source_destroy (guring_ring_get_source (model.ring));
    }
  model.closing = TRUE;
  if (mode & IS_THREAD_DEFAULT)
    g_main_context_pop_thread_default (context);
  if (turn != NULL)
    g_source_destroy (turn);
  g_clear_pointer (&turn, g_source_unref);
  if (mode & CONTEXT_GOES_FIRST)
    g_clear_pointer (&context, g_main_context_unref);
  if (model.ring != NULL)
    drop_ring ();
  g_clear_pointer (&context, g_main_context_unref);
}

static void
run (Mode mode)
{
  if (mode & ASKS_FIRST)
    ask_first ();
  model.ring = make_ring (mode);
  if (model.ring == NULL)
    return;

  g_object_get (model.ring, "cq-entries", &model.cq_entries, "dispatch-budget", &model.budget,
                NULL);
  while (model.ring != NULL && fake_uring.uring != NULL && !input_is_empty (input))
    {
      step ();
      model_check ();
    }
  if (model.ring != NULL)
    look_around ();
}

const char *__asan_default_options (void);

/* Of what was freed, AddressSanitizer keeps more than an input has, which is 250 KiB at most. By
 * default it keeps a thousand inputs': of that no cache has any, which costs a fifth of the speed.
 */
const char *
__asan_default_options (void)
{
  return "quarantine_size_mb=1";
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  g_unsetenv ("GURING_DISABLE"); /* no kernel is needed */
  oracle_watch_log ("did not end before the ring was closed");
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput all = { data, size };
  Mode mode;

  input = &all;
  depth = n_nested = 0;
  has_leaked = FALSE;
  model_start ();
  model.in_callback = in_callback;
  fake_uring_start (input, &funcs);
  mode = input_take_byte (input);
  fake_uring.fails = (mode & FAILS) != 0;
  if ((mode & IS_DEFAULT_RING) && (mode & IS_THREAD_DEFAULT))
    mode |= CONTEXT_GOES_FIRST;

  /* A new one for each: what an input leaves behind, libFuzzer takes for a leak, and runs it again
   * to be sure. */
  context = g_main_context_new ();
  g_main_context_set_poll_func (context, poll_context);
  if (mode & IS_THREAD_DEFAULT)
    g_main_context_push_thread_default (context);
  run (mode);
  end (mode);

  oracle_holds ("close is honest", fake_uring.uring == NULL, "it is open");
  if (fake_uring.failure == 0 && !has_leaked)
    model_check_all_ended ();
  model_clear ();
  return 0;
}
