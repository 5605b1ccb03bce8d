/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams and calls on files, of the library and of GIO: the same comes of both, with io_uring and
 * without. Not compared is
 *
 * - what a call that was cancelled while it ran has done: either may be too late to stop;
 * - a skip that was cancelled before, which GIO does nevertheless where it can seek;
 * - a writev of nothing that was cancelled before, which succeeds there;
 * - what a stream that is open sees of a file that is replaced by its symbolic link: the library
 *   makes a new file, and GIO writes to the old one;
 * - why a file can't be replaced by its symbolic link: where that leads to a directory, GIO 2.74
 *   says that there are too many links;
 * - the position of a stream that is closed: there is none;
 * - the times, inodes and etags of files, and the room that they take up. */

#include "config.h"

#include "call.h"
#include "descriptors.h"
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
  FuzzInput input = { data, size };
  gboolean without = input_take_boolean (&input);

  stream_steps_run (&input, without);
  return 0;
}
