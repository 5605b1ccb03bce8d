/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Groups of buffers: what was sent comes, whole and in order, and it stays as it came until it is
 * let go, in whatever thread, whatever becomes of its group and of the ring meanwhile. */

#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"
#include "faults.h"
#include "helper.h"
#include "input.h"
#include "oracle.h"
#include "records.h"

#define MAX_STEPS 64
#define N_STREAMS 3
#define N_GROUPS 3
#define N_HELD 48
#define MAX_SENT 2000

typedef struct
{
  GuringBufferGroup *group; /* NULL: none, or dropped */
  guint n_receiving;        /* operations that select from it */
} Group;

typedef struct
{
  gint fds[2]; /* to be received from, and to be sent to */
  gsize sent;
  gsize received;
  gboolean over;  /* no more is sent */
  Record *record; /* of the operation that receives, or NULL */
  Group *group;   /* that it selects from */
  gboolean alone; /* no other selects from that, and it takes one buffer */
} Stream;

typedef struct
{
  GBytes *bytes; /* NULL: none */
  const Stream *stream;
  gsize position;
} Held;

static FuzzInput *input;
static GMainContext *context;
static GuringRing *ring;
static gboolean closed; /* or broken */
static Stream streams[N_STREAMS];
static Group groups[N_GROUPS];
static Held held[N_HELD];

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  records_init ();
  descriptors_init ();
  helper_init ();
  context = g_main_context_new ();
  return 0;
}

static guint8
get_byte (const Stream *stream, gsize position)
{
  return (guint8) (position * 13 + position / 127 + (gsize) (stream - streams));
}

static void
check_bytes (GBytes *bytes, const Stream *stream, gsize position)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  for (gsize i = 0; i < size; i++)
    oracle_holds ("what was sent comes, and stays", data[i] == get_byte (stream, position + i),
                  "byte %zu is %u", position + i, data[i]);
}

/* What was received */

static void
unref_there (gpointer bytes, guint64 nothing)
{
  g_bytes_unref (bytes);
}

static void
let_go (Held *one, gboolean there)
{
  GBytes *bytes = g_steal_pointer (&one->bytes);

  check_bytes (bytes, one->stream, one->position);
  if (there)
    helper_start (unref_there, bytes, 0);
  else
    g_bytes_unref (bytes);
}

static void
let_go_of_any (void)
{
  Held *one = &held[input_take_below (input, N_HELD)];
  gboolean there = input_take_boolean (input);

  if (one->bytes != NULL)
    let_go (one, there);
}

static void
keep (GBytes *bytes, const Stream *stream)
{
  Held *one = &held[input_take_below (input, N_HELD)];

  if (one->bytes != NULL)
    let_go (one, FALSE);
  *one = (Held){ bytes, stream, stream->received };
}

static void
take (const Stream *stream, const GuringCompletion *completion)
{
  GuringBufferGroup *group = stream->group->group;
  GBytes *bytes = guring_buffer_group_take_bytes (group, completion);

  oracle_holds ("what was sent comes, and stays",
                bytes != NULL && g_bytes_get_size (bytes) == (gsize) completion->res,
                "%d bytes can't be taken", completion->res);
  check_bytes (bytes, stream, stream->received);
  oracle_holds ("what comes is taken once",
                guring_buffer_group_take_bytes (group, completion) == NULL, "twice");
  keep (bytes, stream);
}

static void
on_received (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Stream *stream = data;

  record_completed (stream->record, completion);
  oracle_holds ("nobody starves a group", completion->res != -ENOBUFS || !stream->alone,
                "a buffer was to be left");
  if (completion->res > 0)
    {
      if (stream->group->group != NULL && input_take_below (input, 4) != 3)
        take (stream, completion);
      stream->received += (gsize) completion->res;
    }
  oracle_holds ("what was sent comes, and stays", stream->received <= stream->sent,
                "%zu bytes of %zu", stream->received, stream->sent);
}

static void
on_notify (gpointer data)
{
  Stream *stream = data;

  record_notified (stream->record);
  stream->record = NULL;
  stream->group->n_receiving--;
}

/* What is done */

static void
make_group (void)
{
  static const gsize sizes[] = { 64, 1, 7, 300, 4096, 0 };
  static const guint counts[] = { 4, 1, 2, 8, 3, 0, 32769 };
  Group *group = &groups[input_take_below (input, N_GROUPS)];
  gsize size = input_take_choice (input, sizes);
  guint n = input_take_choice (input, counts);
  g_autoptr (GError) error = NULL;

  if (group->group != NULL || group->n_receiving > 0)
    return;

  group->group = guring_buffer_group_new (ring, n, size, &error);
  oracle_holds ("refused with a reason", (group->group == NULL) == (error != NULL), "no error");
  oracle_holds ("a group that may be is made",
                (group->group != NULL) == (size > 0 && n > 0 && n <= 32768 && !closed) ||
                  faults_have_fired (),
                "%u buffers of %zu: %s", n, size, error != NULL ? error->message : "made");
  if (group->group != NULL)
    oracle_holds ("a group is what was asked for",
                  guring_buffer_group_get_n_buffers (group->group) >= n &&
                    guring_buffer_group_get_buffer_size (group->group) == size,
                  "%u buffers", guring_buffer_group_get_n_buffers (group->group));
}

