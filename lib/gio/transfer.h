/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "task.h"

G_BEGIN_DECLS

/* Moving bytes between memory and a descriptor, in as many steps as it takes. */
typedef struct
{
  int fd;
  gint64 offset; /* -1: the file position */
  guint8 *buffer;
  gsize count;
  gsize done;
  gboolean writes;
  GBytes *bytes; /* (nullable): that own the buffer */
} GuringTransfer;

GuringTransfer *guring_transfer_new (int fd, gint64 offset, gpointer buffer, gsize count);
void guring_transfer_free (gpointer transfer);
void guring_transfer_read (GuringTask *task);
void guring_transfer_write (GuringTask *task);

G_END_DECLS
