/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Making an io_uring with the best flags that this kernel has. */

#include "config.h"

#include "environment.h"
#include "setup.h"

/* IORING_MAX_ENTRIES and IORING_MAX_CQ_ENTRIES of the kernel. */
#define MAX_ENTRIES 32768u
#define MAX_CQ_ENTRIES (2 * MAX_ENTRIES)

#define DEFAULT_ENTRIES 256u
#define DEFAULT_CQ_ENTRIES 4096u

/* From the newest to the oldest: Linux 5.19, 5.19, 5.18. DEFER_TASKRUN is not among them: with it
 * poll() on the ring fd is not woken by completions (measured on 6.12, 6.18 and 7.2). */
static const guint optional_flags[] = {
  IORING_SETUP_TASKRUN_FLAG,
  IORING_SETUP_COOP_TASKRUN,
  IORING_SETUP_SUBMIT_ALL,
};

static int
try_flags (struct io_uring *uring, guint entries, guint cq_entries, guint flags)
{
  struct io_uring_params params = { .flags = flags, .cq_entries = cq_entries };

  if (cq_entries != 0)
    params.flags |= IORING_SETUP_CQSIZE;
  return io_uring_queue_init_params (entries, uring, &params);
}

static int
init_with_best_flags (struct io_uring *uring, guint entries, guint cq_entries, guint flags)
{
  int ret;

  for (guint i = 0; i < G_N_ELEMENTS (optional_flags); i++)
    flags |= optional_flags[i];

  ret = try_flags (uring, entries, cq_entries, flags);
  for (guint i = 0; ret == -EINVAL && i < G_N_ELEMENTS (optional_flags); i++)
    {
      flags &= ~optional_flags[i];
      ret = try_flags (uring, entries, cq_entries, flags);
    }
  return ret;
}

static gboolean
are_valid (guint entries, guint cq_entries, GError **error)
{
  if (entries <= MAX_ENTRIES && cq_entries <= MAX_CQ_ENTRIES &&
      (cq_entries == 0 || cq_entries >= entries))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "A ring can't have %u entries and %u CQ entries: at most %u and %u, and no fewer CQ "
               "entries than entries",
               entries, cq_entries, MAX_ENTRIES, MAX_CQ_ENTRIES);
  return FALSE;
}

/* @entries and @cq_entries: 0 for the default; @flags: which are a must */
gboolean
guring_setup (struct io_uring *uring, guint entries, guint cq_entries, guint flags, GError **error)
{
  int ret;

  if (guring_environment_is_disabled (error) || !are_valid (entries, cq_entries, error))
    return FALSE;

  if (entries == 0)
    {
      entries = DEFAULT_ENTRIES;
      cq_entries = MAX (entries, cq_entries == 0 ? DEFAULT_CQ_ENTRIES : cq_entries);
    }

  ret = init_with_best_flags (uring, entries, cq_entries, flags);
  if (ret < 0)
    {
      guring_environment_set_error (error, -ret, entries);
      return FALSE;
    }

  /* A child that touches the parent's ring by mistake shall crash and not corrupt it. */
  io_uring_ring_dontfork (uring);
  return TRUE;
}

/**
 * guring_is_supported:
 * @error: return location for the reason why not
 *
 * Tells whether io_uring can be used by this process, by trying it. Any thread.
 *
 * Returns: %TRUE if so; else %FALSE with the errors of guring_ring_new(): what refuses it, and what
 *   to do
 *
 * Since: 0.1
 */
gboolean
guring_is_supported (GError **error)
{
  struct io_uring uring;

  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!guring_setup (&uring, 1, 0, 0, error))
    return FALSE;

  io_uring_queue_exit (&uring);
  return TRUE;
}
