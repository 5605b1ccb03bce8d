/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

gint32 guring_perform (const struct io_uring_sqe *sqe);

G_END_DECLS
