/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef int GuringForkGuard;

GuringForkGuard *guring_fork_guard_new (GError **error);
void guring_fork_guard_free (GuringForkGuard *guard);

static inline gboolean
guring_fork_guard_is_child (const GuringForkGuard *guard)
{
  return *guard == 0;
}

G_END_DECLS
