/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Calls that the library makes, replaced by the linker's --wrap, so that those of GLib and liburing
 * are not: whoever links this says which of them fails, and with what. */

#pragma once

#include <errno.h>
#include <guring/guring.h>

typedef struct
{
  const gchar *name;
  const int *errors; /* that its man page names */
  guint n_errors;
} Interposed;

/* To be defined by whoever links this; called in any thread.
 *
 * Returns: an errno, 0 if the call is to be made */
int interpose_decide (const Interposed *function);

#define INTERPOSED_ERRORS(...)                                                                     \
  (const int[]){ __VA_ARGS__ }, sizeof ((const int[]){ __VA_ARGS__ }) / sizeof (int)

/* Only where @condition holds */
#define INTERPOSE_IF(condition, type, name, parameters, arguments, failed, ...)                    \
  type __real_##name parameters;                                                                   \
  type __wrap_##name parameters;                                                                   \
  type __wrap_##name parameters                                                                    \
  {                                                                                                \
    static const int errors[] = { __VA_ARGS__ };                                                   \
    static const Interposed function = { #name, errors, G_N_ELEMENTS (errors) };                   \
    int error_number = (condition) ? interpose_decide (&function) : 0;                             \
                                                                                                   \
    if (error_number == 0)                                                                         \
      return __real_##name arguments;                                                              \
    errno = error_number;                                                                          \
    return failed;                                                                                 \
  }

#define INTERPOSE(type, name, parameters, arguments, failed, ...)                                  \
  INTERPOSE_IF (TRUE, type, name, parameters, arguments, failed, __VA_ARGS__)

/* What a ring whose io_uring_enter() was made to fail for good has in flight can't be cancelled by
 * the library: it ends here, as it would in time. */
void interpose_rescue (GuringRing *ring);
