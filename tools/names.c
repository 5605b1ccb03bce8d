/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The headers of the liburing that this was built with may be older than the kernel it runs on: so
 * the names stand here, by their numbers, which the kernel never changes. */

#include "config.h"

#include "names.h"

/* IORING_OP_… */
static const gchar *const opcode_names[] = {
  "NOP",
  "READV",
  "WRITEV",
  "FSYNC",
  "READ_FIXED",
  "WRITE_FIXED",
  "POLL_ADD",
  "POLL_REMOVE",
  "SYNC_FILE_RANGE",
  "SENDMSG",
  "RECVMSG",
  "TIMEOUT",
  "TIMEOUT_REMOVE",
  "ACCEPT",
  "ASYNC_CANCEL",
  "LINK_TIMEOUT",
  "CONNECT",
  "FALLOCATE",
  "OPENAT",
  "CLOSE",
  "FILES_UPDATE",
  "STATX",
  "READ",
  "WRITE",
  "FADVISE",
  "MADVISE",
  "SEND",
  "RECV",
  "OPENAT2",
  "EPOLL_CTL",
  "SPLICE",
  "PROVIDE_BUFFERS",
  "REMOVE_BUFFERS",
  "TEE",
  "SHUTDOWN",
  "RENAMEAT",
  "UNLINKAT",
  "MKDIRAT",
  "SYMLINKAT",
  "LINKAT",
  "MSG_RING",
  "FSETXATTR",
  "SETXATTR",
  "FGETXATTR",
  "GETXATTR",
  "SOCKET",
  "URING_CMD",
  "SEND_ZC",
  "SENDMSG_ZC",
  "READ_MULTISHOT",
  "WAITID",
  "FUTEX_WAIT",
  "FUTEX_WAKE",
  "FUTEX_WAITV",
  "FIXED_FD_INSTALL",
  "FTRUNCATE",
  "BIND",
  "LISTEN",
  "RECV_ZC",
  "EPOLL_WAIT",
  "READV_FIXED",
  "WRITEV_FIXED",
  "PIPE",
  "NOP128",
  "URING_CMD128",
};

/* IORING_SETUP_… */
static const gchar *const flag_names[] = {
  "IOPOLL",        "SQPOLL",        "SQ_AFF",     "CQSIZE",
  "CLAMP",         "ATTACH_WQ",     "R_DISABLED", "SUBMIT_ALL",
  "COOP_TASKRUN",  "TASKRUN_FLAG",  "SQE128",     "CQE32",
  "SINGLE_ISSUER", "DEFER_TASKRUN", "NO_MMAP",    "REGISTERED_FD_ONLY",
  "NO_SQARRAY",    "HYBRID_IOPOLL", "CQE_MIXED",  "SQE_MIXED",
  "SQ_REWIND",
};

/* IORING_FEAT_… */
static const gchar *const feature_names[] = {
  "SINGLE_MMAP", "NODROP",      "SUBMIT_STABLE",   "RW_CUR_POS",   "CUR_PERSONALITY",
  "FAST_POLL",   "POLL_32BITS", "SQPOLL_NONFIXED", "EXT_ARG",      "NATIVE_WORKERS",
  "RSRC_TAGS",   "CQE_SKIP",    "LINKED_FILE",     "REG_REG_RING", "RECVSEND_BUNDLE",
  "MIN_TIMEOUT", "RW_ATTR",     "NO_IOWAIT",
};

static void
add_name (GStrvBuilder *builder, const gchar *const *names, gsize n_names, guint number)
{
  g_autofree gchar *digits = g_strdup_printf ("%u", number);

  g_strv_builder_add (builder, number < n_names ? names[number] : digits);
}

static GStrv
names_of_bits (const gchar *const *names, gsize n_names, guint bits)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < 32; i++)
    {
      if (bits & (1u << i))
        add_name (builder, names, n_names, i);
    }
  return g_strv_builder_end (builder);
}

GStrv
names_of_flags (guint flags)
{
  return names_of_bits (flag_names, G_N_ELEMENTS (flag_names), flags);
}

GStrv
names_of_features (guint features)
{
  return names_of_bits (feature_names, G_N_ELEMENTS (feature_names), features);
}

GStrv
names_of_opcodes (const guint8 *opcodes, guint n_opcodes)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < n_opcodes; i++)
    add_name (builder, opcode_names, G_N_ELEMENTS (opcode_names), opcodes[i]);
  return g_strv_builder_end (builder);
}
