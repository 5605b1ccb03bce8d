/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <linux/openat2.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptors.h"
#include "opcode-values.h"

static const Descriptor sockets[] = {
  DESCRIPTOR_STREAM,   DESCRIPTOR_OTHER_STREAM, DESCRIPTOR_DATAGRAMS, DESCRIPTOR_OTHER_DATAGRAMS,
  DESCRIPTOR_LISTENER, DESCRIPTOR_UNCONNECTED,  DESCRIPTOR_UDP,
};

static gint32
make_fd (const OpcodeContext *context, Field field)
{
  FuzzInput *input = context->input;
  guint choice = input_take_byte (input);

  if (field == SPLICED)
    return descriptors_get (choice & 1 ? DESCRIPTOR_FILE : DESCRIPTOR_PIPE_READ);
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

guint64
opcode_make_value (const OpcodeContext *context, Field field)
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
