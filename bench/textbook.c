/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "textbook.h"
#include "harness.h"

struct _Textbook
{
  GSource source;
  struct io_uring ring;
  gpointer tag;
};

typedef struct
{
  TextbookFunc func;
  gpointer user_data;
} Operation;

static gboolean
textbook_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return io_uring_cq_ready (&((Textbook *) source)->ring) > 0;
}

static gboolean
textbook_check (GSource *source)
{
  return io_uring_cq_ready (&((Textbook *) source)->ring) > 0;
}

static gboolean
textbook_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  struct io_uring *ring = &((Textbook *) source)->ring;
  unsigned n =
    io_uring_cq_ready (ring); /* what comes meanwhile waits, so that others have a turn */
  struct io_uring_cqe *cqe;

  while (n-- > 0 && io_uring_peek_cqe (ring, &cqe) == 0)
    {
      Operation *operation = io_uring_cqe_get_data (cqe);
      int res = cqe->res;

      io_uring_cqe_seen (ring, cqe);
      operation->func (res, operation->user_data);
      g_free (operation);
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs textbook_funcs = {
  .prepare = textbook_prepare,
  .check = textbook_check,
  .dispatch = textbook_dispatch,
};

Textbook *
textbook_new (unsigned entries)
{
  GSource *source = g_source_new (&textbook_funcs, sizeof (Textbook));
  Textbook *textbook = (Textbook *) source;

  bench_expect ("io_uring_queue_init", io_uring_queue_init (entries, &textbook->ring, 0), 0);
  textbook->tag = g_source_add_unix_fd (source, textbook->ring.ring_fd, G_IO_IN);
  g_source_attach (source, NULL);
  return textbook;
}

struct io_uring_sqe *
textbook_get_sqe (Textbook *textbook)
{
  return io_uring_get_sqe (&textbook->ring);
}

void
textbook_submit (Textbook *textbook,
                 struct io_uring_sqe *sqe,
                 TextbookFunc func,
                 gpointer user_data)
{
  Operation *operation = g_new (Operation, 1);

  *operation = (Operation){ func, user_data };
  io_uring_sqe_set_data (sqe, operation);
  bench_expect ("io_uring_submit", io_uring_submit (&textbook->ring), 1);
}
