/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "task.h"

G_BEGIN_DECLS

/* @func gets 0 when it is the task's turn, at once or later, or -ECANCELED. */
void guring_turn_take (GuringTask *task, int fd, gboolean writes, GuringStepFunc func);
/* The same among all calls of the kind that @func stands for, of which 64 are under way: enough to
 * keep a device busy, and few enough for descriptors and for the memory to stay in the caches. */
void guring_turn_take_of_kind (GuringTask *task, GuringStepFunc func);
/* At the end of a task, whether it has one or not */
void guring_turn_pass (GuringTask *task);

G_END_DECLS
