/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What must hold, whatever the input. */

#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* What a harness has. The second is optional: it is called once, before the first input. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
int LLVMFuzzerInitialize (int *argc, char ***argv);

/* For LLVMFuzzerInitialize(): what GLib or the library log crashes too, but for what contains
 * @expected (nullable). */
void oracle_watch_log (const gchar *expected);

/* Says which promise is broken, and crashes:
 *
 *   oracle_holds ("exactly once", n_final == 1, "operation %u ended %u times", i, n_final);
 */
#define oracle_holds(promise, condition, ...)                                                      \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (G_UNLIKELY (!(condition)))                                                                 \
      oracle_fail (promise, G_STRLOC ": " #condition, __VA_ARGS__);                                \
  }                                                                                                \
  G_STMT_END

void oracle_fail (const gchar *promise, const gchar *where, const gchar *format, ...)
  G_GNUC_PRINTF (3, 4) G_GNUC_NORETURN;
