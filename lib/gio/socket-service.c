/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The server's side of connections: GSocketService on the ring. */

#include "config.h"

#include <sys/socket.h>

#include "socket-service.h"

/**
 * GuringSocketService:
 *
 * Accepts connections and gives each out with a signal, as #GSocketService does: on the default
 * ring of a main context, with one multishot operation a listening socket; without io_uring it
 * polls.
 *
 * It runs in the main context that was the thread-default one when it was made, which it holds a
 * reference on. Functions that add sockets are for the thread that owns this context, or for any
 * while none does; the others for any thread, and take effect when the context runs.
 *
 * Nothing that was accepted is lost: connections that are there when the service is stopped, or is
 * at its limit, wait and are given out first. When the service goes they are closed, and so are the
 * listening sockets that nobody else has a reference on.
 *
 * Where descriptors or memory are short it says so with g_message(), at most once a minute, and
 * tries again after a while and whenever one of its connections ends.
 *
 * Since: 0.1
 */
enum
{
  PROP_ACTIVE = 1,
  PROP_LISTEN_BACKLOG,
  PROP_MAX_CONNECTIONS,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];
static guint incoming_signal;

G_DEFINE_FINAL_TYPE (GuringSocketService, guring_socket_service, G_TYPE_OBJECT)

static GPtrArray *
make_listeners (void)
{
  return g_ptr_array_new_with_free_func (guring_listener_unref);
}

/* The end */

typedef struct
{
  GPtrArray *listeners;
  GQueue accepted;
} Remains;

static void
remains_free (gpointer user_data)
{
  Remains *remains = user_data;

  g_ptr_array_unref (remains->listeners);
  g_queue_clear_full (&remains->accepted, guring_service_accepted_free);
  g_free (remains);
}

static gboolean
close_listeners (gpointer user_data)
{
  Remains *remains = user_data;

  for (guint i = 0; i < remains->listeners->len; i++)
    guring_listener_close (g_ptr_array_index (remains->listeners, i));
  return G_SOURCE_REMOVE;
}

