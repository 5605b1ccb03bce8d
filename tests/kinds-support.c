/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "kinds-support.h"

static void
log_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer data)
{
  Log *log = data;

  ck_assert_uint_lt (log->n, G_N_ELEMENTS (log->results));
  log->results[log->n] = completion->res;
  log->flags[log->n++] = completion->flags;
  record_completion (completed_ring, completion, &log->record);
}

static void
log_notify (gpointer data)
{
  record_notify (&((Log *) data)->record);
}

guint64
queue_logged (const struct io_uring_sqe *sqe, Log *log)
{
  g_autoptr (GError) error = NULL;
  guint64 id = guring_ring_queue (ring, sqe, log_completion, log, log_notify, &error);

  ck_assert_msg (id != 0, "%s", error != NULL ? error->message : "no error");
  return id;
}

int
listen_at_loopback (struct sockaddr_in *address)
{
  socklen_t length = sizeof *address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  *address =
    (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  ck_assert_int_ge (fd, 0);
  ck_assert_int_eq (bind (fd, (struct sockaddr *) address, length), 0);
  ck_assert_int_eq (listen (fd, 16), 0);
  ck_assert_int_eq (getsockname (fd, (struct sockaddr *) address, &length), 0);
  return fd;
}

guint8 *
make_random_data (gsize length)
{
  GRand *random = g_rand_new_with_seed (1);
  guint8 *data = g_malloc (length);

  for (gsize i = 0; i < length; i++)
    data[i] = (guint8) g_rand_int (random);
  g_rand_free (random);
  return data;
}
