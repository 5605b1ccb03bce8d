/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* System calls, counted by the kernel's tracepoint: in runs of their own, for while it is in use it
 * slows every system call of the machine. */

#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Of a thread, and of the threads and processes that it starts from now on; -1 where the kernel or
 * the lack of tracefs forbids it. */
int bench_syscalls_open (pid_t thread);
guint64 bench_syscalls_read (int counter);

/* Prints those that another process makes in so many seconds. */
void bench_syscalls_watch (pid_t process, guint seconds);

G_END_DECLS
