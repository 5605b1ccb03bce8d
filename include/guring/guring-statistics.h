/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include <guring/guring-macros.h>

G_BEGIN_DECLS

/**
 * GuringStatistics:
 * @queued: operations accepted since the ring was made
 * @submitted: operations that the kernel took
 * @completed: operations that had their final completion
 * @more: completions that were not final (multishot, zero-copy)
 * @in_flight: operations that the kernel has now
 * @backlog: operations that wait now: for the next submission, for room in the CQ, or, when the
 *   kernel will never see them, for their callback
 * @unknown_completions: CQEs that belonged to no operation, and were ignored
 * @cq_overflows: how often the CQ was found to have overflowed, and was flushed
 * @enter_calls: io_uring_enter() system calls
 * @cancels: cancellations that were accepted
 *
 * What a ring has done. `queued == completed + in_flight + backlog` at any time.
 *
 * Since: 0.1
 */
typedef struct
{
  guint64 queued;
  guint64 submitted;
  guint64 completed;
  guint64 more;
  guint64 in_flight;
  guint64 backlog;
  guint64 unknown_completions;
  guint64 cq_overflows;
  guint64 enter_calls;
  guint64 cancels;

  /*< private >*/
  guint64 reserved[6];
} GuringStatistics;

G_END_DECLS
