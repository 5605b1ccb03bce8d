/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values for the fields of an SQE: of the kind that the kernel expects there, or nearly. */

#pragma once

#include "opcode-table.h"
#include "opcodes.h"

guint64 opcode_make_value (const OpcodeContext *context, Field field);
