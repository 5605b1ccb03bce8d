/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "task.h"

G_BEGIN_DECLS

/* @error: (transfer full) (nullable) */
typedef void (*GuringDataCopiedFunc) (GuringTask *task, goffset n_copied, GError *error);

/* Copies all that there is from one file to another, on behalf of a task; neither file position
 * counts. @size: what is expected */
void guring_copy_data (GuringTask *task,
                       int fd_in,
                       int fd_out,
                       goffset size,
                       GFileProgressCallback progress_callback,
                       gpointer progress_callback_data,
                       GuringDataCopiedFunc func);

G_END_DECLS
