/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

G_BEGIN_DECLS

G_STATIC_ASSERT (sizeof (GOutputVector) == sizeof (struct iovec));
G_STATIC_ASSERT (offsetof (GOutputVector, buffer) == offsetof (struct iovec, iov_base));
G_STATIC_ASSERT (offsetof (GOutputVector, size) == offsetof (struct iovec, iov_len));

/* The same thing. A msghdr has them without const, and does not write to them. */
static inline struct iovec *
guring_vectors_get_iovecs (const GOutputVector *vectors)
{
  return (struct iovec *) vectors;
}

G_END_DECLS
