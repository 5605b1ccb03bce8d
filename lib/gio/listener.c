/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A socket that accepts connections: with one multishot operation where the kernel has it, with an
 * operation for each connection where not, and by polling without a ring. */

#include "config.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>

#include "listener.h"

#define MAX_ACCEPTS 64 /* in an iteration of the main loop that polls */

struct _GuringListener
{
  gatomicrefcount n_references; /* the service's, and its operation's */

  GSocket *socket; /* NULL when closed */
  GObject *source_object;
  GuringRing *ring;
  GMainContext *context; /* not owned: the service's */
  GuringListenerFunc func;
  gpointer user_data;
  GDestroyNotify free_user_data;

  guint64 id;      /* of the operation, 0 while there is none */
  GSource *source; /* in place of it */
  gboolean several;
  gboolean no_multishot; /* the kernel has none */
  gboolean no_waiting;   /* an old kernel does not wait for a socket with O_NONBLOCK */
  gboolean stopping;     /* the operation is cancelled and has not ended */
};

void
guring_listener_unref (gpointer user_data)
{
  GuringListener *listener = user_data;

  if (!g_atomic_ref_count_dec (&listener->n_references))
    return;

  g_clear_object (&listener->socket);
  g_clear_object (&listener->source_object);
  g_clear_object (&listener->ring);
  g_clear_pointer (&listener->source, g_source_unref); /* of a context that ended */
  listener->free_user_data (listener->user_data);
  g_free (listener);
}

GuringListener *
guring_listener_new (GSocket *socket,
                     GObject *source_object,
                     GuringRing *ring,
                     GMainContext *context,
                     GuringListenerFunc func,
                     gpointer user_data,
                     GDestroyNotify free_user_data)
{
  GuringListener *listener = g_new0 (GuringListener, 1);

  g_atomic_ref_count_init (&listener->n_references);
  listener->socket = g_object_ref (socket);
  g_set_object (&listener->source_object, source_object);
  g_set_object (&listener->ring, ring);
  listener->context = context;
  listener->func = func;
  listener->user_data = user_data;
  listener->free_user_data = free_user_data;
  return listener;
}

GSocket *
guring_listener_get_socket (GuringListener *listener)
{
  return listener->socket;
}

GObject *
guring_listener_get_source_object (GuringListener *listener)
{
  return listener->source_object;
}

/* By polling */

static gint32
accept_now (GuringListener *listener)
{
  int fd;

  do
    fd = accept4 (g_socket_get_fd (listener->socket), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  while (fd < 0 && errno == EINTR);

  return fd < 0 ? -errno : fd;
}

static void
stop_polling (GuringListener *listener)
{
  if (listener->source != NULL)
    g_source_destroy (listener->source);
  g_clear_pointer (&listener->source, g_source_unref);
}

/* The callee may stop it. */
static gboolean
on_ready (gint fd, GIOCondition condition, gpointer user_data)
{
  GuringListener *listener = user_data;
  GSource *source = listener->source;

  for (guint i = 0; i < MAX_ACCEPTS && listener->source == source; i++)
    {
      gint32 res = accept_now (listener);

      if (res == -EAGAIN)
        break;
      if (res < 0 || !listener->several)
        stop_polling (listener);
      listener->func (listener, res, listener->user_data);
    }
  return G_SOURCE_CONTINUE; /* unless it is destroyed */
}

static void
start_polling (GuringListener *listener)
{
  listener->source = g_unix_fd_source_new (g_socket_get_fd (listener->socket), G_IO_IN);
  g_atomic_ref_count_inc (&listener->n_references);
  g_source_set_static_name (listener->source, "GuringSocketService");
  g_source_set_can_recurse (listener->source, TRUE); /* in a nested main loop */
  g_source_set_callback (listener->source, G_SOURCE_FUNC (on_ready), listener,
                         guring_listener_unref);
  g_source_attach (listener->source, listener->context);
}

/* On the ring */

static gint32
degrade (GuringListener *listener, gint32 res)
{
  if (res == -EINVAL && listener->several && !listener->no_multishot)
    listener->no_multishot = TRUE;
  else if (res == -EAGAIN && !listener->no_waiting)
    listener->no_waiting = TRUE;
  else
    return res;
  return -ECONNABORTED; /* nobody has come */
}

static void
on_accepted (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  GuringListener *listener = user_data;
  gint32 res = completion->res;

  if (guring_completion_is_final (completion))
    {
      listener->id = 0;
      listener->stopping = FALSE;
    }
  listener->func (listener, res < 0 ? degrade (listener, res) : res, listener->user_data);
}

static gboolean
queue_accept (GuringListener *listener)
{
  int fd = g_socket_get_fd (listener->socket);
  struct io_uring_sqe sqe = { 0 };

  if (listener->ring == NULL || listener->no_waiting ||
      !guring_ring_supports (listener->ring, IORING_OP_ACCEPT) ||
      guring_ring_get_room (listener->ring) == 0)
    return FALSE;

  if (listener->several && !listener->no_multishot)
    io_uring_prep_multishot_accept (&sqe, fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  else
    io_uring_prep_accept (&sqe, fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  g_atomic_ref_count_inc (&listener->n_references);
  listener->id =
    guring_ring_queue (listener->ring, &sqe, on_accepted, listener, guring_listener_unref, NULL);
  if (listener->id == 0)
    guring_listener_unref (listener);
  return listener->id != 0;
}

/* Either */

void
guring_listener_start (GuringListener *listener, gboolean several)
{
  if (listener->several && !several)
    guring_listener_stop (listener);
  if (listener->id != 0 || listener->source != NULL || g_socket_is_closed (listener->socket))
    return;

  listener->several = several;
  if (!queue_accept (listener))
    start_polling (listener);
}

void
guring_listener_stop (GuringListener *listener)
{
  stop_polling (listener);
  if (listener->id == 0 || listener->stopping)
    return;

  listener->stopping = TRUE;
  guring_ring_cancel (listener->ring, listener->id);
}

/* What is to be cancelled is not submitted any more, so that the descriptor can be closed at once;
 * what the kernel has goes now, and the address is free. */
void
guring_listener_close (GuringListener *listener)
{
  guring_listener_stop (listener);
  if (listener->id != 0)
    guring_ring_submit (listener->ring, NULL);
  g_clear_object (&listener->socket);
}
