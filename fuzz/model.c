/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "model.h"
#include "oracle.h"

#define LINK_FLAGS (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)

Model model;

static ModelOperation *
get_last_of_slot (guint64 id)
{
  guint32 slot_index = (guint32) id;

  return slot_index < MODEL_MAX_OPERATIONS ? model.last_of_slot[slot_index] : NULL;
}

static ModelOperation *
find (guint64 id)
{
  ModelOperation *operation = get_last_of_slot (id);

  while (operation != NULL && operation->id != id)
    operation = operation->previous_of_slot;
  return operation;
}

/* What is before it has ended. */
static guint
get_first (void)
{
  while (model.first < model.n_operations && model.operations[model.first].state == MODEL_ENDED)
    model.first++;
  return model.first;
}

guint64
model_get_n_unfinished (void)
{
  return model.expected.queued - model.expected.completed;
}

/* Whether something has not gone to the kernel */
gboolean
model_has_queued (void)
{
  for (guint i = get_first (); i < model.n_operations; i++)
    if (model.operations[i].state == MODEL_QUEUED)
      return TRUE;
  return FALSE;
}

/* What the kernel said */

static void
expect_end (ModelOperation *operation)
{
  operation->state = MODEL_ENDED;
  model.expected.completed++;
}

static void
expect_answer (const struct io_uring_cqe *cqe)
{
  ModelOperation *operation = find (cqe->user_data & ~MODEL_CANCELLATION_BIT);
  gboolean is_wanted =
    operation != NULL && (operation->cancelled || model.closing) && operation->state != MODEL_ENDED;

  if (is_wanted && (cqe->res == -ENOENT || cqe->res == -EALREADY))
    operation->cancel_is_submitted = FALSE;

  if (model.n_cancels_in_flight > 0)
    model.n_cancels_in_flight--;
  else if (is_wanted) /* whether the library has taken it up */
    model.n_perhaps_unknown++;
  else
    model.expected.unknown_completions++;
}

/* Returns: (nullable): the operation whose callback is due */
static ModelOperation *
expect_cqe (const struct io_uring_cqe *cqe)
{
  ModelOperation *operation = find (cqe->user_data);

  if (cqe->user_data & MODEL_CANCELLATION_BIT)
    {
      expect_answer (cqe);
      model.n_unknown_now++;
      return NULL;
    }

  if (operation == NULL || operation->state != MODEL_TAKEN)
    {
      model.expected.unknown_completions++;
      model.n_unknown_now++;
      return NULL;
    }

  model.n_due++;
  if (cqe->flags & IORING_CQE_F_MORE)
    model.expected.more++;
  else
    {
      model.expected.in_flight--;
      expect_end (operation);
    }
  return operation->has_func ? operation : NULL;
}

/* Goes through what the library took from the CQ since the last time.
 *
 * Returns: (nullable): the operation whose callback is due, for the last CQE */
static ModelOperation *
catch_up (void)
{
  guint n_consumed = fake_uring.memory->cq_head - fake_uring.first_cqe;
  ModelOperation *due = NULL;

  oracle_holds ("no CQE is invented", n_consumed <= fake_uring.posted->len, "%u of %u", n_consumed,
                fake_uring.posted->len);
  while (model.n_seen < n_consumed)
    {
      const struct io_uring_cqe *cqe =
        &g_array_index (fake_uring.posted, struct io_uring_cqe, model.n_seen);

      oracle_holds ("exactly once", due == NULL, "no callback for the CQE before %u", model.n_seen);
      due = expect_cqe (cqe);
      model.n_seen++;
    }
  return due;
}

/* What the library did */

static void
check_statistics (GuringRing *ring)
{
  GuringStatistics statistics;
  guint64 unknown, certain = model.expected.unknown_completions;

  guring_ring_get_statistics (ring, &statistics);
  unknown = statistics.unknown_completions;
  oracle_holds ("unknown ids are counted",
                unknown >= certain && unknown <= certain + model.n_perhaps_unknown,
                "%" G_GUINT64_FORMAT " instead of %" G_GUINT64_FORMAT, unknown, certain);

#define CHECK(field, value)                                                                        \
  oracle_holds ("statistics add up", statistics.field == (value),                                  \
                #field ": %" G_GUINT64_FORMAT " instead of %" G_GUINT64_FORMAT, statistics.field,  \
                (guint64) (value))
  CHECK (queued, model.expected.queued);
  CHECK (submitted, model.expected.submitted);
  CHECK (completed, model.expected.completed);
  CHECK (more, model.expected.more);
  CHECK (in_flight, model.expected.in_flight);
  CHECK (backlog, model_get_n_unfinished () - model.expected.in_flight);
  CHECK (cancels, model.expected.cancels);
  CHECK (cq_overflows, fake_uring.n_overflows);
  CHECK (enter_calls, fake_uring.n_enters);
#undef CHECK
}

