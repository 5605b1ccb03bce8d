/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A ring that may do less: who takes over a program that holds nothing else can't do more. */

#include "config.h"

#include "restrictions.h"

#define N_OPCODES (G_MAXUINT8 + 1)

/**
 * GuringRestrictions:
 *
 * An allow-list of operations, for a ring that may do those and nothing else: such as reading and
 * writing, in a program that parses what strangers send.
 *
 * |[<!-- language="C" -->
 *   g_autoptr (GuringRestrictions) restrictions = guring_restrictions_new ();
 *   g_autoptr (GuringRing) ring = NULL;
 *
 *   guring_restrictions_allow_opcode (restrictions, IORING_OP_READ);
 *   guring_restrictions_allow_opcode (restrictions, IORING_OP_WRITE);
 *   ring = guring_ring_new_restricted (NULL, 0, restrictions, &error);
 * ]|
 *
 * guring_ring_queue() and guring_ring_queue_chain() refuse everything else with
 * %G_IO_ERROR_PERMISSION_DENIED. The kernel refuses it too, also of somebody who has come to write
 * into the ring's memory, if #GuringRing:restricted-by-kernel is %TRUE (Linux 5.10); it allows
 * `IORING_OP_ASYNC_CANCEL` and `IORING_REGISTER_PROBE` besides, which the ring itself needs. Where
 * it is %FALSE, the library alone enforces them, and guring_ring_get_uring() gives %NULL.
 *
 * That the process can make no other ring is for a seccomp filter to see to, once this one is made.
 *
 * Since: 0.1
 */
struct _GuringRestrictions
{
  GObject parent_instance;

  guint8 opcodes[N_OPCODES]; /* which are allowed, like the next */
  guint8 register_opcodes[N_OPCODES];
  guint8 sqe_flags;
};

G_DEFINE_FINAL_TYPE (GuringRestrictions, guring_restrictions, G_TYPE_OBJECT)

static void
guring_restrictions_init (GuringRestrictions *restrictions)
{
}

static void
guring_restrictions_class_init (GuringRestrictionsClass *class)
{
}

/**
 * guring_restrictions_new:
 *
 * Makes an empty allow-list. Any thread, like what is done with it.
 *
 * Returns: (transfer full): the restrictions
 *
 * Since: 0.1
 */
GuringRestrictions *
guring_restrictions_new (void)
{
  return g_object_new (GURING_TYPE_RESTRICTIONS, NULL);
}

/**
 * guring_restrictions_allow_opcode:
 * @restrictions: restrictions
 * @opcode: an `IORING_OP_…`
 *
 * Allows an operation. It has no effect on rings that are made already.
 *
 * Since: 0.1
 */
void
guring_restrictions_allow_opcode (GuringRestrictions *restrictions, guint8 opcode)
{
  g_return_if_fail (GURING_IS_RESTRICTIONS (restrictions));

  restrictions->opcodes[opcode] = TRUE;
}

/**
 * guring_restrictions_allow_sqe_flags:
 * @restrictions: restrictions
 * @flags: `IOSQE_…` flags
 *
 * Allows SQEs to have these flags. Chains need `IOSQE_IO_LINK` or `IOSQE_IO_HARDLINK`, a
 * #GuringBufferGroup needs `IOSQE_BUFFER_SELECT`. It has no effect on rings that are made already.
 *
 * Since: 0.1
 */
void
guring_restrictions_allow_sqe_flags (GuringRestrictions *restrictions, guint8 flags)
{
  g_return_if_fail (GURING_IS_RESTRICTIONS (restrictions));

  restrictions->sqe_flags |= flags;
}

/**
 * guring_restrictions_allow_register_opcode:
 * @restrictions: restrictions
 * @opcode: an `IORING_REGISTER_…` or `IORING_UNREGISTER_…`
 *
 * Allows a call of io_uring_register(2). A #GuringBufferGroup needs `IORING_REGISTER_PBUF_RING` and
 * `IORING_UNREGISTER_PBUF_RING`. It has no effect on rings that are made already.
 *
 * Since: 0.1
 */
void
guring_restrictions_allow_register_opcode (GuringRestrictions *restrictions, guint8 opcode)
{
  g_return_if_fail (GURING_IS_RESTRICTIONS (restrictions));

  restrictions->register_opcodes[opcode] = TRUE;
}

