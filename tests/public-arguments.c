/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arguments that a public function can do something with, made for its parameters' types. */

#include "config.h"

#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "public-call.h"
#include "socket-support.h"

#define TEXT "12345"

static GPtrArray *kept; /* of Kept, freed from the last to the first */
static GFile *files[2]; /* one that is there, and one that is not */

typedef struct
{
  gpointer object;
  GDestroyNotify free_object;
} Kept;

static gpointer
keep (gpointer object, GDestroyNotify free_object)
{
  Kept *item = g_new (Kept, 1);

  ck_assert_ptr_nonnull (object);
  *item = (Kept){ object, free_object };
  g_ptr_array_add (kept, item);
  return object;
}

void
arguments_clear (void)
{
  while (kept != NULL && kept->len > 0)
    {
      Kept *item = g_ptr_array_steal_index (kept, kept->len - 1);

      item->free_object (item->object);
      g_free (item);
    }
  g_clear_pointer (&kept, g_ptr_array_unref);
  memset (files, 0, sizeof files);
}

static gboolean
has_prefix (const PublicCall *call, const gchar *prefix)
{
  return g_str_has_prefix (call->name, prefix);
}

/* Descriptors: the callee may have closed one, and somebody else have its number by then. */

typedef struct
{
  int fd;
  struct stat status;
} Descriptor;

static void
descriptor_free (gpointer data)
{
  Descriptor *descriptor = data;
  struct stat status;

  if (fstat (descriptor->fd, &status) == 0 && status.st_dev == descriptor->status.st_dev &&
      status.st_ino == descriptor->status.st_ino)
    close (descriptor->fd);
  g_free (descriptor);
}

static int
keep_fd (int fd)
{
  Descriptor *descriptor = g_new0 (Descriptor, 1);

  descriptor->fd = fd;
  ck_assert_int_eq (fstat (fd, &descriptor->status), 0);
  keep (descriptor, descriptor_free);
  return fd;
}

static int
make_pipe_end (guint which)
{
  int fds[2];

  make_pipe (fds);
  keep_fd (fds[1 - which]);
  return keep_fd (fds[which]);
}

static int
make_fd (const PublicCall *call, const gchar *name, State state)
{
  if (state == CLOSED)
    return CLOSED_FD;
  if (strcmp (name, "fd_out") == 0)
    return make_pipe_end (1);
  if (has_prefix (call, "guring_fd_watch"))
    return make_pipe_end (0);
  return keep_fd (make_file ("file", TEXT));
}

/* Numbers */

static const struct
{
  const gchar *function; /* a prefix */
  const gchar *name;
  gint64 value;
} numbers[] = {
  { "", "buffer_size", 64 },   { "", "condition", G_IO_IN },
  { "", "count", 5 },          { "", "dir_fd", AT_FDCWD },
  { "", "entries", 8 },        { "", "length", 4096 },
  { "", "listen_backlog", 8 }, { "", "mask", STATX_BASIC_STATS },
  { "", "mode", 0700 },        { "guring_fallocate", "mode", 0 },
  { "", "n_buffers", 2 },      { "", "n_requests", 1 },
  { "", "num_vectors", 1 },    { "", "offset_out", -1 },
  { "", "timeout_us", -1 },
};

static guint16
find_free_port (void)
{
  g_autoptr (GSocket) socket = make_bound (IPV4, G_SOCKET_TYPE_STREAM);
  g_autoptr (GSocketAddress) address = get_local (socket);

  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
}

static gint64
make_number (const PublicCall *call, const gchar *name, State state)
{
  gint64 value = 0;

  if (strcmp (name, "fd") == 0 || g_str_has_prefix (name, "fd_"))
    return make_fd (call, name, state);
  if (strcmp (name, "port") == 0)
    return find_free_port ();
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (strcmp (numbers[i].name, name) == 0 && has_prefix (call, numbers[i].function))
      value = numbers[i].value;
  return value;
}

/* For the ring */

static void
on_completion (GuringRing *completed_ring, const GuringCompletion *completion, gpointer unused)
{
}

static void
on_notify (gpointer unused)
{
}

static gboolean
on_ready (gint fd, GIOCondition condition, gpointer unused)
{
  return G_SOURCE_CONTINUE;
}

static void
on_progress (goffset current, goffset total, gpointer unused)
{
}

static gpointer
make_context (const PublicCall *call, State state)
{
  return context;
}

static gpointer
make_ring_argument (const PublicCall *call, State state)
{
  struct io_uring_sqe sqe = { 0 };

  if (has_prefix (call, "guring_ring_close")) /* which has to wait */
    {
      io_uring_prep_poll_add (&sqe, make_pipe_end (0), POLLIN);
      guring_ring_queue (ring, &sqe, NULL, NULL, NULL, NULL);
      guring_ring_submit (ring, NULL);
    }
  if (state == CLOSED)
    guring_ring_close (ring, -1, NULL);
  return ring;
}

static gpointer
make_group (const PublicCall *call, State state)
{
  gpointer group = keep (guring_buffer_group_new (ring, 2, 64, NULL), g_object_unref);

  make_ring_argument (call, state);
  return group;
}

