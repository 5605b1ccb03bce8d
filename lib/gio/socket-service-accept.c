/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* When a service accepts, and when it gives out what was accepted. */

#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "context.h"
#include "socket-connection.h"
#include "socket-service.h"

#define MAX_TURN 64            /* connections given out in a row, of those that waited */
#define PAUSE_MILLISECONDS 100 /* after an error that will not go away at once */
#define SILENCE (G_GINT64_CONSTANT (60) * G_USEC_PER_SEC)

GuringServiceLink *
guring_service_link_new (GuringSocketService *service)
{
  GuringServiceLink *link = g_new0 (GuringServiceLink, 1);

  g_atomic_ref_count_init (&link->n_references);
  g_weak_ref_init (&link->service, service);
  return link;
}

GuringServiceLink *
guring_service_link_ref (GuringServiceLink *link)
{
  g_atomic_ref_count_inc (&link->n_references);
  return link;
}

void
guring_service_link_unref (gpointer user_data)
{
  GuringServiceLink *link = user_data;

  if (!g_atomic_ref_count_dec (&link->n_references))
    return;

  g_weak_ref_clear (&link->service);
  g_free (link);
}

/* A connection that waits to be given out */
typedef struct
{
  int fd;
  GObject *source_object;
} Accepted;

void
guring_service_accepted_free (gpointer user_data)
{
  Accepted *accepted = user_data;

  if (accepted->fd >= 0)
    close (accepted->fd);
  g_clear_object (&accepted->source_object);
  g_free (accepted);
}

/* Later, in the context */

static void proceed (GuringSocketService *service);

void
guring_service_end_pause (GuringSocketService *service)
{
  if (service->pause != NULL)
    g_source_destroy (service->pause);
  g_clear_pointer (&service->pause, g_source_unref);
}

static gboolean
on_scheduled (gpointer user_data)
{
  GuringServiceLink *link = user_data;
  g_autoptr (GuringSocketService) service = NULL;

  g_atomic_int_set (&link->scheduled, FALSE);
  service = g_weak_ref_get (&link->service);
  if (service == NULL || service->disposed)
    return G_SOURCE_REMOVE;

  guring_service_end_pause (service);
  proceed (service);
  return G_SOURCE_REMOVE;
}

static GSource *
attach (GuringSocketService *service, GSource *source)
{
  g_source_set_static_name (source, "GuringSocketService");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_scheduled, guring_service_link_ref (service->link),
                         guring_service_link_unref);
  g_source_attach (source, service->context);
  return source;
}

/* From any thread */
void
guring_service_schedule (GuringSocketService *service)
{
  if (!g_atomic_int_exchange (&service->link->scheduled, TRUE))
    g_source_unref (attach (service, g_idle_source_new ()));
}

/* In whatever thread closed it. */
static void
on_connection_closed (gpointer user_data)
{
  GuringServiceLink *link = user_data;
  g_autoptr (GuringSocketService) service = NULL;

  g_atomic_int_add (&link->n_connections, -1);
  if (g_atomic_int_exchange (&link->waiting, FALSE))
    service = g_weak_ref_get (&link->service);
  if (service != NULL)
    guring_service_schedule (service);
  guring_service_link_unref (link);
}

/* Giving out */

static GuringSocketConnection *
make_connection (Accepted *accepted)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocket) socket = g_socket_new_from_fd (accepted->fd, &error);
  GuringSocketConnection *connection = NULL;

  if (socket != NULL)
    {
      accepted->fd = -1;
      connection = guring_socket_connection_new (socket, &error);
    }
  if (connection != NULL)
    guring_socket_connection_set_source_object (connection, accepted->source_object);
  else
    g_debug ("An accepted connection is dropped: %s", error->message);
  return connection;
}

static void
give_out (GuringSocketService *service, Accepted *accepted)
{
  g_autoptr (GuringSocketConnection) connection = make_connection (accepted);
  gboolean entered;

  guring_service_accepted_free (accepted);
  if (connection == NULL)
    return;

  g_atomic_int_inc (&service->link->n_connections);
  guring_socket_connection_set_closed_func (connection, on_connection_closed,
                                            guring_service_link_ref (service->link));
  entered = guring_context_enter (service->context);
  guring_service_emit_incoming (service, connection);
  guring_context_leave (service->context, entered);
}

/* Who closes a connection counts it first and then looks whether it is waited for. */
static gboolean
has_room (GuringSocketService *service)
{
  GuringServiceLink *link = service->link;
  guint max = guring_socket_service_get_max_connections (service);

  if (max == 0 || (guint) g_atomic_int_get (&link->n_connections) < max)
    return TRUE;

  g_atomic_int_set (&link->waiting, TRUE);
  return (guint) g_atomic_int_get (&link->n_connections) < max;
}

static gboolean
may_give_out (GuringSocketService *service)
{
  return guring_socket_service_is_active (service) && !service->disposed && has_room (service);
}

/* With a limit a listener accepts one at a time: a multishot operation takes all that have come. */
static void
proceed (GuringSocketService *service)
{
  gboolean may_accept;

  for (guint i = 0; i < MAX_TURN && service->accepted.length > 0 && may_give_out (service); i++)
    give_out (service, g_queue_pop_head (&service->accepted));

  may_accept = may_give_out (service);
  if (may_accept && service->accepted.length > 0)
    guring_service_schedule (service);
  may_accept = may_accept && service->accepted.length == 0 && service->pause == NULL;

  for (guint i = 0; i < service->listeners->len; i++)
    {
      GuringListener *listener = g_ptr_array_index (service->listeners, i);

      if (may_accept)
        guring_listener_start (listener, guring_socket_service_get_max_connections (service) == 0);
      else
        guring_listener_stop (listener);
    }
}

/* Accepting */

/* See accept(2): of a client that went again, or of the network between. */
static gboolean
is_of_one_connection (int error_number)
{
  switch (error_number)
    {
    case ECANCELED:
    case ECONNABORTED:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case EINTR:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case ENOPROTOOPT:
    case EPERM:
    case EPROTO:
    case ETIMEDOUT:
      return TRUE;
    default:
      return FALSE;
    }
}

/* Clients that come and go at the limit shall not fill the log. */
static void
complain (GuringSocketService *service, int error_number)
{
  gint64 now = g_get_monotonic_time ();

  if (now < service->may_complain)
    return;

  service->may_complain = now + SILENCE;
  g_message ("Could not accept connections: %s; they wait", g_strerror (error_number));
}

/* For anything else it is the same for the next one: of descriptors, memory, the listener. */
static void
take_pause (GuringSocketService *service, int error_number)
{
  complain (service, error_number);

  g_atomic_int_set (&service->link->waiting, TRUE);
  if (service->pause == NULL)
    service->pause = attach (service, g_timeout_source_new (PAUSE_MILLISECONDS));
}

static void
add_accepted (GuringSocketService *service, GuringListener *listener, int fd)
{
  Accepted *accepted = g_new0 (Accepted, 1);

  accepted->fd = fd;
  g_set_object (&accepted->source_object, guring_listener_get_source_object (listener));
  g_queue_push_tail (&service->accepted, accepted);
}

void
guring_service_on_accepted (GuringListener *listener, gint32 res, gpointer user_data)
{
  GuringServiceLink *link = user_data;
  g_autoptr (GuringSocketService) service = g_weak_ref_get (&link->service);

  if (service == NULL || service->disposed)
    {
      if (res >= 0)
        close (res);
      return;
    }

  if (res >= 0)
    add_accepted (service, listener, res);
  else if (!is_of_one_connection (-res))
    take_pause (service, -res);
  proceed (service);
}
