/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a program that runs for long must not need more and more of, looked at now and then. Of the
 * time the first quarter is to warm up. What is flat has a sample in the last quarter that is no
 * higher than all samples of the second, but for what is allowed. */

#pragma once

#include <guring/guring.h>

/* @path: of the CSV to write */
void samples_start (const gchar *path, gint64 duration_us);

/* How far it is, and what has been done. */
void samples_take (GuringRing *ring, guint64 n_operations);

/* Says how it stands for each. */
gboolean samples_are_flat (void);