static gpointer
make_restrictions (const PublicCall *call, State state)
{
  return keep (guring_restrictions_new (), g_object_unref);
}

/* The callee may destroy it. */

static GuringFdWatch *watch;

static void
on_watch_destroyed (gpointer unused)
{
  watch = NULL;
}

static void
destroy_watch (gpointer unused)
{
  if (watch != NULL)
    guring_fd_watch_destroy (watch);
}

static gpointer
make_watch (const PublicCall *call, State state)
{
  watch = guring_fd_watch_new (ring, make_pipe_end (0), G_IO_IN, on_ready, NULL, on_watch_destroyed,
                               NULL);
  keep (watch, destroy_watch);
  if (ring != NULL)
    make_ring_argument (call, state);
  return watch;
}

/* For files */

/* The same for an _async() and its _finish(): GIO's own want that. */
static gpointer
make_gfile (const PublicCall *call, const gchar *name)
{
  gboolean is_new = has_prefix (call, "guring_file_create") || strcmp (name, "destination") == 0 ||
                    has_prefix (call, "guring_file_make_directory");

  close (make_file ("file", TEXT));
  if (files[is_new] == NULL)
    files[is_new] = keep (g_file_new_for_path (is_new ? "new" : "file"), g_object_unref);
  return files[is_new];
}

static gpointer
make_string (const PublicCall *call, const gchar *name)
{
  if (strcmp (name, "etag") == 0)
    return NULL;
  if (strcmp (name, "attributes") == 0)
    return (gpointer) "standard::size";

  close (make_file ("file", TEXT));
  if (strcmp (name, "new_path") == 0 || has_prefix (call, "guring_mkdir"))
    return (gpointer) "new";
  return (gpointer) "file";
}

static gpointer
make_bytes (const PublicCall *call, State state)
{
  return keep (g_bytes_new_static (TEXT, 5), (GDestroyNotify) g_bytes_unref);
}

static gpointer
make_input_stream (const PublicCall *call, State state)
{
  GInputStream *stream =
    keep (guring_input_stream_new (make_fd (call, "fd", USABLE), FALSE), g_object_unref);

  if (state == CLOSED)
    g_input_stream_close (stream, NULL, NULL);
  return stream;
}

static gpointer
make_output_stream (const PublicCall *call, State state)
{
  GOutputStream *stream =
    keep (guring_output_stream_new (make_fd (call, "fd", USABLE), FALSE), g_object_unref);

  if (state == CLOSED)
    g_output_stream_close (stream, NULL, NULL);
  return stream;
}

/* For sockets: there is something to receive. */

static GSocket *
make_connected_socket (void)
{
  GSocket *sockets[2];

  make_pair (G_SOCKET_TYPE_STREAM, sockets);
  keep (sockets[0], g_object_unref);
  keep (sockets[1], g_object_unref);
  ck_assert_int_eq (g_socket_send (sockets[1], TEXT, 5, NULL, NULL), 5);
  return sockets[0];
}

static gpointer
make_socket_argument (const PublicCall *call, State state)
{
  GSocket *socket;

  if (has_prefix (call, "guring_socket_connect_"))
    socket = keep (make_socket (UNIX_ABSTRACT, G_SOCKET_TYPE_STREAM), g_object_unref);
  else if (has_prefix (call, "guring_socket_service"))
    socket = keep (make_listener (UNIX_ABSTRACT, 8), g_object_unref);
  else
    socket = make_connected_socket ();
  g_socket_set_timeout (socket, 1); /* with some flags it waits for what never comes */

  if (state == CLOSED)
    g_socket_close (socket, NULL);
  return socket;
}

/* A socket that is connected needs none. */
static gpointer
make_socket_address (const PublicCall *call, State state)
{
  GSocket *listener;

  if (!has_prefix (call, "guring_socket_connect_"))
    return NULL;

  listener = keep (make_listener (UNIX_ABSTRACT, 8), g_object_unref);
  return keep (get_local (listener), g_object_unref);
}

static gpointer
make_connection (const PublicCall *call, State state)
{
  GuringSocketConnection *connection =
    keep (guring_socket_connection_new (make_connected_socket (), NULL), g_object_unref);

  if (state == CLOSED)
    g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
  return connection;
}

static gpointer
make_service (const PublicCall *call, State state)
{
  return keep (guring_socket_service_new (), g_object_unref);
}

/* For all */

static gpointer
make_object (const PublicCall *call, State state)
{
  return keep (g_object_new (G_TYPE_OBJECT, NULL), g_object_unref);
}

static gpointer
make_cancellable (const PublicCall *call, State state)
{
  return keep (g_cancellable_new (), g_object_unref);
}

static gpointer
make_result (const PublicCall *call, State state)
{
  const PublicCall *async = find_twin (call);
  Value values[MAX_PARAMETERS] = { 0 };
  g_autoptr (GAsyncResult) result = take_result ();
  g_auto (Outcome) outcome = { 0 };

  if (result == NULL)
    {
      make_arguments (async, USABLE, values);
      outcome = invoke (async, values);
      result = take_result ();
    }
  return keep (g_steal_pointer (&result), g_object_unref);
}

