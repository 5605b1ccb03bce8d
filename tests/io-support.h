/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of guring-io.h share. */

#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "support.h"

/* Each test has a thread-default context, and an empty directory that it is in; it fails if it
 * leaves a descriptor behind. The second has GURING_DISABLE set. */
TCase *add_io_case (Suite *suite, const gchar *name);
TCase *add_fallback_case (Suite *suite, const gchar *name);

/* Adds the tests twice, because all must give the same without io_uring. */
void add_io_tests (Suite *suite, void (*add_tests) (TCase *tcase));

/* For who writes much: the directories are not on a disk, where that is possible. */
void keep_files_in_memory (void);

/* What an asynchronous call gave. Pass on_reply and a Reply. */
typedef struct
{
  guint n_calls;
  GAsyncResult *result;
  GThread *thread;
  GMainContext *context; /* thread-default in the callback */
} Reply;

void on_reply (GObject *source_object, GAsyncResult *result, gpointer reply);
void reply_clear (Reply *reply);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reply, reply_clear)

/* The same of a call on a GFile, or on what has no file. Pass on_answer and an Answer. */
typedef struct
{
  GFile *file;
  guint n_calls;
  GAsyncResult *result;
} Answer;

Answer answer_for (const gchar *name); /* a path or a URI */
void on_answer (GObject *source_object, GAsyncResult *result, gpointer answer);
void answer_clear (Answer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)

/* Runs the context of whatever thread it is called in. */
GAsyncResult *await_answer (Answer *answer);

/* Runs the context until it is there; fails if it came from within the call. */
GAsyncResult *await (Reply *reply);

/* Until an operation that was started waits in the kernel, and what is ready has been seen to */
void let_it_wait (void);

/* Run it with a thread-default context of its own: here, or in so many other threads at once. */
void run_in_own_context (void (*run) (GMainContext *own, gpointer data), gpointer data);
void run_in_threads (guint n_threads, void (*run) (GMainContext *own, gpointer data), gpointer data);

/* What the error of a call is for an errno: its code, and a message that begins so */
void assert_errno (GError *error, int error_number, const gchar *message);

/* The same, and sets the error to NULL; so does the next. */
void expect_errno (GError **error, int error_number, const gchar *message);
void assert_cancelled (GError **error);

GCancellable *make_cancelled (void);
gpointer cancel_in_thread (gpointer cancellable); /* a GThreadFunc */

/* At the position of the descriptor, to be awaited */
void io_start_read (int fd, gsize count, GCancellable *cancellable, Reply *reply);
void io_start_write (int fd, GBytes *bytes, GCancellable *cancellable, Reply *reply);

/* The calls as if they were synchronous */
gint io_open (const gchar *path, gint flags, guint mode, GError **error);
gboolean io_close (gint fd, GError **error);
GBytes *io_read (gint fd, gsize count, gint64 offset, GError **error);
gboolean io_write (gint fd, GBytes *bytes, gint64 offset, gsize *n_written, GError **error);

void make (const gchar *name, gsize size);                /* a file that holds a pattern */
int make_file (const gchar *path, const gchar *contents); /* opened for reading and writing */
void put_file (const gchar *path, const gchar *contents);
gboolean exists (const gchar *path); /* also a link that leads nowhere */
gsize count_in_pipe (int fd);
GBytes *make_pattern (gsize size);
void assert_bytes (GBytes *bytes, gconstpointer data, gsize size); /* takes the bytes */

/* A file system of 64 KiB for the test, at a directory that is made. Returns whether it could be
 * had, and tells if not. */
gboolean mount_tmpfs (const gchar *path, gulong flags);

#define CLOSED_FD 12345
