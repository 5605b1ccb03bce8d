/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All memory that a fuzzed operation may point at. A sanitizer does not see what the kernel writes,
 * so there are guard pages around it, fences in it, and poison where nobody may write any more. */

#pragma once

#include <glib.h>
#include <linux/time_types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ARENA_N_ELEMENTS 8 /* of each array */
#define ARENA_BUFFER_SIZE 512
#define ARENA_NAME_SIZE 96
#define ARENA_FENCE_SIZE 32
#define ARENA_PROVIDED_SIZE 64 /* of a buffer */

/* What belongs to one operation, from before it is queued until its destroy notify. */
typedef struct
{
  guint8 front[ARENA_FENCE_SIZE];
  struct iovec vectors[ARENA_N_ELEMENTS];
  struct msghdr message;
  struct __kernel_timespec time;
  struct sockaddr_storage address;
  socklen_t address_size;
  char names[2][ARENA_NAME_SIZE];
  guint64 words[32]; /* whatever else is small */
  gint fds[ARENA_N_ELEMENTS];
  guint8 buffer[ARENA_BUFFER_SIZE];
  guint8 back[ARENA_FENCE_SIZE];
} ArenaPlot;

/* What belongs to all of an input's operations. */
typedef struct
{
  guint8 provided[ARENA_N_ELEMENTS]
                 [ARENA_PROVIDED_SIZE]; /* buffers for the kernel to choose from */
  guint32 futex;
} ArenaCommon;

void arena_init (void);
ArenaCommon *arena_get_common (void);
void arena_get_bounds (struct iovec *bounds);
gpointer arena_get_guard (void); /* where nothing is mapped */

ArenaPlot *arena_take (void);
void arena_release (ArenaPlot *plot);
void arena_check (void); /* that nobody has written where nobody may */
