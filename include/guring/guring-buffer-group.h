/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring-macros.h>
#include <guring/guring-ring.h>

G_BEGIN_DECLS

#define GURING_TYPE_BUFFER_GROUP (guring_buffer_group_get_type ())
GURING_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (GuringBufferGroup, guring_buffer_group, GURING, BUFFER_GROUP, GObject)

/* Buffers that the kernel takes one of when there is something to receive. */
GURING_AVAILABLE_IN_ALL
GuringBufferGroup *guring_buffer_group_new (GuringRing *ring,
                                            guint n_buffers,
                                            gsize buffer_size,
                                            GError **error);

/* For sqe->buf_group, with IOSQE_BUFFER_SELECT. */
GURING_AVAILABLE_IN_ALL
guint16 guring_buffer_group_get_id (GuringBufferGroup *group);

/* As it was rounded up. */
GURING_AVAILABLE_IN_ALL
guint guring_buffer_group_get_n_buffers (GuringBufferGroup *group);

GURING_AVAILABLE_IN_ALL
gsize guring_buffer_group_get_buffer_size (GuringBufferGroup *group);

/* In the callback: what the completion brought, NULL if nothing. */
GURING_AVAILABLE_IN_ALL
GBytes *guring_buffer_group_take_bytes (GuringBufferGroup *group,
                                        const GuringCompletion *completion);

G_END_DECLS