/* Whether somebody wanted an end of what the kernel has not seen */
static gboolean
may_be_cancelled (const ModelOperation *operation)
{
  if (model.closing)
    return TRUE;

  for (guint i = 0; i < model.n_operations; i++)
    {
      const ModelOperation *other = &model.operations[i];

      /* Of a chain that a short submit cut, the kernel has the beginning. */
      if (other->chain == operation->chain && (other->cancelled || other->state == MODEL_TAKEN ||
                                               (other < operation && other->state == MODEL_ENDED)))
        return TRUE;
    }
  return FALSE;
}

static void
expect_failure (ModelOperation *operation, gint32 res)
{
  oracle_holds ("exactly once", operation->state == MODEL_QUEUED,
                "an end of its own for operation %016" G_GINT64_MODIFIER "x", operation->id);
  oracle_holds ("results are true",
                res == -ECANCELED ? may_be_cancelled (operation)
                                  : fake_uring.failure != 0 && res == -fake_uring.failure,
                "%d for what the kernel never saw", res);
  model.n_due++;
  expect_end (operation);
}

static void
check_error (const GuringCompletion *completion)
{
  g_autoptr (GError) error = NULL;
  gboolean is_fine = guring_completion_to_error (completion, &error);

  oracle_holds ("an error if and only if it failed",
                is_fine == (completion->res >= 0) && is_fine == (error == NULL), "result %d",
                completion->res);
}

static void
check_completion (ModelOperation *operation,
                  ModelOperation *due,
                  const GuringCompletion *completion)
{
  oracle_holds ("ids don't lie", completion->id == operation->id,
                "%016" G_GINT64_MODIFIER "x for %016" G_GINT64_MODIFIER "x", completion->id,
                operation->id);
  if (due == NULL)
    {
      expect_failure (operation, completion->res);
      oracle_holds ("results are true", completion->flags == 0, "flags %x", completion->flags);
    }
  else
    {
      const struct io_uring_cqe *cqe =
        &g_array_index (fake_uring.posted, struct io_uring_cqe, model.n_seen - 1);

      oracle_holds ("ids don't lie", due == operation, "another's callback");
      oracle_holds ("results are true",
                    completion->res == cqe->res && completion->flags == cqe->flags,
                    "%d, %x instead of %d, %x", completion->res, completion->flags, cqe->res,
                    cqe->flags);
    }
  check_error (completion);
}

static void
on_completion (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  ModelOperation *operation = *(ModelOperation **) user_data;

  check_completion (operation, catch_up (), completion);
  oracle_holds ("exactly once", !operation->is_final, "a callback after the last");
  operation->is_final = guring_completion_is_final (completion);
  oracle_holds ("exactly once", operation->is_final == (operation->state == MODEL_ENDED),
                "the end is not told from the others");
  check_statistics (ring);

  operation->n_callbacks++;
  model.in_callback (operation);
  operation->n_callbacks--;
}

static void
on_notify (gpointer user_data)
{
  ModelOperation *operation = *(ModelOperation **) user_data;
  ModelOperation *due = catch_up ();

  oracle_holds ("exactly once", due == NULL, "a notify instead of a callback");
  if (!operation->has_func && operation->state == MODEL_QUEUED)
    expect_failure (operation, fake_uring.failure != 0 ? -fake_uring.failure : -ECANCELED);

  oracle_holds ("notify after the last callback",
                operation->state == MODEL_ENDED && operation->is_final == operation->has_func &&
                  operation->n_callbacks == 0,
                "operation %016" G_GINT64_MODIFIER "x is not over", operation->id);
  oracle_holds ("notify once", operation->user_data != NULL, "it was notified before");
  operation->user_data = NULL;
  g_free (user_data);
}

/* What the harness does */

GuringRequest
model_add (const struct io_uring_sqe *sqe, gboolean has_func, gboolean has_notify)
{
  ModelOperation *operation = &model.operations[model.n_operations++];

  *operation = (ModelOperation){
    .user_data = g_new (ModelOperation *, 1),
    .sqe = *sqe,
    .has_func = has_func,
    .has_notify = has_notify || !has_func,
  };
  *operation->user_data = operation;
  return (GuringRequest){ *sqe, has_func ? on_completion : NULL, operation->user_data,
                          operation->has_notify ? on_notify : NULL };
}

