/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Other harnesses, while system calls and allocations fail. With their oracles: what fails, fails
 * with an error or is tried again, has done nothing, leaks nothing and ends, and so does all that a
 * ring has when it breaks. */

#include "config.h"

#include "harnesses.h"
#include "oracle.h"

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  harnesses_init ();
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = { data, size };
  guint harness = input_take_below (&input, N_HARNESSES);

  harnesses_run (harness, &input, &input);
  return 0;
}