/* If the context ends before this has run, it ends all that listeners have there. */
static void
close_later (GMainContext *context, Remains *remains)
{
  g_autoptr (GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_static_name (source, "GuringSocketService's end");
  g_source_set_callback (source, close_listeners, remains, remains_free);
  g_source_attach (source, context);
}

/* Listeners belong to the thread that owns the context, or to any while none does. */
static void
close_all (GuringSocketService *service)
{
  Remains *remains = g_new0 (Remains, 1);

  remains->listeners = g_steal_pointer (&service->listeners);
  remains->accepted = service->accepted;
  service->listeners = make_listeners ();
  g_queue_init (&service->accepted);

  if (!g_main_context_acquire (service->context))
    {
      close_later (service->context, remains);
      return;
    }
  close_listeners (remains);
  remains_free (remains);
  g_main_context_release (service->context);
}

static void
guring_socket_service_dispose (GObject *object)
{
  GuringSocketService *service = GURING_SOCKET_SERVICE (object);

  if (!service->disposed)
    {
      service->disposed = TRUE;
      guring_service_end_pause (service);
      close_all (service);
    }

  G_OBJECT_CLASS (guring_socket_service_parent_class)->dispose (object);
}

static void
guring_socket_service_finalize (GObject *object)
{
  GuringSocketService *service = GURING_SOCKET_SERVICE (object);

  g_ptr_array_unref (service->listeners);
  g_clear_object (&service->ring);
  g_main_context_unref (service->context);
  guring_service_link_unref (service->link);

  G_OBJECT_CLASS (guring_socket_service_parent_class)->finalize (object);
}

static void
guring_socket_service_constructed (GObject *object)
{
  GuringSocketService *service = GURING_SOCKET_SERVICE (object);

  service->ring = guring_ring_get_default (NULL);
  if (service->ring != NULL)
    g_object_ref (service->ring);
  G_OBJECT_CLASS (guring_socket_service_parent_class)->constructed (object);
}

static void
guring_socket_service_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GuringSocketService *service = GURING_SOCKET_SERVICE (object);

  switch (id)
    {
    case PROP_ACTIVE:
      g_value_set_boolean (value, guring_socket_service_is_active (service));
      break;
    case PROP_LISTEN_BACKLOG:
      g_value_set_int (value, service->listen_backlog);
      break;
    case PROP_MAX_CONNECTIONS:
      g_value_set_uint (value, guring_socket_service_get_max_connections (service));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
guring_socket_service_set_property (GObject *object,
                                    guint id,
                                    const GValue *value,
                                    GParamSpec *pspec)
{
  GuringSocketService *service = GURING_SOCKET_SERVICE (object);

  switch (id)
    {
    case PROP_ACTIVE:
      if (g_value_get_boolean (value))
        guring_socket_service_start (service);
      else
        guring_socket_service_stop (service);
      break;
    case PROP_LISTEN_BACKLOG:
      guring_socket_service_set_backlog (service, g_value_get_int (value));
      break;
    case PROP_MAX_CONNECTIONS:
      guring_socket_service_set_max_connections (service, g_value_get_uint (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
guring_socket_service_init (GuringSocketService *service)
{
  service->context = g_main_context_ref_thread_default ();
  service->listeners = make_listeners ();
  service->link = guring_service_link_new (service);
  service->listen_backlog = SOMAXCONN;
  service->active = TRUE;
}

static void
guring_socket_service_class_init (GuringSocketServiceClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);
  const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;

  object_class->constructed = guring_socket_service_constructed;
  object_class->dispose = guring_socket_service_dispose;
  object_class->finalize = guring_socket_service_finalize;
  object_class->get_property = guring_socket_service_get_property;
  object_class->set_property = guring_socket_service_set_property;

  /**
   * GuringSocketService:active:
   *
   * Whether it accepts.
   *
   * Since: 0.1
   */
  properties[PROP_ACTIVE] = g_param_spec_boolean ("active", NULL, NULL, TRUE, flags);

  /**
   * GuringSocketService:listen-backlog:
   *
   * How many clients may wait in the kernel, for each listening socket; see listen(2).
   *
   * Since: 0.1
   */
  properties[PROP_LISTEN_BACKLOG] =
    g_param_spec_int ("listen-backlog", NULL, NULL, 0, G_MAXINT, SOMAXCONN, flags);

  /**
   * GuringSocketService:max-connections:
   *
   * How many connections there may be that are neither closed nor gone before the next clients
   * wait; 0 for any number. While there is a limit each listening socket accepts one connection at
   * a time, so that the others wait in the kernel.
   *
   * Since: 0.1
   */
  properties[PROP_MAX_CONNECTIONS] =
    g_param_spec_uint ("max-connections", NULL, NULL, 0, G_MAXUINT, 0, flags);

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);

  /**
   * GuringSocketService::incoming:
   * @service: the service
   * @connection: the connection
   *
   * A client has connected. Who wants the connection takes a reference: it is closed when nobody
   * does. See guring_socket_connection_get_source_object() for where it came in. The handler may
   * stop the service, drop it, or run a nested main loop.
   *
   * Returns: %TRUE to stop other handlers from being called
   *
   * Since: 0.1
   */
  incoming_signal = g_signal_new ("incoming", G_TYPE_FROM_CLASS (class), G_SIGNAL_RUN_LAST, 0,
                                  g_signal_accumulator_true_handled, NULL, NULL, G_TYPE_BOOLEAN, 1,
                                  GURING_TYPE_SOCKET_CONNECTION);
}

void
guring_service_emit_incoming (GuringSocketService *service, GuringSocketConnection *connection)
{
  gboolean handled;

  g_signal_emit (service, incoming_signal, 0, connection, &handled);
}

/**
 * guring_socket_service_new:
 *
 * Makes a service, on the default ring of the thread-default main context. It is active; it needs
 * sockets to listen on.
 *
 * Returns: (transfer full): the service
 *
 * Since: 0.1
 */
GuringSocketService *
guring_socket_service_new (void)
{
  return g_object_new (GURING_TYPE_SOCKET_SERVICE, NULL);
}

/* Whether it accepts */

static void
set_active (GuringSocketService *service, gboolean active)
{
  if (g_atomic_int_exchange (&service->active, active) == active)
    return;

  guring_service_schedule (service);
  g_object_notify_by_pspec (G_OBJECT (service), properties[PROP_ACTIVE]);
}

/**
 * guring_socket_service_start:
 * @service: a service
 *
 * Goes on after guring_socket_service_stop(): with those that have come meanwhile. Any thread.
 *
 * Since: 0.1
 */
void
guring_socket_service_start (GuringSocketService *service)
{
  g_return_if_fail (GURING_IS_SOCKET_SERVICE (service));

  set_active (service, TRUE);
}

/**
 * guring_socket_service_stop:
 * @service: a service
 *
 * Accepts no more until guring_socket_service_start(). The sockets still listen, and clients wait.
 * Any thread.
 *
 * Since: 0.1
 */
void
guring_socket_service_stop (GuringSocketService *service)
{
  g_return_if_fail (GURING_IS_SOCKET_SERVICE (service));

  set_active (service, FALSE);
}

/**
 * guring_socket_service_is_active:
 * @service: a service
 *
 * Tells whether the service accepts. Any thread.
 *
 * Returns: %TRUE if so
 *
 * Since: 0.1
 */
gboolean
guring_socket_service_is_active (GuringSocketService *service)
{
  g_return_val_if_fail (GURING_IS_SOCKET_SERVICE (service), FALSE);

  return g_atomic_int_get (&service->active);
}

/**
 * guring_socket_service_set_max_connections:
 * @service: a service
 * @max_connections: how many, 0 for any number
 *
 * Sets #GuringSocketService:max-connections. Connections that are there stay. Any thread.
 *
 * Since: 0.1
 */
void
guring_socket_service_set_max_connections (GuringSocketService *service, guint max_connections)
{
  g_return_if_fail (GURING_IS_SOCKET_SERVICE (service));

  if (g_atomic_int_exchange (&service->max_connections, (gint) max_connections) ==
      (gint) max_connections)
    return;

  guring_service_schedule (service);
  g_object_notify_by_pspec (G_OBJECT (service), properties[PROP_MAX_CONNECTIONS]);
}

/**
 * guring_socket_service_get_max_connections:
 * @service: a service
 *
 * Gets #GuringSocketService:max-connections. Any thread.
 *
 * Returns: how many, 0 for any number
 *
 * Since: 0.1
 */
guint
guring_socket_service_get_max_connections (GuringSocketService *service)
{
  g_return_val_if_fail (GURING_IS_SOCKET_SERVICE (service), 0);

  return (guint) g_atomic_int_get (&service->max_connections);
}
