/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <liburing.h>

#include <glib.h>

G_BEGIN_DECLS

void guring_memcheck_mark_result (const struct io_uring_sqe *sqe, gint32 res);

G_END_DECLS
