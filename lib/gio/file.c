/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the calls on a GFile share. */

#include "config.h"

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
