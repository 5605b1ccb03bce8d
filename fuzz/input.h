/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads a fuzzer's input as decisions. An input that is used up goes on with zeros. */

#pragma once

#include <glib.h>

typedef struct
{
  const guint8 *data;
  gsize size; /* of what is left */
} FuzzInput;

static inline gboolean
input_is_empty (const FuzzInput *input)
{
  return input->size == 0;
}

gsize input_take_bytes (FuzzInput *input, gpointer buffer, gsize size); /* how many there were */
guint64 input_take_integer (FuzzInput *input, gsize size);              /* little-endian */
guint8 input_take_byte (FuzzInput *input);
guint input_take_below (FuzzInput *input, guint limit); /* 0 … limit - 1 */
gboolean input_take_boolean (FuzzInput *input);

/* One of the elements of an array */
#define input_take_choice(input, array) ((array)[input_take_below (input, G_N_ELEMENTS (array))])
