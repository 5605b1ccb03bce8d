/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <unistd.h>

#include "opcode-values.h"

const gchar *
opcodes_get_name (guint8 opcode)
{
  return opcode < N_OPCODES ? opcode_table[opcode].name : "?";
}

/* Mostly none, else few of those in the mask: the kernel refuses most of what has many. */
static guint32
take_flags (FuzzInput *input, guint32 mask)
{
  guint8 choice = input_take_byte (input);
  guint32 flags;

  if (choice < 0xa0)
    return 0;

  flags = (guint32) input_take_integer (input, 4) & mask;
  return choice < 0xf0 ? flags & (guint32) input_take_integer (input, 4) : flags;
}

/* BUFFER_SELECT keeps a URING_CMD from ever ending (measured on 6.18). */
static guint8
make_flags (const OpcodeContext *context, guint8 opcode)
{
  guint8 flags = (guint8) take_flags (context->input, IOSQE_FIXED_FILE | IOSQE_IO_DRAIN |
                                                        IOSQE_ASYNC | IOSQE_BUFFER_SELECT);

  if (opcode == IORING_OP_URING_CMD || opcode == URING_CMD128)
    flags &= (guint8) ~IOSQE_BUFFER_SELECT;
  return flags | opcode_table[opcode].sqe_flags;
}

void
opcodes_build (const OpcodeContext *context, struct io_uring_sqe *sqe)
{
  FuzzInput *input = context->input;
  guint8 opcode = (guint8) input_take_below (input, N_OPCODES);
  const Opcode *row = &opcode_table[opcode];

  g_assert (row->name != NULL);
  *sqe = (struct io_uring_sqe){ .opcode = opcode, .flags = make_flags (context, opcode) };
  sqe->addr = opcode_make_value (context, row->addr); /* first: others depend on it */
  sqe->off = opcode_make_value (context, row->off);
  sqe->len = (guint32) opcode_make_value (context, row->len);
  sqe->file_index = (guint32) opcode_make_value (context, row->extra);
  sqe->addr3 = opcode_make_value (context, row->addr3);
  sqe->fd = (gint32) opcode_make_value (context, row->fd);
  if ((sqe->flags & IOSQE_FIXED_FILE) && row->fd >= ANY_FD && row->fd <= EPOLL)
    sqe->fd = (gint32) opcode_make_value (context, NUMBER);
  if (row->op_flags != 0)
    sqe->rw_flags = (gint) take_flags (input, row->op_flags);
  if (row->ioprio != 0)
    sqe->ioprio = (guint16) take_flags (input, row->ioprio);
  if (row->has_group || (sqe->flags & IOSQE_BUFFER_SELECT))
    sqe->buf_group = (guint16) input_take_below (input, 2);
}

/* What it returns: a descriptor, one in each of the plot's fds, or none */
void
opcodes_take_descriptors (guint8 opcode, gint32 res, const ArenaPlot *plot, gboolean direct)
{
  if (res < 0 || direct)
    return;

  switch (opcode)
    {
    case IORING_OP_OPENAT:
    case IORING_OP_OPENAT2:
    case IORING_OP_ACCEPT:
    case IORING_OP_SOCKET:
    case FIXED_FD_INSTALL:
      close (res);
      break;
    case PIPE:
      close (plot->fds[0]);
      close (plot->fds[1]);
      break;
    default:
      break;
    }
}

gboolean
opcodes_is_acceptable (const struct io_uring_sqe *sqe)
{
  gboolean is_poll = sqe->opcode == IORING_OP_POLL_ADD || sqe->opcode == IORING_OP_POLL_REMOVE;

  return (sqe->flags & (IOSQE_CQE_SKIP_SUCCESS | 0x80)) == 0 && sqe->user_data == 0 &&
         sqe->personality == 0 && sqe->__pad2[0] == 0 &&
         !(is_poll && (sqe->len & IORING_POLL_UPDATE_USER_DATA));
}
