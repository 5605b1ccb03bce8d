/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any operations that the kernel has, in any order, with cancellations and a close in between. */

#include "config.h"

#include <poll.h>

#include "descriptors.h"
#include "faults.h"
#include "input.h"
#include "opcodes.h"
#include "oracle.h"
#include "records.h"

#define MAX_STEPS 64
#define MAX_CHAIN 6
#define MAX_NAPS 1
#define MAX_ROUNDS 8
#define N_DIRECT 8

/* Of an operation */
typedef struct
{
  ArenaPlot *plot;
  gboolean direct; /* its descriptors go to the table of direct ones */
} Resources;

static GMainContext *context;
static GuringRing *ring;
static Resources resources[RECORDS_MAX];
static guint64 ids[RECORDS_MAX];
static gint ring_fd;
static gboolean closed;
static gboolean ring_broke;
static guint n_naps;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  records_init ();
  descriptors_init ();
  arena_init ();
  context = g_main_context_new ();
  return 0;
}

static void
on_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Record *record = data;
  const Resources *own = record->data;

  record_completed (record, completion);
  opcodes_take_descriptors (record->opcode, completion->res, own->plot, own->direct);
}

static void
on_notify (gpointer data)
{
  Record *record = data;
  Resources *own = record->data;

  record_notified (record);
  arena_release (own->plot);
}

static void
on_broken (const struct io_uring *uring)
{
  ring_broke = TRUE;
}

static void
make_ring (FuzzInput *input)
{
  guint entries = 1 + input_take_below (input, 16);
  guint cq_entries = input_take_boolean (input) ? 0 : entries + input_take_below (input, 16);
  g_autoptr (GError) error = NULL;

  ring = g_initable_new (GURING_TYPE_RING, NULL, &error, "context", context, "entries", entries,
                         "cq-entries", cq_entries, NULL);
  oracle_holds ("refused with a reason", (ring == NULL) == (error != NULL), "no error");
  if (ring == NULL)
    {
      oracle_holds ("a ring is made", faults_have_fired (), "%s", error->message);
      return;
    }
  g_object_set (ring, "dispatch-budget", 1 + input_take_below (input, 16), NULL);
  closed = FALSE;
}

/* A personality may be named from then on, for all that the ring knows. */
static void
register_resources (FuzzInput *input)
{
  struct io_uring *uring = guring_ring_get_uring (ring);
  guint choice = input_take_byte (input);
  struct iovec bounds;

  ring_fd = uring->ring_fd;
  arena_get_bounds (&bounds);
  if (choice & 1)
    io_uring_register_files_sparse (uring, N_DIRECT);
  if (choice & 2)
    io_uring_register_buffers (uring, &bounds, 1);
}

/* Something that the ring must refuse */
static void
soil (FuzzInput *input, struct io_uring_sqe *sqe)
{
  switch (input_take_below (input, 64))
    {
    case 60:
      sqe->flags |= 0x80;
      break;
    case 61:
      sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
      break;
    case 62:
      sqe->user_data = 1;
      break;
    case 63:
      if (sqe->opcode <= IORING_OP_SENDMSG_ZC && sqe->opcode != IORING_OP_URING_CMD)
        sqe->__pad2[0] = 2;
      break;
    default:
      break;
    }
}

static Record *
build (FuzzInput *input, GuringRequest *request)
{
  Resources *own = &resources[n_records];
  const OpcodeContext opcode_context = { input, arena_take (), ring_fd, ids, n_records };
  Record *record;

  opcodes_build (&opcode_context, &request->sqe);
  soil (input, &request->sqe);
  own->plot = opcode_context.plot;
  own->direct = request->sqe.file_index != 0;

  record = record_new (&request->sqe);
  record->data = own;
  request->func = on_completion;
  request->user_data = record;
  request->notify = on_notify;
  return record;
}

static void
check_answer (gboolean accepted, gboolean acceptable, const GError *error, const Record *record)
{
  oracle_holds ("what is documented is accepted, and nothing else", accepted == acceptable,
                "operation %u (%s): %s", (guint) (record - records),
                opcodes_get_name (record->opcode), error != NULL ? error->message : "accepted");
  oracle_holds ("an error if and only if it was refused", (error == NULL) == accepted, "%s",
                error != NULL ? error->message : "no error");
}

static void
set_id (Record *record, guint64 id)
{
  const Resources *own = record->data;

  record->id = ids[record - records] = id;
  if (id == 0)
    arena_release (own->plot);
}

