/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that stand in line, in each main context.
 *
 * Those that go by the position of a file, or to a pipe or socket, run one after the other for each
 * descriptor: the kernel may run operations in any order and at once, and what is in flight has not
 * moved the position yet. Of those that open descriptors and need memory only some run at once. */

#include "config.h"

#include <errno.h>
#include <pthread.h>

#include "descriptor.h"
#include "task-private.h"
#include "turn.h"

#define MAX_TURNS 64 /* in a line of one kind */

struct _GuringLine
{
  GMainContext *context; /* not owned: the tasks' */
  int fd;
  gboolean writes;     /* where reading and writing have nothing to do with each other */
  GuringStepFunc kind; /* of calls, or NULL: all to the descriptor */
  guint n_forks;       /* then: what the parent has under way is nothing to wait for in a child */

  guint n_turns;  /* under way */
  GQueue waiting; /* GuringTask */
};

static GMutex lock;
static GHashTable *lines; /* (owned) GuringLine: those in which somebody has the turn */
static guint n_forks;     /* between the process that has made them and this one */

static guint
line_hash (gconstpointer key)
{
  const GuringLine *line = key;

  return g_direct_hash (line->context) ^ (2 * (guint) line->fd + (guint) line->writes) ^
         g_direct_hash ((gpointer) line->kind);
}

static gboolean
line_equal (gconstpointer key, gconstpointer other_key)
{
  const GuringLine *line = key, *other = other_key;

  return line->context == other->context && line->fd == other->fd &&
         line->writes == other->writes && line->kind == other->kind &&
         line->n_forks == other->n_forks;
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
leave_cancelled (gpointer task)
{
  if (leave (task))
    guring_task_step_ended (task, -ECANCELED);
  return G_SOURCE_REMOVE;
}

/* In whatever thread cancels; by then its turn may have come. */
static void
on_cancelled (GCancellable *cancellable, gpointer user_data)
{
  GuringTask *task = user_data;
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_static_name (source, "GuringTask");
  g_source_set_priority (source, task->io_priority);
  g_source_set_callback (source, leave_cancelled, g_object_ref (task), g_object_unref);
  g_source_attach (source, task->context);
}

static void
lock_lines (void)
{
  g_mutex_lock (&lock);
}

static void
unlock_lines (void)
{
  g_mutex_unlock (&lock);
}

static void
unlock_lines_in_child (void)
{
  n_forks++;
  g_mutex_unlock (&lock);
}

/* With the lock held. A child must not find it held by a thread that it does not have. */
static void
make_lines (void)
{
  lines = g_hash_table_new_full (line_hash, line_equal, g_free, NULL);
  pthread_atfork (lock_lines, unlock_lines, unlock_lines_in_child);
}

/* With the lock held. Returns: the line, which is made if there is none */
static GuringLine *
get_line (const GuringLine *key)
{
  GuringLine *line;

  if (lines == NULL)
    make_lines ();
  line = g_hash_table_lookup (lines, key);
  if (line == NULL)
    {
      line = g_memdup2 (key, sizeof *key);
      g_hash_table_add (lines, line);
    }
  return line;
}

/* With the lock held. Who cancelled may have done so before the task stood here. */
static void
wait_in_line (GuringTask *task, GuringLine *line)
{
  task->line = line;
  g_queue_push_tail (&line->waiting, task);
  if (g_cancellable_is_cancelled (task->cancellable))
    on_cancelled (task->cancellable, task);
}

/* Returns: whether it has a turn; else, with @may_wait, it waits, and another thread may have it */
static gboolean
enter_line (GuringTask *task, const GuringLine *key, gboolean may_wait)
{
  guint max_turns = key->kind != NULL ? MAX_TURNS : 1;
  GuringLine *line;
  gboolean has_turn;

  g_mutex_lock (&lock);
  line = get_line (key);
  has_turn = line->n_turns < max_turns;
  if (has_turn)
    {
      line->n_turns++;
      task->line = line;
    }
  else if (may_wait)
    wait_in_line (task, line);
  g_mutex_unlock (&lock);
  return has_turn;
}

static void
take (GuringTask *task, const GuringLine *key, GuringStepFunc func)
{
  task->func = func;
  if (enter_line (task, key, FALSE))
    {
      func (task, 0);
      return;
    }

  /* Without the lock: handlers of the application may be at work that want it. */
  if (task->cancellable != NULL)
    task->cancelled_handler =
      g_cancellable_connect (task->cancellable, G_CALLBACK (on_cancelled), task, NULL);
  if (enter_line (task, key, TRUE))
    {
      guring_task_disconnect (task);
      func (task, 0);
    }
}

void
guring_turn_take (GuringTask *task, int fd, gboolean writes, GuringStepFunc func)
{
  GuringLine key = {
    .context = task->context,
    .fd = fd,
    .writes = writes && guring_descriptor_can_poll (fd),
    .n_forks = n_forks,
  };

  take (task, &key, func);
}

void
guring_turn_take_of_kind (GuringTask *task, GuringStepFunc func)
{
  GuringLine key = { .context = task->context, .kind = func, .n_forks = n_forks };

  take (task, &key, func);
}

/* Returns: (nullable): who has the turn now; else the line may be gone */
static GuringTask *
call_next (GuringLine *line)
{
  GuringTask *next;

  g_mutex_lock (&lock);
  next = g_queue_pop_head (&line->waiting);
  if (next == NULL && --line->n_turns == 0)
    g_hash_table_remove (lines, line);
  g_mutex_unlock (&lock);

  if (next != NULL)
    guring_task_disconnect (next);
  return next;
}

void
guring_turn_pass (GuringTask *task)
{
  GuringLine *line = g_steal_pointer (&task->line);
  GuringTask *next;

  if (line == NULL)
    return;

  next = call_next (line);
  for (; next != NULL && guring_task_is_interrupted (next); next = call_next (line))
    {
      next->line = NULL; /* else it would pass, and so on: a deep recursion */
      guring_task_return_errno (next, ECANCELED);
    }

  if (next != NULL)
    next->func (next, 0);
}