static void
check_id (guint64 id)
{
  oracle_holds ("ids don't lie", id != 0 && (id & MODEL_CANCELLATION_BIT) == 0,
                "%016" G_GINT64_MODIFIER "x is reserved", id);
  oracle_holds ("no slot is lost", (guint32) id < MODEL_MAX_OPERATIONS, "slot %u", (guint32) id);
  oracle_holds ("ids don't lie", find (id) == NULL, "%016" G_GINT64_MODIFIER "x comes again", id);
}

void
model_accept (guint64 id, guint chain)
{
  ModelOperation *operation = &model.operations[model.n_accepted++];

  check_id (id);
  operation->id = id;
  operation->previous_of_slot = get_last_of_slot (id);
  model.last_of_slot[(guint32) id] = operation;
  operation->chain = chain;
  if (operation->sqe.flags & IOSQE_IO_DRAIN)
    model.drains[chain] = TRUE;
  model.expected.queued++;
}

void
model_refuse (guint n)
{
  for (; n > 0; n--)
    g_free (model.operations[--model.n_operations].user_data);
}

void
model_cancel (guint64 id, gboolean accepted)
{
  ModelOperation *operation = id != 0 ? find (id) : NULL;
  gboolean is_live =
    operation != NULL && operation->state != MODEL_ENDED && fake_uring.uring != NULL;

  oracle_holds ("cancel is honest", accepted == is_live, "cancelling %016" G_GINT64_MODIFIER "x",
                id);
  if (!accepted)
    return;
  operation->cancelled = TRUE;
  model.expected.cancels++;
}

void
model_check (void)
{
  oracle_holds ("exactly once", catch_up () == NULL, "no callback for CQE %u", model.n_seen - 1);
  if (model.ring != NULL)
    check_statistics (model.ring);
}

void
model_check_all_ended (void)
{
  catch_up ();
  oracle_holds ("exactly once", model_get_n_unfinished () == 0,
                "%" G_GUINT64_FORMAT " operations have no end", model_get_n_unfinished ());
  for (guint i = 0; i < model.n_operations; i++)
    oracle_holds ("notify once",
                  !model.operations[i].has_notify || model.operations[i].user_data == NULL,
                  "operation %u was not notified", i);
}

/* What the kernel sees */

/* Not of an operation, but of what ends one */
static void
check_cancellation (const struct io_uring_sqe *sqe)
{
  ModelOperation *operation = find (sqe->addr);

  oracle_holds ("cancel is honest",
                sqe->opcode == IORING_OP_ASYNC_CANCEL && operation != NULL &&
                  (operation->cancelled || model.closing) &&
                  sqe->user_data == (sqe->addr | MODEL_CANCELLATION_BIT),
                "nobody asked for the end of %016" G_GINT64_MODIFIER "x", (guint64) sqe->addr);
  oracle_holds ("cancel is honest", operation->state != MODEL_QUEUED,
                "what the kernel never saw is cancelled there");
}

static void
check_content (const struct io_uring_sqe *sqe, const ModelOperation *operation)
{
  struct io_uring_sqe original = *sqe;

  oracle_holds ("chains stay whole",
                ((sqe->flags ^ operation->sqe.flags) & ~(LINK_FLAGS | IOSQE_IO_DRAIN)) == 0,
                "flags %x instead of %x", sqe->flags, operation->sqe.flags);
  oracle_holds ("the kernel gets what was queued",
                (sqe->flags & (IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_DRAIN)) == 0, "flags %x",
                sqe->flags);
  original.flags = operation->sqe.flags;
  original.user_data = 0;
  oracle_holds ("the kernel gets what was queued",
                memcmp (&original, &operation->sqe, sizeof original) == 0, "another SQE");
}

/* @next: (nullable): the SQE behind it in this submission */
static void
check_link (const struct io_uring_sqe *sqe, const struct io_uring_sqe *next)
{
  const ModelOperation *operation = find (sqe->user_data);
  const ModelOperation *successor = next != NULL ? find (next->user_data) : NULL;
  gboolean is_linked = (sqe->flags & LINK_FLAGS) != 0;

  oracle_holds ("chains stay whole",
                is_linked == (successor != NULL && successor->chain == operation->chain),
                "flags %x", sqe->flags);
}

/* What has IOSQE_IO_DRAIN runs alone. */
static void
check_barrier (const ModelOperation *operation)
{
  gboolean drains = model.drains[operation->chain];

  for (guint i = get_first (); i < model.n_operations; i++)
    {
      const ModelOperation *other = &model.operations[i];

      if (other->state == MODEL_TAKEN && other->chain != operation->chain)
        oracle_holds ("drains are barriers", !drains && !model.drains[other->chain],
                      "chain %u overlaps chain %u", operation->chain, other->chain);
    }
}

