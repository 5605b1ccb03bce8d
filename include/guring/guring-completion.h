/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

/**
 * GuringCompletion: (skip)
 * @id: the operation's id, as guring_ring_queue() returned it
 * @res: the operation's result: what its system call would return, or a negated errno
 * @flags: the `IORING_CQE_F_…` flags that the kernel set
 *
 * What the kernel says of an operation: one CQE.
 *
 * Since: 0.1
 */
typedef struct
{
  guint64 id;
  gint32 res;
  guint32 flags;
} GuringCompletion;

/* Whether no more will come for this operation. */
GURING_AVAILABLE_IN_ALL
gboolean guring_completion_is_final (const GuringCompletion *completion);

/* FALSE and an error if the result is a negated errno. */
GURING_AVAILABLE_IN_ALL
gboolean guring_completion_to_error (const GuringCompletion *completion, GError **error);

G_END_DECLS
