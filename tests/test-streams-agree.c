/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams on descriptors and on files against GIO's own, on the same random script over the same
 * file. */

#include "config.h"

#include <gio/gfiledescriptorbased.h>
#include <gio/gunixinputstream.h>
#include <string.h>
#include <unistd.h>

#include "file-support.h"

#define SIZE 50000 /* of the file, at first */
#define MAX_COUNT 9000
#define N_STEPS 400

typedef enum
{
  READ,
  SKIP,
  WRITE,
  WRITEV,
  SEEK_IN,
  SEEK_OUT,
  TRUNCATE_IN,
  TRUNCATE_OUT,
  N_KINDS
} Kind;

typedef struct
{
  Kind kind;
  gsize count;
  goffset offset;
  GSeekType type;
  guint8 byte;
  GCancellable *cancellable; /* cancelled, or NULL */
} Step;

typedef struct
{
  gssize result;
  GError *error;
  goffset position_in;
  goffset position_out;
  guint8 buffer[MAX_COUNT];
} Outcome;

/* Both directions, on one descriptor or not */
typedef struct
{
  GInputStream *in;
  GOutputStream *out;
  GInputStream *skipping;
} Streams;

static void
on_done (GObject *source_object, GAsyncResult *result, gpointer place)
{
  ck_assert_ptr_nonnull (source_object);
  g_set_object ((GAsyncResult **) place, result);
}

static void
do_read (Streams *streams, const Step *step, gboolean async, Outcome *outcome)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (async)
    {
      g_input_stream_read_async (streams->in, outcome->buffer, step->count, 0, step->cancellable,
                                 on_done, &result);
      run_until (result != NULL);
      outcome->result = g_input_stream_read_finish (streams->in, result, &outcome->error);
    }
  else
    outcome->result = g_input_stream_read (streams->in, outcome->buffer, step->count,
                                           step->cancellable, &outcome->error);
}

static void
do_skip (Streams *streams, const Step *step, gboolean async, Outcome *outcome)
{
  g_autoptr (GAsyncResult) result = NULL;

  if (async)
    {
      g_input_stream_skip_async (streams->skipping, step->count, 0, step->cancellable, on_done,
                                 &result);
      run_until (result != NULL);
      outcome->result = g_input_stream_skip_finish (streams->skipping, result, &outcome->error);
    }
  else
    outcome->result =
      g_input_stream_skip (streams->skipping, step->count, step->cancellable, &outcome->error);
}

static void
do_write (Streams *streams, const Step *step, gboolean async, Outcome *outcome)
{
  g_autoptr (GAsyncResult) result = NULL;
  guint8 data[MAX_COUNT];

  memset (data, step->byte, step->count);
  if (async)
    {
      g_output_stream_write_async (streams->out, data, step->count, 0, step->cancellable, on_done,
                                   &result);
      run_until (result != NULL);
      outcome->result = g_output_stream_write_finish (streams->out, result, &outcome->error);
    }
  else
    outcome->result =
      g_output_stream_write (streams->out, data, step->count, step->cancellable, &outcome->error);
}

static void
do_writev (Streams *streams, const Step *step, gboolean async, Outcome *outcome)
{
  g_autoptr (GAsyncResult) result = NULL;
  guint8 data[MAX_COUNT];
  GOutputVector vectors[] = { { data, 0 }, { data, step->count / 3 }, { data, step->count / 2 } };
  gsize n = 0;
  gboolean done;

  memset (data, step->byte, step->count);
  if (async)
    {
      g_output_stream_writev_async (streams->out, vectors, G_N_ELEMENTS (vectors), 0,
                                    step->cancellable, on_done, &result);
      run_until (result != NULL);
      done = g_output_stream_writev_finish (streams->out, result, &n, &outcome->error);
    }
  else
    done = g_output_stream_writev (streams->out, vectors, G_N_ELEMENTS (vectors), &n,
                                   step->cancellable, &outcome->error);
  outcome->result = done ? (gssize) n : -1;
}

static void
do_seek (gpointer stream, const Step *step, Outcome *outcome)
{
  outcome->result =
    g_seekable_seek (stream, step->offset, step->type, step->cancellable, &outcome->error);
}

