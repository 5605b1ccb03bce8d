/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <guring/guring.h>

G_BEGIN_DECLS

/* IORING_OP_FTRUNCATE of Linux 6.9, which liburing 2.3 does not know */
#define GURING_OP_FTRUNCATE 55

gint32 guring_perform (const struct io_uring_sqe *sqe);

G_END_DECLS
