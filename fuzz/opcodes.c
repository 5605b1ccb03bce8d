/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "opcodes.h"

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

/* A liburing that has another opcode does not compile until it has a row below. */
G_STATIC_ASSERT ((guint) IORING_OP_LAST <= (guint) N_OPCODES);

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

#define RW .op_flags = 0xff, .ioprio = 0xe007
#define SEND_FLAGS                                                                                 \
  .op_flags = MSG_DONTWAIT | MSG_OOB | MSG_MORE | MSG_WAITALL | MSG_EOR, .ioprio = 0x3f
#define RECV_FLAGS                                                                                 \
  .op_flags = MSG_DONTWAIT | MSG_OOB | MSG_PEEK | MSG_WAITALL | MSG_TRUNC, .ioprio = 0x3f
#define OPEN_FLAGS                                                                                 \
  (O_WRONLY | O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_APPEND | O_NONBLOCK | O_DIRECTORY |          \
   O_NOFOLLOW | O_CLOEXEC | O_PATH)

static const Opcode opcodes[N_OPCODES] = {
  [IORING_OP_NOP] = { .name = "NOP", .fd = ANY_FD, .len = LARGE_NUMBER, .op_flags = 0x1f },
  [IORING_OP_READV] = { .name = "READV",
                        .fd = ANY_FD,
                        .off = OFFSET,
                        .addr = VECTORS,
                        .len = NUMBER,
                        RW },
  [IORING_OP_WRITEV] = { .name = "WRITEV",
                         .fd = ANY_FD,
                         .off = OFFSET,
                         .addr = VECTORS,
                         .len = NUMBER,
                         RW },
  [IORING_OP_FSYNC] = { .name = "FSYNC",
                        .fd = ANY_FD,
                        .off = OFFSET,
                        .len = BUFFER_SIZE,
                        .op_flags = 1 },
  [IORING_OP_READ_FIXED] = { .name = "READ_FIXED",
                             .fd = ANY_FD,
                             .off = OFFSET,
                             .addr = BUFFER,
                             .len = BUFFER_SIZE,
                             RW },
  [IORING_OP_WRITE_FIXED] = { .name = "WRITE_FIXED",
                              .fd = ANY_FD,
                              .off = OFFSET,
                              .addr = BUFFER,
                              .len = BUFFER_SIZE,
                              RW },
  [IORING_OP_POLL_ADD] = { .name = "POLL_ADD",
                           .fd = ANY_FD,
                           .len = NUMBER,
                           .op_flags = 0xe000ffff },
  [IORING_OP_POLL_REMOVE] = { .name = "POLL_REMOVE",
                              .off = FORGED_ID,
                              .addr = ID,
                              .len = NUMBER,
                              .op_flags = 0xffff },
  [IORING_OP_SYNC_FILE_RANGE] = { .name = "SYNC_FILE_RANGE",
                                  .fd = ANY_FD,
                                  .off = OFFSET,
                                  .len = BUFFER_SIZE,
                                  .op_flags = 7 },
  [IORING_OP_SENDMSG] = { .name = "SENDMSG", .fd = SOCKET, .addr = MESSAGE, SEND_FLAGS },
  [IORING_OP_RECVMSG] = { .name = "RECVMSG", .fd = SOCKET, .addr = MESSAGE, RECV_FLAGS },
  [IORING_OP_TIMEOUT] = { .name = "TIMEOUT",
                          .off = NUMBER,
                          .addr = TIME,
                          .len = ONE,
                          .op_flags = 0x7f },
  [IORING_OP_TIMEOUT_REMOVE] = { .name = "TIMEOUT_REMOVE",
                                 .off = TIME,
                                 .addr = ID,
                                 .op_flags = 0x3f },
  [IORING_OP_ACCEPT] = { .name = "ACCEPT",
                         .fd = LISTENING,
                         .off = ADDRESS_SIZE_POINTER,
                         .addr = ADDRESS,
                         .extra = SLOT,
                         .op_flags = SOCK_NONBLOCK | SOCK_CLOEXEC,
                         .ioprio = 7 },
  [IORING_OP_ASYNC_CANCEL] = { .name = "ASYNC_CANCEL", .fd = ANY_FD, .addr = ID, .op_flags = 0x3f },
  [IORING_OP_LINK_TIMEOUT] = { .name = "LINK_TIMEOUT", .addr = TIME, .len = ONE, .op_flags = 0x2d },
  [IORING_OP_CONNECT] = { .name = "CONNECT",
                          .fd = UNCONNECTED,
                          .off = ADDRESS_SIZE,
                          .addr = ADDRESS },
  [IORING_OP_FALLOCATE] = { .name = "FALLOCATE",
                            .fd = REGULAR,
                            .off = OFFSET,
                            .addr = BUFFER_SIZE,
                            .len = NUMBER },
  [IORING_OP_OPENAT] = { .name = "OPENAT",
                         .fd = DIRECTORY,
                         .addr = NAME,
                         .len = MODE,
                         .extra = SLOT,
                         .op_flags = OPEN_FLAGS },
  [IORING_OP_CLOSE] = { .name = "CLOSE", .fd = ANY_FD, .extra = SLOT },
  [IORING_OP_FILES_UPDATE] = { .name = "FILES_UPDATE", .off = NUMBER, .addr = FDS, .len = NUMBER },
  [IORING_OP_STATX] = { .name = "STATX",
                        .fd = DIRECTORY,
                        .off = BUFFER,
                        .addr = NAME,
                        .len = LARGE_NUMBER,
                        .op_flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC },
  [IORING_OP_READ] = { .name = "READ",
                       .fd = ANY_FD,
                       .off = OFFSET,
                       .addr = BUFFER,
                       .len = BUFFER_SIZE,
                       RW },
  [IORING_OP_WRITE] = { .name = "WRITE",
                        .fd = ANY_FD,
                        .off = OFFSET,
                        .addr = BUFFER,
                        .len = BUFFER_SIZE,
                        RW },
  [IORING_OP_FADVISE] = { .name = "FADVISE",
                          .fd = ANY_FD,
                          .off = OFFSET,
                          .len = BUFFER_SIZE,
                          .op_flags = 7 },
  /* Not MADV_DONTNEED, which would empty what lies around it */
  [IORING_OP_MADVISE] = { .name = "MADVISE", .addr = BUFFER, .len = BUFFER_SIZE, .op_flags = 3 },
  [IORING_OP_SEND] = { .name = "SEND",
                       .fd = SOCKET,
                       .off = MAYBE_ADDRESS,
                       .addr = BUFFER,
                       .len = BUFFER_SIZE,
                       .extra = ADDRESS_SIZE,
                       SEND_FLAGS },
  [IORING_OP_RECV] = { .name = "RECV",
                       .fd = SOCKET,
                       .addr = BUFFER,
                       .len = BUFFER_SIZE,
                       RECV_FLAGS },
  [IORING_OP_OPENAT2] = { .name = "OPENAT2",
                          .fd = DIRECTORY,
                          .off = HOW,
                          .addr = NAME,
                          .len = HOW_SIZE,
                          .extra = SLOT },
  [IORING_OP_EPOLL_CTL] = { .name = "EPOLL_CTL",
                            .fd = EPOLL,
                            .off = ANY_FD,
                            .addr = EVENTS,
                            .len = NUMBER },
  [IORING_OP_SPLICE] = { .name = "SPLICE",
                         .fd = ANY_FD,
                         .off = OFFSET,
                         .addr = OFFSET,
                         .len = BUFFER_SIZE,
                         .extra = ANY_FD,
                         .op_flags = 0x8000000f },
  [IORING_OP_PROVIDE_BUFFERS] = { .name = "PROVIDE_BUFFERS",
                                  .fd = NUMBER,
                                  .off = NUMBER,
                                  .addr = PROVIDED,
                                  .len = PROVIDED_SIZE,
                                  .has_group = TRUE },
  [IORING_OP_REMOVE_BUFFERS] = { .name = "REMOVE_BUFFERS", .fd = NUMBER, .has_group = TRUE },
  [IORING_OP_TEE] = { .name = "TEE",
                      .fd = ANY_FD,
                      .len = BUFFER_SIZE,
                      .extra = ANY_FD,
                      .op_flags = 0x8000000f },
  [IORING_OP_SHUTDOWN] = { .name = "SHUTDOWN", .fd = SOCKET, .len = NUMBER },
  [IORING_OP_RENAMEAT] = { .name = "RENAMEAT",
                           .fd = DIRECTORY,
                           .off = OTHER_NAME,
                           .addr = NAME,
                           .len = DIRECTORY,
                           .op_flags = 7 },
  [IORING_OP_UNLINKAT] = { .name = "UNLINKAT",
                           .fd = DIRECTORY,
                           .addr = NAME,
                           .op_flags = AT_REMOVEDIR },
  [IORING_OP_MKDIRAT] = { .name = "MKDIRAT", .fd = DIRECTORY, .addr = NAME, .len = MODE },
  [IORING_OP_SYMLINKAT] = { .name = "SYMLINKAT", .fd = DIRECTORY, .off = OTHER_NAME, .addr = NAME },
  [IORING_OP_LINKAT] = { .name = "LINKAT",
                         .fd = DIRECTORY,
                         .off = OTHER_NAME,
                         .addr = NAME,
                         .len = DIRECTORY,
                         .op_flags = AT_EMPTY_PATH | AT_SYMLINK_FOLLOW },
  [IORING_OP_MSG_RING] = { .name = "MSG_RING",
                           .fd = RING,
                           .off = FORGED_ID,
                           .addr = NUMBER,
                           .len = LARGE_NUMBER,
                           .extra = SLOT,
                           .addr3 = NUMBER,
                           .op_flags = 3 },
  [IORING_OP_FSETXATTR] = { .name = "FSETXATTR",
                            .fd = ANY_FD,
                            .off = BUFFER,
                            .addr = XATTR,
                            .len = BUFFER_SIZE,
                            .op_flags = 3 },
  [IORING_OP_SETXATTR] = { .name = "SETXATTR",
                           .off = BUFFER,
                           .addr = XATTR,
                           .len = BUFFER_SIZE,
                           .addr3 = PATH,
                           .op_flags = 3 },
  [IORING_OP_FGETXATTR] = { .name = "FGETXATTR",
                            .fd = ANY_FD,
                            .off = BUFFER,
                            .addr = XATTR,
                            .len = BUFFER_SIZE },
  [IORING_OP_GETXATTR] = { .name = "GETXATTR",
                           .off = BUFFER,
                           .addr = XATTR,
                           .len = BUFFER_SIZE,
                           .addr3 = PATH },
  [IORING_OP_SOCKET] = { .name = "SOCKET", .fd = DOMAIN, .off = TYPE, .extra = SLOT },
  [IORING_OP_URING_CMD] = { .name = "URING_CMD",
                            .fd = SOCKET,
                            .off = COMMAND,
                            .addr = OPTION,
                            .extra = BUFFER_SIZE,
                            .addr3 = BUFFER },
  [IORING_OP_SEND_ZC] = { .name = "SEND_ZC",
                          .fd = SOCKET,
                          .off = MAYBE_ADDRESS,
                          .addr = BUFFER,
                          .len = BUFFER_SIZE,
                          .extra = ADDRESS_SIZE,
                          SEND_FLAGS },
  [IORING_OP_SENDMSG_ZC] = { .name = "SENDMSG_ZC", .fd = SOCKET, .addr = MESSAGE, SEND_FLAGS },
  [READ_MULTISHOT] = { .name = "READ_MULTISHOT",
                       .fd = ANY_FD,
                       .off = OFFSET,
                       .sqe_flags = IOSQE_BUFFER_SELECT },
  [WAITID] = { .name = "WAITID",
               .fd = PROCESS,
               .off = BUFFER,
               .len = ID_TYPE,
               .extra = WAIT_OPTIONS },
  [FUTEX_WAIT] = { .name = "FUTEX_WAIT",
                   .fd = FUTEX_FLAGS,
                   .off = NUMBER,
                   .addr = FUTEX,
                   .addr3 = LARGE_NUMBER },
  [FUTEX_WAKE] = { .name = "FUTEX_WAKE",
                   .fd = FUTEX_FLAGS,
                   .off = NUMBER,
                   .addr = FUTEX,
                   .addr3 = LARGE_NUMBER },
  [FUTEX_WAITV] = { .name = "FUTEX_WAITV", .addr = FUTEXES, .len = NUMBER },
  [FIXED_FD_INSTALL] = { .name = "FIXED_FD_INSTALL",
                         .fd = ANY_FD,
                         .op_flags = 1,
                         .sqe_flags = IOSQE_FIXED_FILE },
  [FTRUNCATE] = { .name = "FTRUNCATE", .fd = REGULAR, .off = OFFSET },
  [BIND] = { .name = "BIND", .fd = UNCONNECTED, .off = ADDRESS_SIZE, .addr = ADDRESS },
  [LISTEN] = { .name = "LISTEN", .fd = UNCONNECTED, .len = NUMBER },
  [RECV_ZC] = { .name = "RECV_ZC", .fd = SOCKET, .ioprio = 3 },
  [EPOLL_WAIT] = { .name = "EPOLL_WAIT", .fd = EPOLL, .addr = EVENTS, .len = NUMBER },
  [READV_FIXED] = { .name = "READV_FIXED",
                    .fd = ANY_FD,
                    .off = OFFSET,
                    .addr = VECTORS,
                    .len = NUMBER,
                    RW },
  [WRITEV_FIXED] = { .name = "WRITEV_FIXED",
                     .fd = ANY_FD,
                     .off = OFFSET,
                     .addr = VECTORS,
                     .len = NUMBER,
                     RW },
  [PIPE] = { .name = "PIPE",
             .addr = FDS_OF_PIPE,
             .extra = SLOT,
             .op_flags = O_NONBLOCK | O_CLOEXEC },
  [NOP128] = { .name = "NOP128", .op_flags = 0x1f },
  [URING_CMD128] = { .name = "URING_CMD128", .fd = SOCKET, .off = COMMAND, .addr = OPTION },
};

