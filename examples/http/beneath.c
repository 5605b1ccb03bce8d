/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <guring/guring.h>

#include <linux/openat2.h>

#include "beneath.h"

typedef struct
{
  int directory;
  char *path;
  struct open_how how; /* the kernel reads it, and the path, while the operation is in flight */
  BeneathFunc func;
  gpointer user_data;
} Opening;

static void
opening_free (gpointer user_data)
{
  Opening *opening = user_data;

  g_free (opening->path);
  g_free (opening);
}

static void
tell (Opening *opening, int result)
{
  opening->func (result < 0 ? -1 : result, result < 0 ? -result : 0, opening->user_data);
}

static void
on_opened (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  tell (user_data, completion->res);
}

static gboolean
queue_open (GuringRing *ring, Opening *opening)
{
  struct io_uring_sqe sqe = { 0 };

  if (ring == NULL || !guring_ring_supports (ring, IORING_OP_OPENAT2))
    return FALSE;

  io_uring_prep_openat2 (&sqe, opening->directory, opening->path, &opening->how);
  return guring_ring_queue (ring, &sqe, on_opened, opening, opening_free, NULL) != 0;
}

/* Without io_uring */

static void
open_in_thread (GTask *task, gpointer source, gpointer task_data, GCancellable *cancellable)
{
  Opening *opening = task_data;
  long fd =
    syscall (SYS_openat2, opening->directory, opening->path, &opening->how, sizeof opening->how);

  g_task_return_int (task, fd < 0 ? -errno : fd);
}

static void
on_thread_opened (GObject *source, GAsyncResult *result, gpointer user_data)
{
  tell (g_task_get_task_data (G_TASK (result)), (int) g_task_propagate_int (G_TASK (result), NULL));
}

void
beneath_open (int directory, const char *path, BeneathFunc func, gpointer user_data)
{
  Opening *opening = g_new0 (Opening, 1);
  GTask *task;

  opening->directory = directory;
  opening->path = g_strdup (path);
  opening->how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  opening->how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  opening->func = func;
  opening->user_data = user_data;
  if (queue_open (guring_ring_get_default (NULL), opening))
    return;

  task = g_task_new (NULL, NULL, on_thread_opened, NULL);
  g_task_set_task_data (task, opening, opening_free);
  g_task_run_in_thread (task, open_in_thread);
  g_object_unref (task);
}