static void
do_truncate (gpointer stream, const Step *step, Outcome *outcome)
{
  ck_assert (g_seekable_can_seek (stream));
  outcome->result = g_seekable_can_truncate (stream) * 2;
  outcome->result +=
    g_seekable_truncate (stream, ABS (step->offset), step->cancellable, &outcome->error);
}

static void
take (Streams *streams, const Step *step, gboolean async, Outcome *outcome)
{
  switch (step->kind)
    {
    case READ:
      do_read (streams, step, async, outcome);
      break;
    case SKIP:
      do_skip (streams, step, async, outcome);
      break;
    case WRITE:
      do_write (streams, step, async, outcome);
      break;
    case WRITEV:
      do_writev (streams, step, async, outcome);
      break;
    case SEEK_IN:
    case SEEK_OUT:
      do_seek (step->kind == SEEK_IN ? (gpointer) streams->in : streams->out, step, outcome);
      break;
    default:
      do_truncate (step->kind == TRUNCATE_IN ? (gpointer) streams->in : streams->out, step,
                   outcome);
    }
  outcome->position_in = g_seekable_tell (G_SEEKABLE (streams->in));
  outcome->position_out = g_seekable_tell (G_SEEKABLE (streams->out));
}

static void
assert_agree (const Step *step, Outcome *ours, Outcome *theirs)
{
  ck_assert_msg (ours->result == theirs->result, "kind %u: %" G_GSSIZE_FORMAT " %" G_GSSIZE_FORMAT,
                 step->kind, ours->result, theirs->result);
  ck_assert_msg ((ours->error == NULL) == (theirs->error == NULL), "kind %u: %s", step->kind,
                 ours->error != NULL ? ours->error->message : theirs->error->message);
  if (theirs->error != NULL)
    ck_assert_msg (g_error_matches (ours->error, theirs->error->domain, theirs->error->code),
                   "kind %u: %s, not %s", step->kind, ours->error->message, theirs->error->message);
  ck_assert_int_eq (ours->position_in, theirs->position_in);
  ck_assert_int_eq (ours->position_out, theirs->position_out);
  ck_assert_mem_eq (ours->buffer, theirs->buffer, MAX_COUNT);
  g_clear_error (&ours->error);
  g_clear_error (&theirs->error);
}

static Step
choose_step (GRand *random, GCancellable *cancelled)
{
  Step step = {
    .kind = (Kind) g_rand_int_range (random, 0, N_KINDS),
    .count = (gsize) g_rand_int_range (random, 0, MAX_COUNT),
    .offset = g_rand_int_range (random, -SIZE, SIZE + SIZE / 2),
    .type = (GSeekType) g_rand_int_range (random, G_SEEK_CUR, G_SEEK_END + 1),
    .byte = (guint8) g_rand_int (random),
    .cancellable = g_rand_int_range (random, 0, 10) == 0 ? cancelled : NULL,
  };

  return step;
}

static Streams
open_ours (GBytes *content)
{
  Streams streams;
  int fd;

  ck_assert (g_file_set_contents ("ours", g_bytes_get_data (content, NULL), SIZE, NULL));
  fd = open ("ours", O_RDWR | O_CLOEXEC);
  streams.in = guring_input_stream_new (fd, TRUE);
  streams.out = guring_output_stream_new (fd, FALSE);
  streams.skipping = g_object_ref (streams.in);
  return streams;
}

/* GIO's skip of a file seeks beyond its end; that of a descriptor does not. */
static Streams
open_theirs (GBytes *content, GFileIOStream **io_stream)
{
  g_autoptr (GFile) file = g_file_new_for_path ("theirs");
  Streams streams;

  ck_assert (g_file_set_contents ("theirs", g_bytes_get_data (content, NULL), SIZE, NULL));
  *io_stream = g_file_open_readwrite (file, NULL, NULL);
  streams.in = g_object_ref (g_io_stream_get_input_stream (G_IO_STREAM (*io_stream)));
  streams.out = g_object_ref (g_io_stream_get_output_stream (G_IO_STREAM (*io_stream)));
  streams.skipping =
    g_unix_input_stream_new (g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (streams.out)),
                             FALSE);
  return streams;
}

