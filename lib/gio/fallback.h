/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "task.h"

G_BEGIN_DECLS

void guring_fallback_run (GuringTask *task);
gushort guring_fallback_get_poll_events (const struct io_uring_sqe *sqe);
gboolean guring_fallback_has_to_wait (const struct io_uring_sqe *sqe, gint32 res);

G_END_DECLS
