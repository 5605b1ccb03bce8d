/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of guring-file.h share. */

#pragma once

#include "io-support.h"

/* The calls as if they were synchronous */
GFileInputStream *file_read (const gchar *name, GCancellable *cancellable, GError **error);
GFileOutputStream *file_create (const gchar *name, GFileCreateFlags flags, GError **error);
GFileOutputStream *file_append_to (const gchar *name, GFileCreateFlags flags, GError **error);
GFileOutputStream *file_replace (const gchar *name,
                                 const gchar *etag,
                                 gboolean make_backup,
                                 GFileCreateFlags flags,
                                 GError **error);
gboolean close_async (gpointer stream, GCancellable *cancellable, GError **error);

/* A file that holds "old" */
void make_old (const gchar *name);
gboolean is_old (const gchar *name);

void assert_new (const gchar *name, gsize size); /* it holds what make() made */

void remove_all (void); /* that is in the test's directory: what GIO could have left, too */
void give_away (const gchar *name); /* to another user and group, if this process may do so */

guint count_names (const gchar *path);
struct stat get_status (const gchar *name); /* of a link itself */

/* Both are NULL, or have the same code; says @name if not. */
void assert_same_error (const GError *error, const GError *expected, const gchar *name);
