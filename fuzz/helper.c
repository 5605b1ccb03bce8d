/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <pthread.h>

#include "helper.h"

#define MAX_TASKS 64

typedef struct
{
  HelperFunc func;
  gpointer object;
  guint64 argument;
} Task;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static Task tasks[MAX_TASKS];
static guint n_started;
static guint n_done;

static gpointer
run (gpointer data)
{
  pthread_mutex_lock (&lock);
  while (TRUE)
    {
      Task task;

      while (n_done == n_started)
        pthread_cond_wait (&changed, &lock);

      task = tasks[n_done % MAX_TASKS];
      pthread_mutex_unlock (&lock);
      task.func (task.object, task.argument);
      pthread_mutex_lock (&lock);
      n_done++;
      pthread_cond_broadcast (&changed);
    }
  return NULL;
}

void
helper_init (void)
{
  static gboolean started;

  if (!started)
    g_thread_unref (g_thread_new ("helper", run, NULL));
  started = TRUE;
}

void
helper_start (HelperFunc func, gpointer object, guint64 argument)
{
  pthread_mutex_lock (&lock);
  while (n_started - n_done == MAX_TASKS)
    pthread_cond_wait (&changed, &lock);
  tasks[n_started++ % MAX_TASKS] = (Task){ func, object, argument };
  pthread_cond_broadcast (&changed);
  pthread_mutex_unlock (&lock);
}

void
helper_wait (void)
{
  pthread_mutex_lock (&lock);
  while (n_done != n_started)
    pthread_cond_wait (&changed, &lock);
  pthread_mutex_unlock (&lock);
}
