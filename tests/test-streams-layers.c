/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What GIO puts on top of streams works on these. */

#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io-support.h"

#define SIZE 300000

static void
on_done (GObject *source_object, GAsyncResult *result, gpointer place)
{
  ck_assert_ptr_nonnull (source_object);
  g_set_object ((GAsyncResult **) place, result);
}

static void
assert_file_is (const gchar *path, GBytes *expected)
{
  g_autofree gchar *contents = NULL;
  gsize size = 0;

  ck_assert (g_file_get_contents (path, &contents, &size, NULL));
  assert_bytes (g_bytes_ref (expected), contents, size);
}

static GInputStream *
open_input (const gchar *path)
{
  return guring_input_stream_new (open (path, O_RDONLY | O_CLOEXEC), TRUE);
}

static GOutputStream *
open_output (const gchar *path)
{
  return guring_output_stream_new (open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), TRUE);
}

static void
write_pattern (const gchar *path, GBytes *pattern)
{
  ck_assert (g_file_set_contents (path, g_bytes_get_data (pattern, NULL), SIZE, NULL));
}

static gchar *
read_line (GDataInputStream *data)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_data_input_stream_read_line_async (data, 0, NULL, on_done, &result);
  run_until (result != NULL);
  return g_data_input_stream_read_line_finish (data, result, NULL, NULL);
}

START_TEST (lines_are_read)
{
  g_autoptr (GInputStream) stream =
    guring_input_stream_new (make_file ("file", "one\ntwo\n\nlast"), TRUE);
  g_autoptr (GDataInputStream) data = g_data_input_stream_new (stream);
  const gchar *lines[] = { "one", "two", "", "last", NULL };

  g_buffered_input_stream_set_buffer_size (G_BUFFERED_INPUT_STREAM (data), 2);
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      g_autofree gchar *line =
        i % 2 ? g_data_input_stream_read_line (data, NULL, NULL, NULL) : read_line (data);

      ck_assert_pstr_eq (line, lines[i]);
    }
}
END_TEST

static void
finish_closing (GOutputStream *stream)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_output_stream_close_async (stream, 0, NULL, on_done, &result);
  run_until (result != NULL);
  ck_assert (g_output_stream_close_finish (stream, result, NULL));
}

START_TEST (a_buffered_stream_writes_all)
{
  g_autoptr (GBytes) pattern = make_pattern (SIZE);
  g_autoptr (GOutputStream) stream = open_output ("file");
  g_autoptr (GOutputStream) buffered = g_buffered_output_stream_new_sized (stream, 1000);
  const guint8 *data = g_bytes_get_data (pattern, NULL);
  gsize done = 0;

  while (done < SIZE)
    {
      g_autoptr (GAsyncResult) result = NULL;
      gsize n;

      g_output_stream_write_all_async (buffered, data + done, MIN (701, SIZE - done), 0, NULL,
                                       on_done, &result);
      run_until (result != NULL);
      ck_assert (g_output_stream_write_all_finish (buffered, result, &n, NULL));
      done += n;
    }
  finish_closing (buffered);
  assert_file_is ("file", pattern);
}
END_TEST

static void
move_all (GOutputStream *output, GInputStream *input)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_output_stream_splice_async (output, input,
                                G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE |
                                  G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET,
                                0, NULL, on_done, &result);
  run_until (result != NULL);
  ck_assert_int_eq (g_output_stream_splice_finish (output, result, NULL), SIZE);
  ck_assert (g_input_stream_is_closed (input));
  ck_assert (g_output_stream_is_closed (output));
}

START_TEST (a_file_is_spliced_to_a_file)
{
  g_autoptr (GBytes) pattern = make_pattern (SIZE);
  g_autoptr (GInputStream) input = NULL;
  g_autoptr (GOutputStream) output = open_output ("target");

  write_pattern ("source", pattern);
  input = open_input ("source");
  move_all (output, input);
  assert_file_is ("target", pattern);
}
END_TEST

START_TEST (a_file_is_spliced_through_a_socket)
{
  g_autoptr (GBytes) pattern = make_pattern (SIZE);
  g_autoptr (GAsyncResult) sent = NULL;
  g_autoptr (GInputStream) input = NULL, receiving = NULL;
  g_autoptr (GOutputStream) sending = NULL, output = open_output ("target");
  int fds[2];

  write_pattern ("source", pattern);
  input = open_input ("source");
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  receiving = guring_input_stream_new (fds[0], TRUE);
  sending = guring_output_stream_new (fds[1], TRUE);
  g_output_stream_splice_async (sending, input, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL,
                                on_done, &sent);
  move_all (output, receiving);
  run_until (sent != NULL);
  ck_assert_int_eq (g_output_stream_splice_finish (sending, sent, NULL), SIZE);
  assert_file_is ("target", pattern);
}
END_TEST

/* Converters ask for pollable streams, or for asynchronous ones. */
START_TEST (what_is_compressed_comes_back)
{
  g_autoptr (GBytes) pattern = make_pattern (SIZE);
  g_autoptr (GConverter) compressor =
    G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6));
  g_autoptr (GConverter) decompressor =
    G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  g_autoptr (GInputStream) plain = NULL, packed = NULL, unpacked = NULL;
  g_autoptr (GOutputStream) file = open_output ("packed"), output = open_output ("target");
  g_autoptr (GOutputStream) packing = g_converter_output_stream_new (file, compressor);

  write_pattern ("source", pattern);
  plain = open_input ("source");
  move_all (packing, plain);

  packed = open_input ("packed");
  unpacked = g_converter_input_stream_new (packed, decompressor);
  move_all (output, unpacked);
  assert_file_is ("target", pattern);
}
END_TEST

START_TEST (what_is_compressed_passes_a_pipe)
{
  g_autoptr (GBytes) pattern = make_pattern (SIZE);
  g_autoptr (GConverter) compressor =
    G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 1));
  g_autoptr (GConverter) decompressor =
    G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
  g_autoptr (GAsyncResult) sent = NULL;
  g_autoptr (GInputStream) plain = NULL, receiving = NULL, unpacked = NULL;
  g_autoptr (GOutputStream) sending = NULL, packing = NULL, output = open_output ("target");
  int fds[2];

  write_pattern ("source", pattern);
  plain = open_input ("source");
  make_pipe (fds);
  receiving = guring_input_stream_new (fds[0], TRUE);
  unpacked = g_converter_input_stream_new (receiving, decompressor);
  sending = guring_output_stream_new (fds[1], TRUE);
  packing = g_converter_output_stream_new (sending, compressor);
  g_output_stream_splice_async (packing, plain, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, 0, NULL,
                                on_done, &sent);
  move_all (output, unpacked);
  run_until (sent != NULL);
  ck_assert_int_eq (g_output_stream_splice_finish (packing, sent, NULL), SIZE);
  assert_file_is ("target", pattern);
}
END_TEST

static void
add_tests (TCase *tcase)
{
  tcase_add_test (tcase, lines_are_read);
  tcase_add_test (tcase, a_buffered_stream_writes_all);
  tcase_add_test (tcase, a_file_is_spliced_to_a_file);
  tcase_add_test (tcase, a_file_is_spliced_through_a_socket);
  tcase_add_test (tcase, what_is_compressed_comes_back);
  tcase_add_test (tcase, what_is_compressed_passes_a_pipe);
}

int
main (void)
{
  Suite *suite = suite_create ("streams-layers");

  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
