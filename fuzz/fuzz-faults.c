/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The steps of fuzz-stream.c, while system calls and allocations fail: whatever succeeds has done
 * what GIO does, and whatever fails has done nothing, leaks nothing and ends. */

#include "config.h"

#include "call.h"
#include "descriptors.h"
#include "faults.h"
#include "helper.h"
#include "oracle.h"
#include "records.h"
#include "stream-steps.h"

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  records_init ();
  descriptors_init ();
  helper_init ();
  calls_init ();
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const CallFaults faults = { faults_arm, faults_disarm, faults_have_fired };
  FuzzInput input = { data, size };
  gboolean without = input_take_boolean (&input);

  faults_start (&input);
  stream_steps_run (&input, without, &faults);
  return 0;
}
