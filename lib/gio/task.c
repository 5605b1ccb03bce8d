/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An asynchronous call: one or more operations, then a GAsyncReadyCallback. It is lighter than a
 * GTask, which defers to an idle source what completes in the iteration that it was made in, as
 * most does on a ring: completions come from dispatch and never from within the starting call, so
 * GIO's contract holds without. */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "context.h"
#include "task-private.h"
#include "turn.h"

static gpointer
guring_task_get_user_data (GAsyncResult *result)
{
  return GURING_TASK (result)->user_data;
}

static GObject *
guring_task_get_source_object (GAsyncResult *result)
{
  GuringTask *task = GURING_TASK (result);

  return task->source_object != NULL ? g_object_ref (task->source_object) : NULL;
}

static gboolean
guring_task_is_tagged (GAsyncResult *result, gpointer source_tag)
{
  return GURING_TASK (result)->source_tag == source_tag;
}

static void
guring_task_async_result_iface_init (GAsyncResultIface *iface)
{
  iface->get_user_data = guring_task_get_user_data;
  iface->get_source_object = guring_task_get_source_object;
  iface->is_tagged = guring_task_is_tagged;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (GuringTask,
                               guring_task,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT,
                                                      guring_task_async_result_iface_init))

static void
guring_task_init (GuringTask *task)
{
}

/* What it has, for another call or for good. */
static void
clear (GuringTask *task)
{
  g_clear_pointer (&task->context, g_main_context_unref);
  g_clear_object (&task->source_object);
  g_clear_object (&task->cancellable);
  g_clear_object (&task->ring);
  g_clear_pointer (&task->source, g_source_unref);
  g_clear_error (&task->error);
  g_clear_pointer (&task->path, g_free);
  guring_task_free_data (task);
}

static void
guring_task_finalize (GObject *object)
{
  clear (GURING_TASK (object));

  G_OBJECT_CLASS (guring_task_parent_class)->finalize (object);
}

static void
guring_task_class_init (GuringTaskClass *class)
{
  G_OBJECT_CLASS (class)->finalize = guring_task_finalize;

  /* A write to a peer that has gone is an error here, as in GIO, and no SIGPIPE. */
  g_type_class_unref (g_type_class_ref (G_TYPE_SOCKET));
}

/* Spare tasks. To make and to end a GObject takes half as long as to read a
 * cached page. */

#define MAX_SPARE 256 /* in each thread */

static GPrivate spare_tasks = G_PRIVATE_INIT ((GDestroyNotify) g_ptr_array_unref);

static GuringTask *
take_spare (void)
{
  GPtrArray *tasks = g_private_get (&spare_tasks);

  return tasks != NULL && tasks->len > 0 ? g_ptr_array_steal_index_fast (tasks, tasks->len - 1)
                                         : g_object_new (GURING_TYPE_TASK, NULL);
}

/* Whether nobody else has a reference on it, weak or strong, or has hung something on it. */
static gboolean
is_pristine (GuringTask *task)
{
  GObject *object = G_OBJECT (task);

  return g_atomic_int_get (&object->ref_count) == 1 && object->qdata == NULL;
}

static void
drop (GuringTask *task)
{
  GPtrArray *tasks = g_private_get (&spare_tasks);

  if (tasks == NULL)
    {
      tasks = g_ptr_array_new_with_free_func (g_object_unref);
      g_private_set (&spare_tasks, tasks);
    }

  if (tasks->len == MAX_SPARE || !is_pristine (task))
    {
      g_object_unref (task);
      return;
    }

  clear (task);
  memset (&task->context, 0, sizeof *task - G_STRUCT_OFFSET (GuringTask, context));
  g_ptr_array_add (tasks, task);
}

GuringTask *
guring_task_new (gpointer source_object,
                 gpointer source_tag,
                 const gchar *verb,
                 gint io_priority,
                 GCancellable *cancellable,
                 GAsyncReadyCallback callback,
                 gpointer user_data)
{
  GuringTask *task = take_spare ();

  task->context = g_main_context_ref_thread_default ();
  task->thread = g_thread_self ();
  g_set_object (&task->source_object, source_object);
  g_set_object (&task->cancellable, cancellable);
  task->source_tag = source_tag;
  task->verb = verb;
  task->io_priority = io_priority;
  task->callback = callback;
  task->user_data = user_data;
  return task;
}

void
guring_task_set_data (GuringTask *task, gpointer data, GDestroyNotify free_data)
{
  task->data = data;
  task->free_data = free_data;
}

/* Before others have its turn: a result may be kept for long. */
void
guring_task_free_data_at_end (GuringTask *task)
{
  task->frees_data_at_end = TRUE;
}

