/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Builds an SQE of any opcode from a fuzzer's input: every field has a value of the kind that the
 * kernel expects there, or nearly; addresses are in the arena, descriptors those of
 * descriptors.h. Whatever an SQE does, it does it to these, and it ends when it is cancelled. */

#pragma once

#include <liburing.h>

#include "arena.h"
#include "input.h"

typedef struct
{
  FuzzInput *input;
  ArenaPlot *plot;
  gint ring_fd;
  const guint64 *ids; /* of operations, whatever became of them */
  guint n_ids;
} OpcodeContext;

void opcodes_build (const OpcodeContext *context, struct io_uring_sqe *sqe);

const gchar *opcodes_get_name (guint8 opcode);

/* Closes the descriptors that came with a completion. @direct: they are none of the process */
void opcodes_take_descriptors (guint8 opcode, gint32 res, const ArenaPlot *plot, gboolean direct);

/* Whether the documentation of guring_ring_queue() says that it is accepted, as any but the first
 * and the last of a chain */
gboolean opcodes_is_acceptable (const struct io_uring_sqe *sqe);