static const Descriptor sockets[] = {
  DESCRIPTOR_STREAM,   DESCRIPTOR_OTHER_STREAM, DESCRIPTOR_DATAGRAMS, DESCRIPTOR_OTHER_DATAGRAMS,
  DESCRIPTOR_LISTENER, DESCRIPTOR_UNCONNECTED,  DESCRIPTOR_UDP,
};

static gint32
make_fd (const OpcodeContext *context, Field field)
{
  FuzzInput *input = context->input;
  guint choice = input_take_byte (input);

  if (choice >= 0xf0) /* or another than it wants */
    return choice == 0xff ? -1 : descriptors_get (input_take_below (input, N_DESCRIPTORS));

  switch (field)
    {
    case ANY_FD:
      return descriptors_get (choice % N_DESCRIPTORS);
    case SOCKET:
      return descriptors_get (sockets[choice % G_N_ELEMENTS (sockets)]);
    case LISTENING:
      return descriptors_get (DESCRIPTOR_LISTENER);
    case UNCONNECTED:
      return descriptors_get (DESCRIPTOR_UNCONNECTED);
    case REGULAR:
      return descriptors_get (DESCRIPTOR_FILE);
    case DIRECTORY:
      return descriptors_get (DESCRIPTOR_DIRECTORY);
    case EPOLL:
      return descriptors_get (DESCRIPTOR_EPOLL);
    case RING:
      return context->ring_fd;
    default:
      g_assert_not_reached ();
    }
}

