/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tells a forked child from the process that made the ring, for the price of a memory access: a
 * page that the kernel hands to a child zeroed (MADV_WIPEONFORK, Linux 4.14, see madvise(2)). It
 * sees through clone() too, which pthread_atfork() does not. */

#include "config.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fork-guard.h"

static gsize
page_size (void)
{
  return (gsize) sysconf (_SC_PAGESIZE);
}

GuringForkGuard *
guring_fork_guard_new (GError **error)
{
  GuringForkGuard *guard =
    mmap (NULL, page_size (), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (guard != MAP_FAILED && madvise (guard, page_size (), MADV_WIPEONFORK) == 0)
    {
      *guard = 1;
      return guard;
    }

  int saved_errno = errno;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
               "Could not map the page that tells a forked child: %s; "
               "it needs Linux 4.14 and free address space (RLIMIT_AS)",
               g_strerror (saved_errno));
  if (guard != MAP_FAILED)
    guring_fork_guard_free (guard);
  return NULL;
}

void
guring_fork_guard_free (GuringForkGuard *guard)
{
  munmap (guard, page_size ());
}
