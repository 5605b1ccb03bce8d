/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "task.h"

G_BEGIN_DECLS

/* @func gets 0 when it is the task's turn, at once or later, or -ECANCELED. */
void guring_turn_take (GuringTask *task, int fd, gboolean writes, GuringStepFunc func);
/* The same among all calls of this kind, of which @max_turns are under way. The task's data goes with
 * its turn. */
void guring_turn_take_one_of (GuringTask *task, guint max_turns, GuringStepFunc func);
/* At the end of a task, whether it has one or not */
void guring_turn_pass (GuringTask *task);

G_END_DECLS
