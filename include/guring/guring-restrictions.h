/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring-macros.h>
#include <guring/guring-ring.h>

G_BEGIN_DECLS

#define GURING_TYPE_RESTRICTIONS (guring_restrictions_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringRestrictions, guring_restrictions, GURING, RESTRICTIONS, GObject)

/* What a ring may do; at first nothing. */
GURING_AVAILABLE_IN_ALL
GuringRestrictions *guring_restrictions_new (void);

GURING_AVAILABLE_IN_ALL
void guring_restrictions_allow_opcode (GuringRestrictions *restrictions, guint8 opcode);
GURING_AVAILABLE_IN_ALL
void guring_restrictions_allow_sqe_flags (GuringRestrictions *restrictions, guint8 flags);
GURING_AVAILABLE_IN_ALL
void guring_restrictions_allow_register_opcode (GuringRestrictions *restrictions, guint8 opcode);

/* As guring_ring_new(), for a ring that will never do anything else. */
GURING_AVAILABLE_IN_ALL
GuringRing *guring_ring_new_restricted (GMainContext *context,
                                        guint entries,
                                        GuringRestrictions *restrictions,
                                        GError **error);

G_END_DECLS
