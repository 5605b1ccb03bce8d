/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 3, ids don't lie: the registry by itself against a naive model, which remembers every id
 * that was ever given out. */

#include "config.h"

#include <string.h>

#include "input.h"
#include "oracle.h"
#include "registry.h"

#define MAX_USES 512
#define MAX_AT_ONCE 100                                /* more than the first segment has */
#define LAST_GENERATION (GURING_GENERATION_MASK & ~1u) /* of a slot that is free */

typedef enum
{
  LIVE,
  FINISHED,
  FREE,
  FORGOTTEN /* so long ago that its id may come again */
} State;

/* Of a slot */
typedef struct _Use Use;
struct _Use
{
  GuringOperation *operation;
  guint64 id;
  State state;
  Use *previous; /* whose id had the same index */
};

static GuringRegistry registry;
static Use uses[MAX_USES];       /* also what an operation's user data points at */
static Use *last_uses[MAX_USES]; /* by the index in their ids */
static guint n_uses;
static guint n_taken; /* slots that are not free */
static guint n_taken_at_most;

static Use *
get_last_use (guint64 id)
{
  guint32 slot_index = (guint32) id;

  return slot_index < MAX_USES ? last_uses[slot_index] : NULL;
}

static const Use *
find (guint64 id)
{
  const Use *use = get_last_use (id);

  while (use != NULL && (use->id != id || use->state != LIVE))
    use = use->previous;
  return use;
}

static void
check_lookup (guint64 id)
{
  const Use *use = find (id);
  const GuringOperation *operation = guring_registry_lookup (&registry, id);

  oracle_holds ("ids don't lie", operation == (use != NULL ? use->operation : NULL),
                "%016" G_GINT64_MODIFIER "x finds %p", id, (const void *) operation);
  oracle_holds ("ids don't lie", operation == NULL || operation->user_data == use,
                "%016" G_GINT64_MODIFIER "x finds another's data", id);
}

static void
check_new (const Use *use)
{
  const GuringOperation *operation = use->operation;

  oracle_holds ("ids don't lie", use->id != 0 && use->id >> 63 == 0,
                "%016" G_GINT64_MODIFIER "x is reserved", use->id);
  oracle_holds ("a slot is reused clean",
                operation->failure == 0 && !operation->cancelling && operation->callbacks == 0 &&
                  operation->next == NULL,
                "slot %u has something of its last use", operation->index);
  for (const Use *other = use->previous; other != NULL; other = other->previous)
    {
      oracle_holds ("ids don't lie", other->id != use->id || other->state == FORGOTTEN,
                    "%016" G_GINT64_MODIFIER "x comes again", use->id);
      oracle_holds ("a slot has one use at a time",
                    other->operation != operation || other->state >= FREE, "slot %u is taken",
                    operation->index);
    }
}

static void
insert (void)
{
  Use *use = &uses[n_uses++];

  use->operation = guring_registry_insert (&registry);
  use->id = guring_operation_get_id (use->operation);
  use->state = LIVE;
  use->operation->user_data = use;
  n_taken_at_most = MAX (n_taken_at_most, ++n_taken);
  oracle_holds ("no slot is lost", use->operation->index < n_taken_at_most,
                "slot %u for %u operations", use->operation->index, n_taken_at_most);

  use->previous = last_uses[use->operation->index];
  last_uses[use->operation->index] = use;

  check_new (use);
  check_lookup (use->id);
}

/* Returns: (nullable): from one that the input chooses on, the first in this state */
static Use *
choose (FuzzInput *input, State state)
{
  guint first = input_take_below (input, n_uses);

  for (guint i = 0; i < n_uses; i++)
    {
      Use *use = &uses[(first + i) % n_uses];

      if (use->state == state)
        return use;
    }
  return NULL;
}

static void
finish (FuzzInput *input)
{
  Use *use = choose (input, LIVE);

  if (use == NULL)
    return;

  guring_registry_finish (use->operation);
  use->state = FINISHED;
  oracle_holds ("ids don't lie", !guring_operation_is_live (use->operation),
                "slot %u is live after its end", use->operation->index);
  check_lookup (use->id);
}

/* As after the callbacks that ran */
static void
release (FuzzInput *input)
{
  Use *use = choose (input, FINISHED);

  if (use == NULL)
    return;

  guring_registry_release (&registry, use->operation);
  use->state = FREE;
  n_taken--;
  check_lookup (use->id);
}

/* What a use leaves behind */
static void
soil (FuzzInput *input)
{
  const Use *use = choose (input, LIVE);

  if (use == NULL)
    return;

  use->operation->cancelling = TRUE;
  use->operation->failure = -1;
}

/* As after two billion uses of the slot */
static void
wrap (FuzzInput *input)
{
  const Use *use = choose (input, FREE);

  if (use == NULL)
    return;

  for (Use *other = get_last_use (use->id); other != NULL; other = other->previous)
    {
      if (other->state < FREE)
        return;
      other->state = FORGOTTEN;
    }
  use->operation->generation = LAST_GENERATION - 2 * input_take_below (input, 4);
}

static guint64
make_id (FuzzInput *input)
{
  static const guint64 masks[] = {
    G_GUINT64_CONSTANT (1) << 63, G_GUINT64_CONSTANT (1) << 32, G_GUINT64_CONSTANT (2) << 32,
    G_GUINT64_CONSTANT (1) << 31, G_GUINT64_CONSTANT (1) << 26, 1,
  };

  if (n_uses == 0 || input_take_boolean (input))
    return input_take_integer (input, sizeof (guint64));
  return uses[input_take_below (input, n_uses)].id ^ input_take_choice (input, masks);
}

static void
step (FuzzInput *input)
{
  switch (input_take_below (input, 8))
    {
    case 0:
      insert ();
      break;
    case 1:
      for (guint i = input_take_below (input, MAX_AT_ONCE); i > 0 && n_uses < MAX_USES; i--)
        insert ();
      break;
    case 2:
    case 3:
      finish (input);
      break;
    case 4:
      release (input);
      break;
    case 5:
      soil (input);
      break;
    case 6:
      wrap (input);
      break;
    default:
      check_lookup (make_id (input));
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = { data, size };

  n_uses = n_taken = n_taken_at_most = 0;
  memset (last_uses, 0, sizeof last_uses);
  while (!input_is_empty (&input) && n_uses < MAX_USES)
    step (&input);

  for (guint i = 0; i < n_uses; i++)
    check_lookup (uses[i].id);
  guring_registry_clear (&registry);
  return 0;
}