static void
queue_one (FuzzInput *input)
{
  g_autoptr (GError) error = NULL;
  GuringRequest request = { 0 };
  Record *record;
  guint64 id;

  if (n_records == RECORDS_MAX)
    return;

  record = build (input, &request);
  id =
    guring_ring_queue (ring, &request.sqe, request.func, request.user_data, request.notify, &error);
  check_answer (id != 0,
                !closed && !ring_broke && opcodes_is_acceptable (&request.sqe) &&
                  request.sqe.opcode != IORING_OP_LINK_TIMEOUT,
                error, record);
  set_id (record, id);
}

static void
queue_chain (FuzzInput *input)
{
  guint n = input_take_below (input, MAX_CHAIN + 1), entries;
  GuringRequest requests[MAX_CHAIN] = { 0 };
  Record *first = &records[n_records];
  g_autoptr (GError) error = NULL;
  guint64 new_ids[MAX_CHAIN] = { 0 };
  gboolean accepted, acceptable;

  if (n_records + n > RECORDS_MAX)
    return;

  g_object_get (ring, "entries", &entries, NULL);
  acceptable = !closed && !ring_broke && n > 0 && n <= entries;
  for (guint i = 0; i < n; i++)
    {
      build (input, &requests[i]);
      if (i + 1 < n && input_take_boolean (input))
        requests[i].sqe.flags |= IOSQE_IO_HARDLINK;
      acceptable = acceptable && opcodes_is_acceptable (&requests[i].sqe) &&
                   (i > 0 || requests[i].sqe.opcode != IORING_OP_LINK_TIMEOUT);
    }

  accepted = guring_ring_queue_chain (ring, requests, n, new_ids, &error);
  check_answer (accepted, acceptable, error, first);
  for (guint i = 0; i < n; i++)
    set_id (&first[i], new_ids[i]);
}

static void
cancel (FuzzInput *input)
{
  if (n_records > 0)
    guring_ring_cancel (ring, ids[input_take_below (input, n_records)]);
  else
    guring_ring_cancel (ring, input_take_integer (input, 8));
}

static void
iterate (void)
{
  g_autoptr (GError) error = NULL;
  gint n = guring_ring_iterate (ring, FALSE, &error);

  oracle_holds ("a ring works until it is closed", (n < 0) == closed || ring_broke, "%s",
                error != NULL ? error->message : "no error");
}

static void
submit (void)
{
  g_autoptr (GError) error = NULL;
  gint n = guring_ring_submit (ring, &error);

  oracle_holds ("a ring works until it is closed", (n < 0) == closed || ring_broke, "%s",
                error != NULL ? error->message : "no error");
}

/* The kernel's threads may have their turn. */
static void
nap (void)
{
  const struct timespec time = { .tv_nsec = 50000 };
  struct pollfd fd = { .fd = ring_fd, .events = POLLIN };

  if (n_naps++ < MAX_NAPS)
    ppoll (&fd, 1, &time, NULL);
}

static void
step (FuzzInput *input)
{
  switch (input_take_below (input, 16))
    {
    case 0:
      submit ();
      break;
    case 1:
      iterate ();
      break;
    case 2:
      g_main_context_iteration (context, FALSE);
      break;
    case 3:
    case 4:
      cancel (input);
      break;
    case 5:
      nap ();
      break;
    case 6:
    case 7:
      queue_chain (input);
      break;
    case 8:
      if (input_take_byte (input) == 0xff)
        {
          records_close (ring);
          closed = TRUE;
        }
      break;
    default:
      queue_one (input);
    }
  records_check_statistics (ring, NULL);
}

/* What was queued gets its chance to run. */
static void
let_run (void)
{
  for (guint i = 0; i < MAX_ROUNDS && !closed; i++)
    iterate ();
}

static void
finish (gboolean at_once)
{
  if (!at_once)
    let_run ();
  records_close (ring);
  records_check_ended (NULL);
  records_check_statistics (ring, NULL);
  g_object_unref (ring);
  arena_check ();
  descriptors_end ();
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput input = { data, size };
  gboolean closes_at_once = input_take_boolean (&input);

  records_start ();
  descriptors_start ();
  n_naps = 0;
  ring_broke = FALSE;
  faults_listen (on_broken);

  make_ring (&input);
  if (ring == NULL)
    return 0;
  register_resources (&input);
  for (guint i = 0; i < MAX_STEPS && !input_is_empty (&input); i++)
    step (&input);
  finish (closes_at_once);
  return 0;
}
