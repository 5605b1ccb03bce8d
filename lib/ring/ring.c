/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The public object. */

#include "config.h"

#include <sys/stat.h>

#include "cancellation.h"
#include "close.h"
#include "environment.h"
#include "restrictions.h"
#include "ring-private.h"
#include "setup.h"
#include "source.h"

#define DEFAULT_DISPATCH_BUDGET 2048

/**
 * GuringRing:
 *
 * An io_uring that a #GMainContext drives.
 *
 * Any SQE that liburing can prepare goes in with guring_ring_queue() and comes back as a call of a
 * #GuringCompletionFunc in the thread that runs the context. Submission is batched: what is queued
 * is submitted together before the loop sleeps, or with guring_ring_submit(). There is no limit to
 * what can be queued: as many operations as the CQ has entries are in flight, the others wait their
 * turn. So operations that wait for long, such as reads from idle sockets, need a CQ that has room
 * for all of them (#GuringRing:cq-entries).
 *
 * Operations hold no reference on the ring. Dropping the last one closes it, as
 * guring_ring_close() does without a deadline, and so does the end of its context.
 *
 * A ring belongs to the thread that owns its context (see g_main_context_is_owner()), or, while
 * none does, to any, which then owns the context for the moment. Whoever calls keeps the context
 * alive. The kernel cancels what a thread has submitted when that thread exits.
 *
 * Since: 0.1
 */

enum
{
  PROP_CONTEXT = 1,
  PROP_ENTRIES,
  PROP_CQ_ENTRIES,
  PROP_DISPATCH_BUDGET,
  PROP_SETUP_FLAGS,
  PROP_RESTRICTIONS,
  PROP_RESTRICTED_BY_KERNEL,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];
GType guring_ring_type;

static void guring_ring_initable_iface_init (GInitableIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (GuringRing,
                               guring_ring,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE,
                                                      guring_ring_initable_iface_init))

static void
guring_ring_init (GuringRing *ring)
{
  ring->dispatch_budget = DEFAULT_DISPATCH_BUDGET;
  ring->failed_tail = &ring->failed;
  pthread_mutex_init (&ring->visitors, NULL);
  guring_cancellation_init (ring);
}

/* Not earlier than here: a ring that can't be made shall not make the default context either. */
static gboolean
find_context (GuringRing *ring, GError **error)
{
  if (ring->context == NULL)
    ring->context = g_main_context_get_thread_default ();
  if (ring->context == NULL && guring_environment_has_descriptor (error))
    ring->context = g_main_context_default ();
  return ring->context != NULL;
}

static void
attach (GuringRing *ring)
{
  struct stat status;

  if (fstat (ring->uring.ring_fd, &status) == 0)
    {
      ring->device = status.st_dev;
      ring->inode = status.st_ino;
    }
  ring->entries = ring->uring.sq.ring_entries;
  ring->cq_entries = ring->uring.cq.ring_entries;
  ring->setup_flags = ring->uring.flags & ~IORING_SETUP_R_DISABLED;
  ring->source = guring_source_new (ring);
  g_source_attach (ring->source, ring->context);
}

static gboolean
set_up_restricted (GuringRing *ring)
{
  if (!guring_setup (&ring->uring, ring->entries, ring->cq_entries, IORING_SETUP_R_DISABLED, NULL))
    return FALSE;

  ring->restricted_by_kernel = guring_restrictions_impose (ring->restrictions, &ring->uring);
  if (!ring->restricted_by_kernel)
    io_uring_queue_exit (&ring->uring);
  return ring->restricted_by_kernel;
}

static gboolean
guring_ring_initable_init (GInitable *initable, GCancellable *cancellable, GError **error)
{
  GuringRing *ring = GURING_RING (initable);

  if (ring->source != NULL)
    return TRUE;

  if ((ring->restrictions == NULL || !set_up_restricted (ring)) &&
      !guring_setup (&ring->uring, ring->entries, ring->cq_entries, 0, error))
    return FALSE;

  if (ring->fork_guard == NULL)
    ring->fork_guard = guring_fork_guard_new (error);
  if (ring->fork_guard == NULL || !find_context (ring, error))
    {
      io_uring_queue_exit (&ring->uring);
      return FALSE;
    }

  attach (ring);
  return TRUE;
}

