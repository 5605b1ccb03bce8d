/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Returns: (transfer full): the name of the temporary file beside @path, if @n_in_use others are in
 * use */
gchar *guring_temporary_get_path (const gchar *path, guint n_in_use);
/* Returns: whether @fd, which was just made, is ours: nobody sweeps it while it is open */
gboolean guring_temporary_keep (int fd);
/* Returns: whether the file was left behind by somebody who was killed, and is gone now */
gboolean guring_temporary_sweep (const gchar *temporary_path);
/* The others of @path */
void guring_temporary_sweep_others (const gchar *path);

G_END_DECLS
