/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What each opcode is for the kernel: a row says of what kind each field of its SQE is. Between
 * opcodes.c, opcode-table.c and opcode-values.c. */

#pragma once

#include <fcntl.h>
#include <glib.h>
#include <liburing.h>

/* Newer than the headers of liburing 2.3; the numbers are the kernel's for ever. */
enum
{
  READ_MULTISHOT = 49,
  WAITID,
  FUTEX_WAIT,
  FUTEX_WAKE,
  FUTEX_WAITV,
  FIXED_FD_INSTALL,
  FTRUNCATE,
  BIND,
  LISTEN,
  RECV_ZC,
  EPOLL_WAIT,
  READV_FIXED,
  WRITEV_FIXED,
  PIPE,
  NOP128,
  URING_CMD128,
  N_OPCODES
};

/* What a field of an SQE is for the kernel */
typedef enum
{
  NOTHING, /* 0 */

  ANY_FD,
  SOCKET,
  LISTENING,
  UNCONNECTED,
  REGULAR,
  DIRECTORY,
  EPOLL,
  SPLICED,
  RING,

  BUFFER,
  VECTORS,
  MESSAGE,
  NAME,
  OTHER_NAME,
  PATH, /* absolute */
  XATTR,
  TIME,
  ADDRESS,
  MAYBE_ADDRESS,
  ADDRESS_SIZE_POINTER,
  HOW,
  EVENTS,
  FDS,
  FDS_OF_PIPE,
  FUTEX,
  FUTEXES,
  PROVIDED,

  BUFFER_SIZE,
  ADDRESS_SIZE,
  HOW_SIZE,
  PROVIDED_SIZE,
  ONE,
  NUMBER, /* less than the elements of an array */
  LARGE_NUMBER,
  OFFSET,
  MODE,
  ID,
  FORGED_ID,
  DOMAIN,
  TYPE,
  SLOT, /* of the direct descriptors, counted from 1 */
  COMMAND,
  OPTION,
  FUTEX_FLAGS,
  ID_TYPE,
  PROCESS,
  WAIT_OPTIONS
} Field;

typedef struct
{
  const gchar *name;
  Field fd, off, addr, len, extra, addr3;
  guint32 op_flags; /* a mask, like the next */
  guint16 ioprio;
  guint8 sqe_flags;   /* that it makes no sense without */
  gboolean has_group; /* of buffers */
} Opcode;

#define OPEN_FLAGS                                                                                 \
  (O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK | O_DIRECTORY |          \
   O_NOFOLLOW | O_CLOEXEC | O_PATH)

extern const Opcode opcode_table[N_OPCODES];
