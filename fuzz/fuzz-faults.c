/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Other harnesses, while system calls and allocations fail. With their oracles: what fails, fails
 * with an error or is tried again, has done nothing, leaks nothing and ends, and so does all that a
 * ring has when it breaks.
 *
 * Not among them are fuzz-registry.c, where nothing can fail, and fuzz-completions.c, whose
 * io_uring fails by itself. */

#include "config.h"

#include "faults.h"
#include "oracle.h"

/* Each is what its name says, see local.mk. */
int buffers_initialize (int *argc, char ***argv);
int buffers_test_one_input (const uint8_t *data, size_t size);
int chains_initialize (int *argc, char ***argv);
int chains_test_one_input (const uint8_t *data, size_t size);
int lifecycle_initialize (int *argc, char ***argv);
int lifecycle_test_one_input (const uint8_t *data, size_t size);
int sqe_batch_initialize (int *argc, char ***argv);
int sqe_batch_test_one_input (const uint8_t *data, size_t size);
int stream_initialize (int *argc, char ***argv);
int stream_test_one_input (const uint8_t *data, size_t size);

typedef struct
{
  int (*initialize) (int *argc, char ***argv);
  int (*test_one_input) (const uint8_t *data, size_t size);
  gboolean arms; /* it says itself when faults may come */
} Harness;

static const Harness harnesses[] = {
  { stream_initialize, stream_test_one_input, TRUE },
  { sqe_batch_initialize, sqe_batch_test_one_input, FALSE },
  { chains_initialize, chains_test_one_input, FALSE },
  { lifecycle_initialize, lifecycle_test_one_input, FALSE },
  { buffers_initialize, buffers_test_one_input, FALSE },
};

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  for (gsize i = 0; i < G_N_ELEMENTS (harnesses); i++)
    harnesses[i].initialize (argc, argv);
  oracle_watch_log ("did not end before the ring was closed"); /* a broken one */
  return 0;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = { data, size };
  const Harness *harness = &harnesses[input_take_below (&input, G_N_ELEMENTS (harnesses))];

  faults_start (&input);
  if (!harness->arms)
    faults_arm ();
  harness->test_one_input (input.data, input.size);
  faults_disarm ();
  return 0;
}