/* The rest of a chain that was cut must not come later. */
static void
check_order (const ModelOperation *operation, gint first_of_batch)
{
  const ModelOperation *last = model.last_taken >= 0 ? &model.operations[model.last_taken] : NULL;
  gint place = (gint) (operation - model.operations);

  oracle_holds ("first in, first out", place > model.last_taken, "operation %d overtaken by %d",
                place, model.last_taken);
  oracle_holds ("chains stay whole",
                last == NULL || last->chain != operation->chain ||
                  model.last_taken >= first_of_batch,
                "chain %u comes in two submissions", operation->chain);
}

static void
take (const struct io_uring_sqe *sqe, gint first_of_batch)
{
  ModelOperation *operation = find (sqe->user_data);

  check_order (operation, first_of_batch);
  check_barrier (operation);
  operation->state = MODEL_TAKEN;
  model.last_taken = (gint) (operation - model.operations);
  model.expected.submitted++;
  model.expected.in_flight++;
  oracle_holds ("the CQ has room", model.expected.in_flight <= model.cq_entries,
                "%" G_GUINT64_FORMAT " in flight", model.expected.in_flight);
}

void
model_submitting (const struct io_uring_sqe *sqes, guint n_sqes, guint n_taken)
{
  gint first_of_batch = model.last_taken + 1;

  catch_up ();
  for (guint i = 0; i < n_sqes; i++)
    {
      const struct io_uring_sqe *sqe = &sqes[i];
      ModelOperation *operation;

      if (sqe->user_data & MODEL_CANCELLATION_BIT)
        {
          check_cancellation (sqe);
          if (i < n_taken)
            {
              model.n_cancels_in_flight++;
              find (sqe->addr)->cancel_is_submitted = TRUE;
            }
          continue;
        }

      operation = find (sqe->user_data);
      oracle_holds ("exactly once", operation != NULL && operation->state == MODEL_QUEUED,
                    "%016" G_GINT64_MODIFIER "x goes to the kernel", (guint64) sqe->user_data);
      check_content (sqe, operation);
      check_link (sqe, i + 1 < n_sqes ? sqe + 1 : NULL);
      if (i < n_taken)
        take (sqe, first_of_batch);
    }
}

/* Whether it could be submitted */
static gboolean
has_room (const ModelOperation *operation)
{
  if (model.expected.in_flight == 0)
    return TRUE;

  for (guint i = get_first (); i < model.n_operations; i++)
    {
      const ModelOperation *other = &model.operations[i];

      if (other != operation && other->chain == operation->chain)
        return FALSE; /* that depends */
      if (other->state == MODEL_TAKEN && model.drains[other->chain])
        return FALSE;
    }
  return model.expected.in_flight < model.cq_entries && !(operation->sqe.flags & IOSQE_IO_DRAIN);
}

void
model_sleeping (gint timeout)
{
  gboolean is_first = TRUE;

  catch_up ();
  if (timeout >= 0 || fake_uring.failure != 0)
    return;

  for (guint i = get_first (); i < model.n_operations; i++)
    {
      const ModelOperation *operation = &model.operations[i];

      if (operation->state == MODEL_QUEUED && is_first)
        {
          oracle_holds ("wake-ups", !has_room (operation), "operation %u could be submitted", i);
          is_first = FALSE;
        }
      oracle_holds ("cancel is honest",
                    operation->state == MODEL_ENDED || operation->cancel_is_submitted ||
                      !(operation->cancelled || model.closing) || operation->state == MODEL_QUEUED,
                    "operation %u was cancelled, and it sleeps", i);
      oracle_holds ("cancel is honest",
                    operation->state != MODEL_QUEUED || !(operation->cancelled || model.closing),
                    "operation %u waits although it was cancelled", i);
    }
}

void
model_start (void)
{
  model.ring = NULL;
  model.closing = FALSE;
  model.n_operations = model.n_accepted = model.first = model.n_chains = 0;
  model.last_taken = -1;
  model.n_seen = model.n_due = model.n_unknown_now = 0;
  model.n_cancels_in_flight = model.n_perhaps_unknown = 0;
  model.expected = (GuringStatistics){ 0 };
  memset (model.drains, 0, sizeof model.drains);
  memset (model.last_of_slot, 0, sizeof model.last_of_slot);
}

/* Once the ring is gone. Frees what nobody was to be told of: what has no notify, and what leaked,
 * which can only be what the kernel has. */
void
model_clear (void)
{
  for (guint i = 0; i < model.n_operations; i++)
    {
      oracle_holds ("exactly once", model.operations[i].state != MODEL_QUEUED,
                    "what the kernel never saw has no end");
      g_clear_pointer (&model.operations[i].user_data, g_free);
    }
}
