/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* io_uring in a GMainContext as a tutorial would have it: a GSource that polls the ring's
 * descriptor, and a submission for each operation. */

#pragma once

#include <liburing.h>

#include <glib.h>

G_BEGIN_DECLS

typedef struct _Textbook Textbook;
typedef void (*TextbookFunc) (int res, gpointer user_data);

Textbook *textbook_new (unsigned entries);
struct io_uring_sqe *textbook_get_sqe (Textbook *textbook);
void textbook_submit (Textbook *textbook,
                      struct io_uring_sqe *sqe,
                      TextbookFunc func,
                      gpointer user_data);

G_END_DECLS
