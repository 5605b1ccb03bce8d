/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of streams share. */

#pragma once

#include "io-support.h"

/* What an asynchronous call of a stream gave. Pass on_done and a Done. */
typedef struct
{
  GAsyncResult *result;
  GThread *thread;
} Done;

void on_done (GObject *source_object, GAsyncResult *result, gpointer done);
void done_clear (Done *done);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Done, done_clear)

/* A read in two parts: it must not call back from within the call, and finishing it runs the context
 * until it has ended. */
void start_read (GInputStream *stream,
                 gpointer buffer,
                 gsize count,
                 GCancellable *cancellable,
                 Done *done);
gssize finish_read (GInputStream *stream, Done *done, GError **error);
void assert_waits (const Done *done);

/* The calls as if they were synchronous */
gssize read_async (GInputStream *stream,
                   gpointer buffer,
                   gsize count,
                   GCancellable *cancellable,
                   GError **error);
gssize write_async (GOutputStream *stream,
                    gconstpointer buffer,
                    gsize count,
                    GCancellable *cancellable,
                    GError **error);
gssize writev_async (GOutputStream *stream, const GOutputVector *vectors, gsize n, GError **error);