static void
guring_ring_initable_iface_init (GInitableIface *iface)
{
  iface->init = guring_ring_initable_init;
}

static void
guring_ring_dispose (GObject *object)
{
  GuringRing *ring = GURING_RING (object);

  if (ring->source != NULL && !ring->closed)
    guring_close_last_reference (ring);

  G_OBJECT_CLASS (guring_ring_parent_class)->dispose (object);
}

static void
guring_ring_finalize (GObject *object)
{
  GuringRing *ring = GURING_RING (object);

  g_clear_pointer (&ring->source, g_source_unref);
  g_clear_pointer (&ring->fork_guard, guring_fork_guard_free);
  g_clear_object (&ring->restrictions);
  g_clear_pointer (&ring->opcodes, g_free);
  g_clear_pointer (&ring->buffers, guring_buffer_table_unref);
  pthread_mutex_destroy (&ring->visitors);
  guring_cancellation_clear (ring);
  guring_backlog_clear (&ring->backlog);
  guring_registry_clear (&ring->registry);

  G_OBJECT_CLASS (guring_ring_parent_class)->finalize (object);
}

static void
guring_ring_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GuringRing *ring = GURING_RING (object);

  switch (id)
    {
    case PROP_CONTEXT:
      g_value_set_boxed (value, ring->context);
      break;
    case PROP_ENTRIES:
      g_value_set_uint (value, ring->entries);
      break;
    case PROP_CQ_ENTRIES:
      g_value_set_uint (value, ring->cq_entries);
      break;
    case PROP_DISPATCH_BUDGET:
      g_value_set_uint (value, ring->dispatch_budget);
      break;
    case PROP_SETUP_FLAGS:
      g_value_set_uint (value, ring->setup_flags);
      break;
    case PROP_RESTRICTED_BY_KERNEL:
      g_value_set_boolean (value, ring->restricted_by_kernel);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
guring_ring_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GuringRing *ring = GURING_RING (object);

  switch (id)
    {
    case PROP_CONTEXT:
      ring->context = g_value_get_boxed (value);
      break;
    case PROP_ENTRIES:
      ring->entries = g_value_get_uint (value);
      break;
    case PROP_CQ_ENTRIES:
      ring->cq_entries = g_value_get_uint (value);
      break;
    case PROP_DISPATCH_BUDGET:
      ring->dispatch_budget = g_value_get_uint (value);
      break;
    case PROP_RESTRICTIONS:
      ring->restrictions = guring_restrictions_copy (g_value_get_object (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
define_what_is_chosen_at_construction (void)
{
  const GParamFlags at_construction =
    G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  /**
   * GuringRing:context:
   *
   * The main context that drives the ring; by default the thread-default one of the thread that
   * makes it. The ring holds no reference on it, and has %NULL here once it is closed.
   *
   * Since: 0.1
   */
  properties[PROP_CONTEXT] =
    g_param_spec_boxed ("context", NULL, NULL, G_TYPE_MAIN_CONTEXT, at_construction);

  /**
   * GuringRing:entries:
   *
   * How many SQEs fit into one submission, and so the longest chain: a power of two, at most 32768.
   * What is given is rounded up; 0 is the default size.
   *
   * Since: 0.1
   */
  properties[PROP_ENTRIES] =
    g_param_spec_uint ("entries", NULL, NULL, 0, G_MAXUINT, 0, at_construction);

  /**
   * GuringRing:cq-entries:
   *
   * How many operations can be in flight at once: a power of two, at most 65536. What is given is
   * rounded up; 0 is twice #GuringRing:entries, or 4096 where these have their default.
   *
   * Since: 0.1
   */
  properties[PROP_CQ_ENTRIES] =
    g_param_spec_uint ("cq-entries", NULL, NULL, 0, G_MAXUINT, 0, at_construction);

  /**
   * GuringRing:restrictions:
   *
   * What the ring may do; %NULL for everything.
   *
   * Since: 0.1
   */
  properties[PROP_RESTRICTIONS] =
    g_param_spec_object ("restrictions", NULL, NULL, GURING_TYPE_RESTRICTIONS,
                         G_PARAM_WRITABLE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
}

static void
define_what_may_be_asked_later (void)
{
  /**
   * GuringRing:dispatch-budget:
   *
   * How many completions the ring dispatches before it yields to the other sources of its context;
   * after half a millisecond it does so earlier.
   *
   * Since: 0.1
   */
  properties[PROP_DISPATCH_BUDGET] =
    g_param_spec_uint ("dispatch-budget", NULL, NULL, 1, G_MAXUINT, DEFAULT_DISPATCH_BUDGET,
                       G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);

  /**
   * GuringRing:setup-flags:
   *
   * The `IORING_SETUP_…` flags in force: the best that the kernel has.
   *
   * Since: 0.1
   */
  properties[PROP_SETUP_FLAGS] = g_param_spec_uint ("setup-flags", NULL, NULL, 0, G_MAXUINT, 0,
                                                    G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * GuringRing:restricted-by-kernel:
   *
   * Whether the kernel enforces the #GuringRing:restrictions; %FALSE if the library alone does, or
   * if there are none.
   *
   * Since: 0.1
   */
  properties[PROP_RESTRICTED_BY_KERNEL] =
    g_param_spec_boolean ("restricted-by-kernel", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
guring_ring_class_init (GuringRingClass *class)
{
  GObjectClass *object_class = G_OBJECT_CLASS (class);

  guring_ring_type = G_OBJECT_CLASS_TYPE (class);
  object_class->dispose = guring_ring_dispose;
  object_class->finalize = guring_ring_finalize;
  object_class->get_property = guring_ring_get_property;
  object_class->set_property = guring_ring_set_property;

  define_what_is_chosen_at_construction ();
  define_what_may_be_asked_later ();
  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

/**
 * guring_ring_new:
 * @context: (nullable): the main context that is to drive the ring; %NULL for the thread-default
 *   one of the calling thread
 * @entries: how many SQEs fit into one submission, at most 32768; 0 for the default size
 * @error: return location for the error
 *
 * Makes a ring and attaches it to @context. Any thread.
 *
 * Returns: (transfer full): the ring. On %NULL, @error says what refused it and what to
 *   do: %G_IO_ERROR_NOT_SUPPORTED (no io_uring in this kernel, or switched off by
 *   `GURING_DISABLE=1`), %G_IO_ERROR_PERMISSION_DENIED (by the sysctl kernel.io_uring_disabled or a
 *   seccomp filter), %G_IO_ERROR_NO_SPACE (memory, RLIMIT_MEMLOCK),
 *   %G_IO_ERROR_TOO_MANY_OPEN_FILES, %G_IO_ERROR_INVALID_ARGUMENT (too many @entries), or what else
 *   io_uring_setup() failed with
 *
 * Since: 0.1
 */
GuringRing *
guring_ring_new (GMainContext *context, guint entries, GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_initable_new (GURING_TYPE_RING, NULL, error, "context", context, "entries", entries,
                         NULL);
}

void
guring_ring_set_unusable_error (GuringRing *ring, GError **error)
{
  if (ring->closing)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The ring is closed");
  else
    g_set_error (error, G_IO_ERROR, (gint) g_io_error_from_errno (ring->broken),
                 "io_uring_enter() has failed for good: %s; make another ring, and see whether a "
                 "seccomp filter of later forbids it or somebody closed the ring's descriptor",
                 g_strerror (ring->broken));
}

/**
 * guring_ring_get_source:
 * @ring: a ring
 *
 * Gets the source that drives the ring, for g_source_set_priority() and the like. It is attached
 * already, and has a callback of its own. Destroying it closes the ring. Any thread.
 *
 * Returns: (transfer none): the source, destroyed if the ring is closed
 *
 * Since: 0.1
 */
GSource *
guring_ring_get_source (GuringRing *ring)
{
  g_return_val_if_fail (GURING_IS_RING (ring), NULL);

  return ring->source;
}

/**
 * guring_ring_get_statistics:
 * @ring: a ring
 * @statistics: (out caller-allocates): where to put them
 *
 * Gets what the ring has done so far. For the thread that owns the context; also after closing.
 *
 * Since: 0.1
 */
void
guring_ring_get_statistics (GuringRing *ring, GuringStatistics *statistics)
{
  g_return_if_fail (GURING_IS_RING (ring));
  g_return_if_fail (statistics != NULL);

  *statistics = ring->statistics;
  statistics->cancels = __atomic_load_n (&ring->n_cancels, __ATOMIC_RELAXED);
  statistics->backlog = guring_ring_get_n_unfinished (ring) - statistics->in_flight;
}

/**
 * guring_ring_get_room:
 * @ring: a ring
 *
 * Tells how many more operations can be in flight at once. What is queued beyond that waits until
 * others have ended, which may be long if all of them wait for a peer. For the thread that owns the
 * context.
 *
 * Returns: #GuringRing:cq-entries but for those that are in flight or wait already; 0 if the ring
 * is closed
 *
 * Since: 0.1
 */
guint
guring_ring_get_room (GuringRing *ring)
{
  guint64 n_unfinished;

  g_return_val_if_fail (guring_ring_is_ring (ring), 0);

  if (guring_ring_is_over (ring))
    return 0;

  n_unfinished = guring_ring_get_n_unfinished (ring);
  return n_unfinished < ring->cq_entries ? ring->cq_entries - (guint) n_unfinished : 0;
}

/**
 * guring_ring_get_uring: (skip)
 * @ring: a ring
 *
 * Gets the io_uring itself, for io_uring_register_*(): buffers, files, buffer rings, personalities.
 * The SQ and the CQ are the ring's: preparing, submitting and reaping there breaks it. For the
 * thread that owns the context.
 *
 * Returns: (transfer none) (nullable): the io_uring, valid until the ring is closed; %NULL after
 *   that, in a forked child, and if the kernel does not enforce the #GuringRing:restrictions
 *
 * Since: 0.1
 */
struct io_uring *
guring_ring_get_uring (GuringRing *ring)
{
  g_return_val_if_fail (GURING_IS_RING (ring), NULL);

  if (guring_ring_is_over (ring) || (ring->restrictions != NULL && !ring->restricted_by_kernel))
    return NULL;

  ring->uring_shared = TRUE;
  return &ring->uring;
}

/* Returns: (transfer full): a byte for each opcode */
static guint8 *
probe (GuringRing *ring)
{
  struct io_uring_probe *probe = io_uring_get_probe_ring (&ring->uring);
  guint8 *opcodes = g_new0 (guint8, G_MAXUINT8 + 1);

  if (probe == NULL)
    return opcodes;

  for (guint i = 0; i < probe->ops_len; i++)
    opcodes[probe->ops[i].op] = (probe->ops[i].flags & IO_URING_OP_SUPPORTED) != 0;
  io_uring_free_probe (probe);
  return opcodes;
}

/**
 * guring_ring_supports:
 * @ring: a ring
 * @opcode: an `IORING_OP_…`
 *
 * Tells whether the ring can do an operation: the kernel has it, which is asked, and no
 * #GuringRing:restrictions forbid it. For the thread that owns the context.
 *
 * Returns: %TRUE if so; %FALSE if not, if the ring is closed, and in a forked child
 *
 * Since: 0.1
 */
gboolean
guring_ring_supports (GuringRing *ring, guint8 opcode)
{
  g_return_val_if_fail (guring_ring_is_ring (ring), FALSE);

  if (guring_ring_is_over (ring) ||
      !guring_restrictions_allow (ring->restrictions, opcode, 0, NULL))
    return FALSE;

  if (ring->opcodes == NULL)
    ring->opcodes = probe (ring);
  return ring->opcodes[opcode];
}
