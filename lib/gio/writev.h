/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "task.h"

G_BEGIN_DECLS

gboolean guring_writev_begin (GOutputStream *stream, GuringTask *task, gsize n_vectors);

G_END_DECLS
