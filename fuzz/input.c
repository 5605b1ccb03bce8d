/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "input.h"

gsize
input_take_bytes (FuzzInput *input, gpointer buffer, gsize size)
{
  gsize n = MIN (size, input->size);

  if (n > 0)
    memcpy (buffer, input->data, n);
  memset ((guint8 *) buffer + n, 0, size - n);
  input->data += n;
  input->size -= n;
  return n;
}

guint64
input_take_integer (FuzzInput *input, gsize size)
{
  guint64 value = 0;

  input_take_bytes (input, &value, size);
  return GUINT64_FROM_LE (value);
}

guint8
input_take_byte (FuzzInput *input)
{
  return (guint8) input_take_integer (input, 1);
}

guint
input_take_below (FuzzInput *input, guint limit)
{
  gsize size = limit > 0x10000 ? 4 : limit > 0x100 ? 2 : 1;

  return limit > 1 ? (guint) (input_take_integer (input, size) % limit) : 0;
}

gboolean
input_take_boolean (FuzzInput *input)
{
  return input_take_byte (input) & 1;
}