static gpointer
make_vectors (const OpcodeContext *context)
{
  ArenaPlot *plot = context->plot;

  for (guint i = 0; i < ARENA_N_ELEMENTS; i++)
    {
      guint offset = input_take_byte (context->input);

      plot->vectors[i] =
        (struct iovec){ plot->buffer + offset, ARENA_BUFFER_SIZE / 2 - offset / 2 };
    }
  return plot->vectors;
}

/* Of what only this process listens at, or nobody */
static gpointer
make_address (const OpcodeContext *context)
{
  ArenaPlot *plot = context->plot;

  switch (input_take_below (context->input, 4))
    {
    case 0:
      descriptors_get_address (DESCRIPTOR_UDP, &plot->address, &plot->address_size);
      break;
    case 1: /* any */
      plot->address.ss_family = AF_UNIX;
      plot->address_size = sizeof plot->address.ss_family;
      break;
    case 2:
      plot->address.ss_family = AF_UNSPEC;
      plot->address_size = sizeof plot->address;
      break;
    default:
      descriptors_get_address (DESCRIPTOR_LISTENER, &plot->address, &plot->address_size);
    }
  return &plot->address;
}

static gpointer
make_message (const OpcodeContext *context)
{
  ArenaPlot *plot = context->plot;

  plot->message.msg_iov = make_vectors (context);
  plot->message.msg_iovlen = input_take_below (context->input, ARENA_N_ELEMENTS);
  if (input_take_boolean (context->input))
    {
      plot->message.msg_name = make_address (context);
      plot->message.msg_namelen = plot->address_size;
    }
  return &plot->message;
}

