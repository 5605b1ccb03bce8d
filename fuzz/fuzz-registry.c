/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 3, ids don't lie: the registry by itself against a naive model. */

#include "config.h"

#include "input.h"
#include "oracle.h"
#include "registry.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  GuringRegistry registry = { 0 };
  FuzzInput input = { data, size };

  while (!input_is_empty (&input))
    if (input_take_boolean (&input))
      guring_registry_insert (&registry);
  guring_registry_clear (&registry);
  return 0;
}