static void
drop_there (gpointer group, guint64 nothing)
{
  g_object_unref (group);
}

static void
drop_group (void)
{
  Group *group = &groups[input_take_below (input, N_GROUPS)];
  gboolean there = input_take_boolean (input);

  if (group->group != NULL && there)
    helper_start (drop_there, g_steal_pointer (&group->group), 0);
  else
    g_clear_object (&group->group);
}

static void
send_some (void)
{
  Stream *stream = &streams[input_take_below (input, N_STREAMS)];
  gsize size = MIN (input_take_below (input, 512), MAX_SENT - stream->sent);
  guint8 bytes[512];
  gssize n;

  for (gsize i = 0; i < size; i++)
    bytes[i] = get_byte (stream, stream->sent + i);
  n = stream->over ? 0 : send (stream->fds[1], bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  stream->sent += (gsize) MAX (n, 0);
}

static void
end_stream (void)
{
  Stream *stream = &streams[input_take_below (input, N_STREAMS)];

  stream->over = TRUE;
  shutdown (stream->fds[1], SHUT_WR);
}

static void
receive (void)
{
  Stream *stream = &streams[input_take_below (input, N_STREAMS)];
  Group *group = &groups[input_take_below (input, N_GROUPS)];
  gboolean multishot = input_take_boolean (input);
  struct io_uring_sqe sqe = { 0 };

  if (stream->record != NULL || group->group == NULL || n_records == RECORDS_MAX)
    return;

  if (multishot)
    io_uring_prep_recv_multishot (&sqe, stream->fds[0], NULL, 0, 0);
  else
    io_uring_prep_recv (&sqe, stream->fds[0], NULL, 0, 0);
  sqe.flags |= IOSQE_BUFFER_SELECT;
  sqe.buf_group = guring_buffer_group_get_id (group->group);
  stream->record = record_new (&sqe);
  stream->group = group;
  stream->record->id = guring_ring_queue (ring, &sqe, on_received, stream, on_notify, NULL);
  oracle_holds ("a ring takes operations until it is closed", (stream->record->id != 0) == !closed,
                "a receive");
  if (stream->record->id == 0)
    {
      stream->record = NULL;
      return;
    }

  /* Whoever comes later takes what was to be for those before. */
  stream->alone = group->n_receiving++ == 0 && !multishot;
  for (guint i = 0; i < N_STREAMS; i++)
    if (&streams[i] != stream && streams[i].record != NULL && streams[i].group == group)
      streams[i].alone = FALSE;
}

static void
cancel (void)
{
  const Stream *stream = &streams[input_take_below (input, N_STREAMS)];

  if (stream->record != NULL)
    guring_ring_cancel (ring, stream->record->id);
}

static void
iterate (void)
{
  oracle_holds ("a ring works until it is closed",
                guring_ring_iterate (ring, FALSE, NULL) >= 0 || closed, "iterate");
}

static void
iterate_context (void)
{
  g_main_context_iteration (context, FALSE);
}

static void
close_ring (void)
{
  if (input_take_below (input, 8) != 7)
    return;

  records_close (ring);
  closed = TRUE;
}

static void
step (void)
{
  static void (*const steps[]) (void) = {
    send_some, send_some,       receive,    receive, make_group,    drop_group, iterate,
    iterate,   iterate_context, end_stream, cancel,  let_go_of_any, close_ring,
  };

  input_take_choice (input, steps) ();
}

/* Beginning and end */

static void
on_broken (const struct io_uring *uring)
{
  closed = TRUE;
}

static gboolean
start (void)
{
  g_autoptr (GError) error = NULL;

  memset (streams, 0, sizeof streams);
  memset (groups, 0, sizeof groups);
  memset (held, 0, sizeof held);
  closed = FALSE;
  faults_listen (on_broken);
  ring = guring_ring_new (context, 8, &error);
  if (ring == NULL)
    {
      oracle_holds ("a ring is made", faults_have_fired (), "%s", error->message);
      return FALSE;
    }
  for (guint i = 0; i < N_STREAMS; i++)
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, streams[i].fds) != 0)
      g_error ("Could not make sockets: %s", g_strerror (errno));
  return TRUE;
}

static void
let_go_of_all (void)
{
  for (guint i = 0; i < N_HELD; i++)
    if (held[i].bytes != NULL)
      let_go (&held[i], FALSE);
}

static void
drop_all_groups (void)
{
  for (guint i = 0; i < N_GROUPS; i++)
    g_clear_object (&groups[i].group);
}

/* The ring goes before what was received, or behind it. */
static void
finish (gboolean ring_first)
{
  helper_wait ();
  if (!ring_first)
    let_go_of_all ();
  records_close (ring);
  records_check_ended (NULL);
  g_object_unref (ring);
  drop_all_groups ();
  let_go_of_all ();
  for (guint i = 0; i < N_STREAMS; i++)
    {
      close (streams[i].fds[0]);
      close (streams[i].fds[1]);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  FuzzInput all = { data, size };
  gboolean ring_first;

  input = &all;
  ring_first = input_take_boolean (input);
  records_start ();
  descriptors_start ();
  if (start ())
    {
      for (guint i = 0; i < MAX_STEPS && !input_is_empty (input); i++)
        step ();
      finish (ring_first);
    }
  descriptors_end ();
  return 0;
}
