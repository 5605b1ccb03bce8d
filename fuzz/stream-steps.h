/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the library and GIO are both made to do: each step is a call on either's stream or file,
 * with the same result. */

#pragma once

#include "call.h"

#define STREAM_MAX_BYTES 9000

/* All that an input says; @without: see calls_start() */
void stream_steps_run (FuzzInput *input, gboolean without);

/* Between the files that the steps are in */

extern FuzzInput *stream_input;

/* A call on theirs is made and compared only if this says so; it starts over if not. */
gboolean stream_is_comparable (Call *call, gboolean succeeded, GError **error);

/* Clears both errors. */
void stream_agree (const gchar *what,
                   gssize mine,
                   GError **my_error,
                   gssize theirs,
                   GError **their_error);
void
stream_agree_on_bytes (const gchar *what, gconstpointer mine, gconstpointer theirs, gsize size);

/* The same for a call on a file, which has done nothing if it failed and is @all_or_nothing */
gboolean
stream_file_is_comparable (Call *call, gboolean all_or_nothing, gboolean succeeded, GError **error);

void stream_start_over (void);
gsize stream_take_size (void);
const guint8 *stream_get_pattern (void); /* STREAM_MAX_BYTES */

/* In stream-steps-streams.c */
gssize stream_read (GInputStream *stream, gpointer bytes, gsize size, Call *call, GError **error);
gssize
stream_write (GOutputStream *stream, gconstpointer bytes, gsize size, Call *call, GError **error);
gboolean stream_is_writing (void);
void stream_drop_streams (void);
void stream_step (void);

/* In stream-steps-files.c */
void stream_file_step (void);

/* In stream-steps-pipes.c */
void stream_pipe_step (void);