/* In a directory of a few names, which meet often; nothing leads out of it. */
static gpointer
make_name (const OpcodeContext *context, guint i, const gchar *prefix)
{
  static const gchar *const names[] = { "a", "b", "d", "d/a", "d/b", "d/d", "a/", "" };

  descriptors_directory_used ();
  g_snprintf (context->plot->names[i], ARENA_NAME_SIZE, "%s%s", prefix,
              input_take_choice (context->input, names));
  return context->plot->names[i];
}

static gpointer
make_path (const OpcodeContext *context)
{
  g_autofree gchar *prefix = g_strconcat (descriptors_get_directory (), "/", NULL);

  return make_name (context, 1, prefix);
}

static gpointer
make_xattr (const OpcodeContext *context)
{
  g_strlcpy (context->plot->names[0], input_take_boolean (context->input) ? "user.a" : "security.b",
             ARENA_NAME_SIZE);
  return context->plot->names[0];
}

/* At most a millisecond */
static gpointer
make_time (const OpcodeContext *context)
{
  context->plot->time.tv_nsec = input_take_below (context->input, 0x10000) * 15;
  return &context->plot->time;
}

static gpointer
make_how (const OpcodeContext *context)
{
  struct open_how *how = (gpointer) context->plot->words;

  how->flags = input_take_integer (context->input, 4) & OPEN_FLAGS;
  how->mode = how->flags & O_CREAT ? 0700 : 0;
  how->resolve = input_take_byte (context->input) & 0x3f;
  return how;
}

