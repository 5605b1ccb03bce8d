/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "harness.h"

G_BEGIN_DECLS

/* Plays ping-pong on the first connections, and keeps the others. */
void bench_echo_client (const int *fds, guint n_busy) G_GNUC_NORETURN;

G_END_DECLS