static void
close_streams (Streams *streams)
{
  ck_assert (g_output_stream_close (streams->out, NULL, NULL));
  ck_assert (g_input_stream_close (streams->in, NULL, NULL));
  g_object_unref (streams->skipping);
  g_object_unref (streams->out);
  g_object_unref (streams->in);
}

static void
assert_same_files (void)
{
  g_autofree gchar *ours = NULL, *theirs = NULL;
  gsize size = 0, their_size = 0;

  ck_assert (g_file_get_contents ("ours", &ours, &size, NULL));
  ck_assert (g_file_get_contents ("theirs", &theirs, &their_size, NULL));
  ck_assert_uint_eq (size, their_size);
  ck_assert (memcmp (ours, theirs, size) == 0);
}

/* GIO's skip of a file stream fails an assertion if it is behind the end, and does not mind that it
 * is cancelled. */
static void
adapt (Step *step, GInputStream *theirs)
{
  int fd = g_file_descriptor_based_get_fd (G_FILE_DESCRIPTOR_BASED (theirs));
  struct stat status;

  ck_assert_int_eq (fstat (fd, &status), 0);
  if (step->kind == SKIP && g_seekable_tell (G_SEEKABLE (theirs)) > status.st_size)
    step->kind = READ;
  else if (step->kind == SKIP)
    step->cancellable = NULL;
}

static void
run_script (guint seed, Streams *ours, Streams *theirs)
{
  g_autoptr (GRand) random = g_rand_new_with_seed (seed);
  g_autoptr (GCancellable) cancelled = make_cancelled ();

  for (guint i = 0; i < N_STEPS; i++)
    {
      Step step = choose_step (random, cancelled);
      Outcome our_outcome = { 0 };
      Outcome their_outcome = { 0 };

      if (G_IS_FILE_INPUT_STREAM (theirs->skipping))
        adapt (&step, theirs->skipping);
      take (ours, &step, g_rand_boolean (random), &our_outcome);
      take (theirs, &step, FALSE, &their_outcome);
      assert_agree (&step, &our_outcome, &their_outcome);
    }

  close_streams (ours);
  close_streams (theirs);
  assert_same_files ();
}

START_TEST (they_agree_with_gios_streams_on_a_random_script)
{
  g_autoptr (GBytes) content = make_pattern (SIZE);
  g_autoptr (GFileIOStream) io_stream = NULL;
  Streams ours = open_ours (content);
  Streams theirs = open_theirs (content, &io_stream);

  run_script (42 + (guint) _i, &ours, &theirs);
}
END_TEST

/* Files: the output stream replaces, or appends to, the file that is read. */

static Streams
make_streams (GFileInputStream *in, GFileOutputStream *out)
{
  Streams streams = { .in = G_INPUT_STREAM (in), .out = G_OUTPUT_STREAM (out) };

  streams.skipping = g_object_ref (streams.in);
  return streams;
}

static Streams
open_our_file (gboolean append)
{
  make ("ours", SIZE);
  return make_streams (file_read ("ours", NULL, NULL),
                       append ? file_append_to ("ours", 0, NULL)
                              : file_replace ("ours", NULL, FALSE, 0, NULL));
}

static Streams
open_their_file (gboolean append)
{
  g_autoptr (GFile) file = g_file_new_for_path ("theirs");

  make ("theirs", SIZE);
  return make_streams (g_file_read (file, NULL, NULL),
                       append ? g_file_append_to (file, 0, NULL, NULL)
                              : g_file_replace (file, NULL, FALSE, 0, NULL, NULL));
}

START_TEST (file_streams_agree_with_gios_on_a_random_script)
{
  Streams ours = open_our_file (_i % 2);
  Streams theirs = open_their_file (_i % 2);

  run_script (142 + (guint) _i, &ours, &theirs);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_loop_test (tcase, they_agree_with_gios_streams_on_a_random_script, 0, 10);
  tcase_add_loop_test (tcase, file_streams_agree_with_gios_on_a_random_script, 0, 10);
}

int
main (void)
{
  Suite *suite = suite_create ("streams-agree");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
