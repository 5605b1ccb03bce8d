/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that stand in line, in each main context.
 *
 * Those that go by the position of a file, or to a pipe or socket, run one after the other for each
 * descriptor: the kernel may run operations in any order and at once, and what is in flight has not
 * moved the position yet. Of those that open descriptors a few run at once. */

#include "config.h"

#include <errno.h>

#include "descriptor.h"
#include "task-private.h"
#include "turn.h"

struct _GuringLine
{
  GMainContext *context; /* not owned: the tasks' */
  int fd;                /* or G_MININT: of none */
  gboolean writes;       /* where reading and writing have nothing to do with each other */

  guint n_turns;  /* under way */
  GQueue waiting; /* GuringTask */
};

static GMutex lock;
static GHashTable *lines; /* (owned) GuringLine: those in which somebody has the turn */

static guint
line_hash (gconstpointer key)
{
  const GuringLine *line = key;

  return g_direct_hash (line->context) ^ (2 * (guint) line->fd + (guint) line->writes);
}

static gboolean
line_equal (gconstpointer key, gconstpointer other_key)
{
  const GuringLine *line = key, *other = other_key;

  return line->context == other->context && line->fd == other->fd && line->writes == other->writes;
}

/* Returns: %FALSE if its turn has come meanwhile */
static gboolean
leave (GuringTask *task)
{
  gboolean left;

  g_mutex_lock (&lock);
  left = task->line != NULL && g_queue_remove (&task->line->waiting, task);
  if (left)
    task->line = NULL;
  g_mutex_unlock (&lock);
  return left;
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  GuringTask *task = user_data;

  if (leave (task))
    guring_task_step_ended (task, -ECANCELED);
  return G_SOURCE_REMOVE;
}

/* With the lock held */
static void
wait_in_line (GuringTask *task)
{
  g_autoptr (GSource) source = g_cancellable_source_new (task->cancellable);

  g_queue_push_tail (&task->line->waiting, task);
  g_source_set_static_name (source, "GuringTask");
  g_source_set_priority (source, task->io_priority);
  g_source_set_callback (source, G_SOURCE_FUNC (on_cancelled), task, NULL);
  g_source_attach (source, task->context);
  guring_task_set_source (task, source);
}

/* With the lock held. Returns: the line, which is made if there is none */
static GuringLine *
get_line (const GuringLine *key)
{
  GuringLine *line;

  if (lines == NULL)
    lines = g_hash_table_new_full (line_hash, line_equal, g_free, NULL);
  line = g_hash_table_lookup (lines, key);
  if (line == NULL)
    {
      line = g_memdup2 (key, sizeof *key);
      g_hash_table_add (lines, line);
    }
  return line;
}

static void
take (GuringTask *task, const GuringLine *key, guint max_turns, GuringStepFunc func)
{
  gboolean has_turn;

  task->func = func;
  g_mutex_lock (&lock);
  task->line = get_line (key);
  has_turn = task->line->n_turns < max_turns;
  if (has_turn)
    task->line->n_turns++;
  else
    wait_in_line (task);
  g_mutex_unlock (&lock);

  if (has_turn)
    func (task, 0);
}

void
guring_turn_take (GuringTask *task, int fd, gboolean writes, GuringStepFunc func)
{
  GuringLine key = { task->context, fd, writes && guring_descriptor_can_poll (fd), 0,
                     G_QUEUE_INIT };

  take (task, &key, 1, func);
}

void
guring_turn_take_one_of (GuringTask *task, guint max_turns, GuringStepFunc func)
{
  GuringLine key = { task->context, G_MININT, FALSE, 0, G_QUEUE_INIT };

  take (task, &key, max_turns, func);
}

/* Returns: (nullable): who has the turn now; else the line may be gone */
static GuringTask *
call_next (GuringLine *line)
{
  GuringTask *next;

  g_mutex_lock (&lock);
  next = g_queue_pop_head (&line->waiting);
  if (next != NULL)
    g_source_destroy (next->source);
  else if (--line->n_turns == 0)
    g_hash_table_remove (lines, line);
  g_mutex_unlock (&lock);
  return next;
}

void
guring_turn_pass (GuringTask *task)
{
  GuringLine *line = g_steal_pointer (&task->line);
  GuringTask *next;

  if (line == NULL)
    return;

  if (line->fd == G_MININT) /* of which a few are under way, for the descriptors that they have */
    guring_task_free_data (task);
  next = call_next (line);
  for (; next != NULL && guring_task_is_interrupted (next); next = call_next (line))
    {
      next->line = NULL; /* else it would pass, and so on: a deep recursion */
      guring_task_return_errno (next, ECANCELED);
    }

  if (next != NULL)
    next->func (next, 0);
}
