/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads and writes that go on until all is done. The task's data is a GuringTransfer. */

#include "config.h"

#include <errno.h>
#include <sys/stat.h>

#include "descriptor.h"
#include "transfer.h"
#include "turn.h"

GuringTransfer *
guring_transfer_new (int fd, gint64 offset, gpointer buffer, gsize count)
{
  GuringTransfer *transfer = g_new0 (GuringTransfer, 1);

  transfer->fd = fd;
  transfer->offset = offset;
  transfer->buffer = buffer;
  transfer->count = count;
  return transfer;
}

void
guring_transfer_free (gpointer data)
{
  GuringTransfer *transfer = data;

  g_clear_pointer (&transfer->bytes, g_bytes_unref);
  g_free (transfer);
}

static guint64
get_offset (const GuringTransfer *transfer)
{
  return transfer->offset < 0 ? (guint64) -1 : (guint64) transfer->offset + transfer->done;
}

/* There may be no buffer for no bytes. */
static gpointer
get_buffer (const GuringTransfer *transfer)
{
  return transfer->done > 0 ? transfer->buffer + transfer->done : transfer->buffer;
}

static guint
get_step (const GuringTransfer *transfer)
{
  return (guint) MIN (transfer->count - transfer->done, GURING_MAX_TRANSFER);
}

/* Only of a regular file can be said that there is more, and that it will come at once. */
static gboolean
has_more (const GuringTransfer *transfer)
{
  struct stat status;

  return fstat (transfer->fd, &status) == 0 && S_ISREG (status.st_mode);
}

static gboolean
is_cancelled (GuringTask *task)
{
  return g_cancellable_is_cancelled (guring_task_get_cancellable (task));
}

static void start (GuringTask *task);

/* What has been read is not lost to an error behind it, which the next read will meet again. */
static void
on_read (GuringTask *task, gint32 res)
{
  GuringTransfer *transfer = guring_task_get_data (task);

  if (res < 0 && transfer->done == 0)
    {
      guring_task_return_errno (task, -res);
      return;
    }

  transfer->done += (gsize) MAX (res, 0);
  if (res <= 0 || transfer->done == transfer->count || is_cancelled (task) || !has_more (transfer))
    guring_task_return (task, (gssize) transfer->done);
  else
    start (task);
}

static void
on_written (GuringTask *task, gint32 res)
{
  GuringTransfer *transfer = guring_task_get_data (task);

  if (res < 0)
    {
      guring_task_return_errno (task, -res);
      return;
    }

  transfer->done += (gsize) res;
  if (transfer->done == transfer->count)
    guring_task_return (task, (gssize) transfer->done);
  else if (res == 0)
    guring_task_return_errno (task, EIO);
  else if (is_cancelled (task))
    guring_task_return_errno (task, ECANCELED);
  else
    start (task);
}

static void
start (GuringTask *task)
{
  GuringTransfer *transfer = guring_task_get_data (task);
  struct io_uring_sqe sqe = { 0 };

  if (transfer->writes)
    io_uring_prep_write (&sqe, transfer->fd, get_buffer (transfer), get_step (transfer),
                         get_offset (transfer));
  else
    io_uring_prep_read (&sqe, transfer->fd, get_buffer (transfer), get_step (transfer),
                        get_offset (transfer));
  if (transfer->writes)
    sqe.flags |= guring_descriptor_get_write_flags (transfer->fd);
  guring_task_run (task, &sqe, transfer->writes ? on_written : on_read);
}

static void
on_turn (GuringTask *task, gint32 res)
{
  if (res < 0)
    guring_task_return_errno (task, -res);
  else
    start (task);
}

static void
begin (GuringTask *task)
{
  const GuringTransfer *transfer = guring_task_get_data (task);

  if (transfer->offset < -1)
    guring_task_return_errno (task, EINVAL);
  else if (transfer->offset < 0)
    guring_turn_take (task, transfer->fd, transfer->writes, on_turn);
  else
    start (task);
}

void
guring_transfer_read (GuringTask *task)
{
  begin (task);
}

void
guring_transfer_write (GuringTask *task)
{
  GuringTransfer *transfer = guring_task_get_data (task);

  transfer->writes = TRUE;
  begin (task);
}
