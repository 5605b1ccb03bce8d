/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "faults.h"
#include "harnesses.h"
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
  const gchar *name;
  int (*initialize) (int *argc, char ***argv);
  int (*test_one_input) (const uint8_t *data, size_t size);
  gboolean arms; /* it says itself when faults may come */
} Harness;

static const Harness harnesses[N_HARNESSES] = {
  { "stream", stream_initialize, stream_test_one_input, TRUE },
  { "sqe-batch", sqe_batch_initialize, sqe_batch_test_one_input, FALSE },
  { "chains", chains_initialize, chains_test_one_input, FALSE },
  { "lifecycle", lifecycle_initialize, lifecycle_test_one_input, FALSE },
  { "buffers", buffers_initialize, buffers_test_one_input, FALSE },
};

const gchar *
harnesses_get_name (guint harness)
{
  return harnesses[harness].name;
}

void
harnesses_init (void)
{
  for (guint i = 0; i < N_HARNESSES; i++)
    harnesses[i].initialize (NULL, NULL);
  oracle_watch_log ("did not end before the ring was closed"); /* a broken one */
}

void
harnesses_run (guint harness, FuzzInput *faults, const FuzzInput *input)
{
  if (faults != NULL)
    faults_start (faults);
  if (!harnesses[harness].arms)
    faults_arm ();
  harnesses[harness].test_one_input (input->data, input->size);
  faults_stop ();
}