/**
 * guring_ring_new_restricted:
 * @context: (nullable): as for guring_ring_new()
 * @entries: as for guring_ring_new()
 * @restrictions: what the ring may do
 * @error: return location for the error
 *
 * Makes a ring that can do what @restrictions allow, and nothing else.
 *
 * Returns: (transfer full): the ring; %NULL with the errors of guring_ring_new()
 *
 * Since: 0.1
 */
GuringRing *
guring_ring_new_restricted (GMainContext *context,
                            guint entries,
                            GuringRestrictions *restrictions,
                            GError **error)
{
  g_return_val_if_fail (GURING_IS_RESTRICTIONS (restrictions), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_initable_new (GURING_TYPE_RING, NULL, error, "context", context, "entries", entries,
                         "restrictions", restrictions, NULL);
}

GuringRestrictions *
guring_restrictions_copy (GuringRestrictions *restrictions)
{
  GuringRestrictions *copy;

  if (restrictions == NULL)
    return NULL;

  copy = guring_restrictions_new ();
  memcpy (copy->opcodes, restrictions->opcodes, sizeof copy->opcodes);
  memcpy (copy->register_opcodes, restrictions->register_opcodes, sizeof copy->register_opcodes);
  copy->sqe_flags = restrictions->sqe_flags;
  return copy;
}

/* The kernel's list */

static void
add (GArray *list, guint16 kind, guint8 value)
{
  struct io_uring_restriction restriction = { .opcode = kind, .sqe_op = value };

  g_array_append_val (list, restriction);
}

/* The kernel refuses a list that has an opcode which it does not know. */
static gboolean
add_opcodes (GArray *list, const GuringRestrictions *restrictions, struct io_uring *uring)
{
  struct io_uring_probe *probe = io_uring_get_probe_ring (uring);

  if (probe == NULL)
    return FALSE;

  for (guint i = 0; i < N_OPCODES; i++)
    if ((restrictions->opcodes[i] || i == IORING_OP_ASYNC_CANCEL) &&
        io_uring_opcode_supported (probe, (int) i))
      add (list, IORING_RESTRICTION_SQE_OP, (guint8) i);
  io_uring_free_probe (probe);
  return TRUE;
}

/* Ascending, behind everything else. */
static void
add_register_opcodes (GArray *list, const GuringRestrictions *restrictions)
{
  for (guint i = 0; i < N_OPCODES; i++)
    if (restrictions->register_opcodes[i] || i == IORING_REGISTER_PROBE)
      add (list, IORING_RESTRICTION_REGISTER_OP, (guint8) i);
}

/* Nothing tells which register opcodes the kernel knows: the newest are the last. */
static gboolean
submit_list (GArray *list, guint n_needed, struct io_uring *uring)
{
  int ret = -EINVAL;

  for (guint n = list->len; ret == -EINVAL && n >= n_needed; n--)
    ret =
      io_uring_register ((unsigned) uring->ring_fd, IORING_REGISTER_RESTRICTIONS, list->data, n);
  return ret >= 0;
}

gboolean
guring_restrictions_impose (GuringRestrictions *restrictions, struct io_uring *uring)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (struct io_uring_restriction));
  guint n_needed;

  add (list, IORING_RESTRICTION_SQE_FLAGS_ALLOWED, restrictions->sqe_flags);
  if (!add_opcodes (list, restrictions, uring))
    return FALSE;

  n_needed = list->len;
  add_register_opcodes (list, restrictions);
  return submit_list (list, n_needed, uring) &&
         io_uring_register ((unsigned) uring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) >= 0;
}

/* The library's own look, before the kernel's */

gboolean
guring_restrictions_allow (GuringRestrictions *restrictions,
                           guint8 opcode,
                           guint8 sqe_flags,
                           GError **error)
{
  if (restrictions == NULL)
    return TRUE;

  if (!restrictions->opcodes[opcode])
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                 "The ring's restrictions do not allow the opcode %u; "
                 "guring_restrictions_allow_opcode() does before it is made",
                 opcode);
  else if (sqe_flags & ~restrictions->sqe_flags)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                 "The ring's restrictions do not allow these SQE flags: 0x%x; "
                 "guring_restrictions_allow_sqe_flags() does before it is made",
                 sqe_flags & ~restrictions->sqe_flags);
  else
    return TRUE;
  return FALSE;
}

gboolean
guring_restrictions_allow_register (GuringRestrictions *restrictions, guint8 opcode, GError **error)
{
  if (restrictions == NULL || restrictions->register_opcodes[opcode])
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
               "The ring's restrictions do not allow the register opcode %u; "
               "guring_restrictions_allow_register_opcode() does before it is made",
               opcode);
  return FALSE;
}
