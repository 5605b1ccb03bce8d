/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two directories with the same in them: what the library does in one, GIO does in the other. */

#pragma once

#include <gio/gio.h>

#define TWINS_FILE_SIZE 20000

enum
{
  MINE,
  THEIRS,
  N_TWINS
};

/* There may be many, one after the other. */
void twins_make (void);

/* Of the newest */
GFile *twins_get_file (guint twin, guint name);
guint twins_get_n_names (void);
gboolean twins_is_plain (guint name);     /* a regular file with one name, or nothing */
gboolean twins_is_link (guint name);      /* a symbolic link */
gint twins_open (guint twin, gint flags); /* the regular file */

void twins_check (void);

/* What there is to compare, as text */
gchar *twins_describe_info (GFileInfo *info);
