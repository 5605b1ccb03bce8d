/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The buffers of a message. */

#include "config.h"

#include "vectors.h"

static gsize
count_vectors (const struct iovec *vectors)
{
  gsize n = 0;

  while (vectors[n].iov_base != NULL)
    n++;
  return n;
}

static struct iovec *
make_vector_of_a_byte (void)
{
  struct iovec *vector = g_malloc0 (sizeof *vector + 1);

  vector->iov_base = vector + 1;
  vector->iov_len = 1;
  return vector;
}

struct iovec *
guring_vectors_copy (const struct iovec *vectors, gint n, gsize *n_copied)
{
  gsize n_vectors = n < 0 ? count_vectors (vectors) : (gsize) n;

  *n_copied = MAX (n_vectors, 1);
  if (n_vectors == 0)
    return make_vector_of_a_byte ();
  return g_memdup2 (vectors, n_vectors * sizeof *vectors);
}