static gpointer
make_fds (const OpcodeContext *context)
{
  for (guint i = 0; i < ARENA_N_ELEMENTS; i++)
    context->plot->fds[i] = make_fd (context, ANY_FD);
  return context->plot->fds;
}

/* struct futex_waitv of newer headers: value, address, flags */
static gpointer
make_futexes (const OpcodeContext *context)
{
  guint64 *words = context->plot->words;

  for (guint i = 0; i < ARENA_N_ELEMENTS; i++)
    {
      words[3 * i] = input_take_below (context->input, 2);
      words[3 * i + 1] = GPOINTER_TO_SIZE (&arena_get_common ()->futex);
      words[3 * i + 2] = 2; /* FUTEX2_SIZE_U32 */
    }
  return words;
}

/* Returns: an address, or seldom one where nothing is */
static guint64
make_pointer (const OpcodeContext *context, Field field)
{
  ArenaPlot *plot = context->plot;

  switch (field)
    {
    case BUFFER:
      input_take_bytes (context->input, plot->buffer, 8);
      return GPOINTER_TO_SIZE (plot->buffer);
    case VECTORS:
      return GPOINTER_TO_SIZE (make_vectors (context));
    case MESSAGE:
      return GPOINTER_TO_SIZE (make_message (context));
    case NAME:
      return GPOINTER_TO_SIZE (make_name (context, 0, ""));
    case OTHER_NAME:
      return GPOINTER_TO_SIZE (make_name (context, 1, ""));
    case PATH:
      return GPOINTER_TO_SIZE (make_path (context));
    case XATTR:
      return GPOINTER_TO_SIZE (make_xattr (context));
    case TIME:
      return GPOINTER_TO_SIZE (make_time (context));
    case ADDRESS:
      return GPOINTER_TO_SIZE (make_address (context));
    case MAYBE_ADDRESS:
      return input_take_boolean (context->input) ? 0 : GPOINTER_TO_SIZE (make_address (context));
    case ADDRESS_SIZE_POINTER:
      return GPOINTER_TO_SIZE (&plot->address_size);
    case HOW:
      return GPOINTER_TO_SIZE (make_how (context));
    case EVENTS:
      plot->words[0] = input_take_integer (context->input, 4);
      return GPOINTER_TO_SIZE (plot->words);
    case FDS:
      return GPOINTER_TO_SIZE (make_fds (context));
    case FDS_OF_PIPE:
      return GPOINTER_TO_SIZE (plot->fds);
    case FUTEX:
      return GPOINTER_TO_SIZE (&arena_get_common ()->futex);
    case FUTEXES:
      return GPOINTER_TO_SIZE (make_futexes (context));
    default:
      return GPOINTER_TO_SIZE (arena_get_common ()->provided);
    }
}

