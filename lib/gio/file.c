/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the calls on a GFile share. */

#include "config.h"

#include <errno.h>

#include "file.h"

const gchar *
guring_file_get_local_path (GFile *file)
{
  return g_file_is_native (file) ? g_file_peek_path (file) : NULL;
}

/* GIO's own, so that the etags of either fit the other */
gchar *
guring_file_make_etag (gint64 seconds, guint32 nanoseconds)
{
  return g_strdup_printf ("%lu:%lu:%lu", (gulong) seconds, (gulong) nanoseconds / 1000,
                          (gulong) nanoseconds);
}

/* A name that the file system does not take is EINVAL. */
void
guring_file_return_name_errno (GuringTask *task, int error_number)
{
  if (error_number == EINVAL)
    guring_task_return_error (task, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_FILENAME,
                                                         "Could not make a file of this name"));
  else
    guring_task_return_errno (task, error_number);
}
