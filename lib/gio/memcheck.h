/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* Valgrind 3.19 does not see that io_uring writes to memory. */
#ifdef HAVE_VALGRIND_MEMCHECK_H
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_DEFINED(address, size) ((void) 0)
#endif
