/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>
#include <sys/uio.h>

G_BEGIN_DECLS

G_STATIC_ASSERT (sizeof (GOutputVector) == sizeof (struct iovec));
G_STATIC_ASSERT (offsetof (GOutputVector, buffer) == offsetof (struct iovec, iov_base));
G_STATIC_ASSERT (offsetof (GOutputVector, size) == offsetof (struct iovec, iov_len));
G_STATIC_ASSERT (sizeof (GInputVector) == sizeof (struct iovec));
G_STATIC_ASSERT (offsetof (GInputVector, buffer) == offsetof (struct iovec, iov_base));
G_STATIC_ASSERT (offsetof (GInputVector, size) == offsetof (struct iovec, iov_len));

/* The same thing. A msghdr has them without const, and does not write to them. */
static inline struct iovec *
guring_vectors_get_iovecs (const GOutputVector *vectors)
{
  return (struct iovec *) vectors;
}

/* A copy, to be freed. @n: -1 if one without a buffer is behind the last. For none there is a byte,
 * as GSocket has it. */
struct iovec *guring_vectors_copy (const struct iovec *vectors, gint n, gsize *n_copied);

G_END_DECLS
