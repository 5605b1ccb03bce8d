/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* What is asked of a file, and what statx() said */
typedef struct
{
  gchar **attributes; /* asked for; statx() knows each */
  gchar *basename;    /* NULL: of a descriptor */
  gboolean follow;
  gboolean is_symlink;
  gboolean has_status;
  struct statx status;
  struct statx target_status;
} GuringQuery;

/* NULL if it wants what statx() does not know */
GuringQuery *guring_query_new (const gchar *attributes);
void guring_query_free (gpointer query);
GFileInfo *guring_query_make_info (const GuringQuery *query);

G_END_DECLS