static guint64
make_id (const OpcodeContext *context)
{
  if (context->n_ids == 0)
    return input_take_integer (context->input, 8);
  if (input_take_boolean (context->input))
    return context->ids[context->n_ids - 1];
  return context->ids[input_take_below (context->input, context->n_ids)];
}

/* Of no operation, or of the cancellation of one */
static guint64
make_forged_id (const OpcodeContext *context)
{
  guint64 id = make_id (context);

  return input_take_boolean (context->input) ? id & ~(G_GUINT64_CONSTANT (1) << 32)
                                             : id | G_GUINT64_CONSTANT (1) << 63;
}

static guint64
make_number (const OpcodeContext *context, Field field)
{
  static const guint types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET,
                                 SOCK_DGRAM | SOCK_CLOEXEC };
  FuzzInput *input = context->input;

  switch (field)
    {
    case BUFFER_SIZE:
      return input_take_below (input, ARENA_BUFFER_SIZE + 1);
    case ADDRESS_SIZE:
      return context->plot->address_size;
    case HOW_SIZE:
      return sizeof (struct open_how);
    case FUTEX_FLAGS: /* FUTEX2_SIZE_U32, FUTEX2_PRIVATE */
      return input_take_boolean (input) ? 2 : 2 | 128;
    case PROVIDED_SIZE:
      return input_take_below (input, ARENA_PROVIDED_SIZE + 1);
    case ONE:
      return 1;
    case NUMBER:
      return input_take_below (input, ARENA_N_ELEMENTS);
    case LARGE_NUMBER:
      return input_take_integer (input, 4);
    case OFFSET:
      return input_take_boolean (input) ? G_MAXUINT64 : input_take_below (input, 4096);
    case MODE:
      return 0700;
    case ID:
      return make_id (context);
    case FORGED_ID:
      return make_forged_id (context);
    case DOMAIN:
      return input_take_boolean (input) ? AF_UNIX : AF_INET;
    case TYPE:
      return input_take_choice (input, types);
    case SLOT:
      return input_take_boolean (input) ? 0 : input_take_below (input, ARENA_N_ELEMENTS);
    case COMMAND: /* SOCKET_URING_OP_SIOCINQ, _SIOCOUTQ, _GETSOCKOPT */
      return input_take_below (input, 3);
    case OPTION: /* SOL_SOCKET, and one that an int is enough for */
      return SOL_SOCKET | (guint64) (SO_TYPE + input_take_below (input, 2)) << 32;
    case ID_TYPE:
      return P_PID;
    case PROCESS: /* which is no child */
      return (guint64) getpid ();
    case WAIT_OPTIONS:
      return WEXITED | (input_take_boolean (input) ? WNOHANG : 0);
    default:
      return 0;
    }
}

static guint64
make (const OpcodeContext *context, Field field)
{
  if (field == NOTHING)
    return 0;
  if (field <= RING)
    return (guint64) make_fd (context, field);
  if (field >= BUFFER_SIZE)
    return make_number (context, field);
  if (input_take_byte (context->input) == 0xff)
    return GPOINTER_TO_SIZE (arena_get_guard ());
  return make_pointer (context, field);
}

const gchar *
opcodes_get_name (guint8 opcode)
{
  return opcode < N_OPCODES ? opcodes[opcode].name : "?";
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
  return flags | opcodes[opcode].sqe_flags;
}

void
opcodes_build (const OpcodeContext *context, struct io_uring_sqe *sqe)
{
  FuzzInput *input = context->input;
  guint8 opcode = (guint8) input_take_below (input, N_OPCODES);
  const Opcode *row = &opcodes[opcode];

  g_assert (row->name != NULL);
  *sqe = (struct io_uring_sqe){ .opcode = opcode, .flags = make_flags (context, opcode) };
  sqe->addr = make (context, row->addr); /* first: others depend on it */
  sqe->off = make (context, row->off);
  sqe->len = (guint32) make (context, row->len);
  sqe->file_index = (guint32) make (context, row->extra);
  sqe->addr3 = make (context, row->addr3);
  sqe->fd = (gint32) make (context, row->fd);
  if ((sqe->flags & IOSQE_FIXED_FILE) && row->fd >= ANY_FD && row->fd <= EPOLL)
    sqe->fd = (gint32) make (context, NUMBER);
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
