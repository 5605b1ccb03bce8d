/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

/* Returns: (transfer full) (nullable): what whoever made it can't change any more */
GuringRestrictions *guring_restrictions_copy (GuringRestrictions *restrictions);

/* Returns: whether the kernel keeps to them from now on; @uring can't be used else */
gboolean guring_restrictions_impose (GuringRestrictions *restrictions, struct io_uring *uring);

/* @restrictions: (nullable): for none */
gboolean guring_restrictions_allow (GuringRestrictions *restrictions,
                                    guint8 opcode,
                                    guint8 sqe_flags,
                                    GError **error);
gboolean guring_restrictions_allow_register (GuringRestrictions *restrictions,
                                             guint8 opcode,
                                             GError **error);

G_END_DECLS