/* Where to put what a function gives out */

static void
free_text (gpointer slot)
{
  g_clear_pointer ((gpointer *) slot, g_free);
  g_free (slot);
}

static void
free_object (gpointer slot)
{
  g_clear_object ((GObject **) slot);
  g_free (slot);
}

static void
free_objects (gpointer slot)
{
  GObject **objects = *(gpointer *) slot;

  for (guint i = 0; objects != NULL && objects[i] != NULL; i++)
    g_object_unref (objects[i]);
  free_text (slot);
}

static gpointer
make_slot_of_text (const PublicCall *call, State state)
{
  return keep (g_new0 (gpointer, 1), free_text);
}

static gpointer
make_slot_of_object (const PublicCall *call, State state)
{
  return keep (g_new0 (gpointer, 1), free_object);
}

static gpointer
make_slot_of_objects (const PublicCall *call, State state)
{
  return keep (g_new0 (gpointer, 1), free_objects);
}

/* The table */

static struct
{
  gchar buffer[64];
  GInputVector inputs[2]; /* with an end */
  GOutputVector outputs[2];
  GSocketControlMessage *messages[1];
  struct io_uring_sqe sqe; /* a NOP */
  GuringRequest request;
  GuringCompletion completion;
  GuringStatistics statistics;
  guint64 id;
  gint integer;
  gsize size;
  struct statx status;
  GError *error;
} data;

static const struct
{
  const gchar *type;
  gpointer (*make) (const PublicCall *call, State state);
  gpointer location;
  GCallback func;
} providers[] = {
  { "GAsyncReadyCallback", .func = G_CALLBACK (on_called_back) },
  { "GAsyncResult *", .make = make_result },
  { "GBytes *", .make = make_bytes },
  { "GCancellable *", .make = make_cancellable },
  { "GDestroyNotify", .func = G_CALLBACK (on_notify) },
  { "GError **", .location = &data.error },
  { "GFileProgressCallback", .func = G_CALLBACK (on_progress) },
  { "GInputVector *", .location = data.inputs },
  { "GMainContext *", .make = make_context },
  { "GObject *", .make = make_object },
  { "GOutputVector *", .location = data.outputs },
  { "GSocket *", .make = make_socket_argument },
  { "GSocketAddress *", .make = make_socket_address },
  { "GSocketAddress **", .make = make_slot_of_object },
  { "GSocketControlMessage **", .location = data.messages },
  { "GSocketControlMessage ***", .make = make_slot_of_objects },
  { "GUnixFDSourceFunc", .func = G_CALLBACK (on_ready) },
  { "GuringBufferGroup *", .make = make_group },
  { "GuringCompletionFunc", .func = G_CALLBACK (on_completion) },
  { "GuringFdWatch *", .make = make_watch },
  { "GuringInputStream *", .make = make_input_stream },
  { "GuringOutputStream *", .make = make_output_stream },
  { "GuringRestrictions *", .make = make_restrictions },
  { "GuringRing *", .make = make_ring_argument },
  { "GuringSocketConnection *", .make = make_connection },
  { "GuringSocketService *", .make = make_service },
  { "GuringStatistics *", .location = &data.statistics },
  { "const GuringCompletion *", .location = &data.completion },
  { "const GuringRequest *", .location = &data.request },
  { "const struct io_uring_sqe *", .location = &data.sqe },
  { "gchar **", .make = make_slot_of_text },
  { "gint *", .location = &data.integer },
  { "gpointer", .location = data.buffer },
  { "gsize *", .location = &data.size },
  { "guint64 *", .location = &data.id },
  { "struct statx *", .location = &data.status },
};

static Value
make_argument (const PublicCall *call, const Parameter *parameter, State state)
{
  if (parameter->flags & IS_NUMBER)
    return (Value){ .number = make_number (call, parameter->name, state) };
  if (strcmp (parameter->type, "GFile *") == 0)
    return (Value){ .pointer = make_gfile (call, parameter->name) };
  if (strcmp (parameter->type, "const gchar *") == 0)
    return (Value){ .pointer = make_string (call, parameter->name) };

  for (guint i = 0; i < G_N_ELEMENTS (providers); i++)
    if (strcmp (providers[i].type, parameter->type) == 0)
      {
        if (providers[i].func != NULL)
          return (Value){ .func = providers[i].func };
        return (Value){ .pointer = providers[i].make != NULL ? providers[i].make (call, state)
                                                             : providers[i].location };
      }
  ck_abort_msg ("%s(): nothing to give as a %s", call->name, parameter->type);
}

void
make_arguments (const PublicCall *call, State state, Value *values)
{
  if (kept == NULL)
    kept = g_ptr_array_new ();

  memset (&data, 0, sizeof data);
  data.inputs[0] = (GInputVector){ data.buffer, 5 };
  data.outputs[0] = (GOutputVector){ TEXT, 5 };
  for (guint i = 0; i < call->n_parameters; i++)
    values[i] = make_argument (call, &call->parameters[i], state);
}