/* Before the task itself: nobody asks for it any more. */
void
guring_task_free_data (GuringTask *task)
{
  GDestroyNotify free_data = g_steal_pointer (&task->free_data);

  if (free_data != NULL)
    free_data (g_steal_pointer (&task->data));
}

gpointer
guring_task_get_data (GuringTask *task)
{
  return task->data;
}

/* What the SQE of an operation on a name points at. */
const gchar *
guring_task_set_path (GuringTask *task, const gchar *path)
{
  task->path = g_strdup (path);
  return task->path;
}

void
guring_task_set_timeout (GuringTask *task, guint seconds)
{
  task->timeout = seconds;
}

guint
guring_task_get_timeout (GuringTask *task)
{
  return task->timeout;
}

void
guring_task_set_source (GuringTask *task, GSource *source)
{
  g_clear_pointer (&task->source, g_source_unref);
  task->source = g_source_ref (source);
}

/* Its steps are plain system calls, one after the other inside the first guring_task_run(), and
 * nobody is called back. Keep a reference for guring_task_finish(). */
void
guring_task_make_synchronous (GuringTask *task)
{
  task->is_synchronous = TRUE;
}

gint
guring_task_get_priority (GuringTask *task)
{
  return task->io_priority;
}

GCancellable *
guring_task_get_cancellable (GuringTask *task)
{
  return task->cancellable;
}

GMainContext *
guring_task_get_context (GuringTask *task)
{
  return task->context;
}

const struct io_uring_sqe *
guring_task_get_sqe (GuringTask *task)
{
  return &task->sqe;
}

/* The end */

/* The result may be kept for long: what it has open is closed, and others have their turn, before.
 */
void
guring_task_call_back (GuringTask *task)
{
  if (task->frees_data_at_end)
    guring_task_free_data (task);
  guring_turn_pass (task);
  if (task->callback != NULL)
    task->callback (task->source_object, G_ASYNC_RESULT (task), task->user_data);
  drop (task);
}

static gboolean
call_back_once (gpointer user_data)
{
  GuringTask *task = user_data;
  g_autoptr (GMainContext) context = g_main_context_ref (task->context);
  gboolean entered = guring_context_enter (task->context);

  guring_task_call_back (task);
  guring_context_leave (context, entered);
  return G_SOURCE_REMOVE;
}

/* What fails inside the starting call is told from the loop. */
static void
call_back_later (GuringTask *task)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, task->io_priority);
  g_source_set_static_name (source, "GuringTask");
  g_source_set_callback (source, call_back_once, task, NULL);
  g_source_attach (source, task->context);
}

void
guring_task_disconnect (GuringTask *task)
{
  if (task->cancelled_handler != 0)
    g_cancellable_disconnect (task->cancellable, task->cancelled_handler);
  task->cancelled_handler = 0;
}

static void
end (GuringTask *task)
{
  guring_task_disconnect (task);
  if (task->is_synchronous)
    {
      guring_turn_pass (task);
      g_object_unref (task);
    }
  else if (task->in_step)
    task->ended = TRUE;
  else
    call_back_later (task);
}

void
guring_task_return (GuringTask *task, gssize result)
{
  task->result = result;
  end (task);
}

void
guring_task_return_error (GuringTask *task, GError *error)
{
  task->result = -1;
  task->error = error;
  end (task);
}

void
guring_task_return_errno (GuringTask *task, int error_number)
{
  gint code = (gint) g_io_error_from_errno (error_number);
  const gchar *reason = g_strerror (error_number);
  g_autofree gchar *name = NULL;

  if (task->path == NULL || *task->path == '\0')
    {
      guring_task_return_error (task, g_error_new (G_IO_ERROR, code, "Could not %s: %s", task->verb,
                                                   reason));
      return;
    }

  name = g_filename_display_name (task->path); /* a message is UTF-8, a path need not be */
  guring_task_return_error (task, g_error_new (G_IO_ERROR, code, "Could not %s %s: %s", task->verb,
                                               name, reason));
}

void
guring_task_return_res (GuringTask *task, gint32 res)
{
  if (res < 0)
    guring_task_return_errno (task, -res);
  else
    guring_task_return (task, res);
}

gssize
guring_task_finish (GAsyncResult *result, gpointer source_tag, GError **error)
{
  GuringTask *task = (GuringTask *) result;

  g_return_val_if_fail (GURING_IS_TASK (result) && task->source_tag == source_tag, -1);
  g_return_val_if_fail (error == NULL || *error == NULL, -1);

  if (task->error != NULL)
    g_propagate_error (error, g_steal_pointer (&task->error));
  return task->result;
}
