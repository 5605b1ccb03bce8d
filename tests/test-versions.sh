#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The macros of versions: what a program may ask for, and what it is warned of.

. "$(dirname "$0")/check-support.sh"

cat >"$dir/uses.c" <<'END'
#include <guring/guring.h>

GURING_AVAILABLE_IN_0_1 int since_0_1 (void);
GURING_DEPRECATED_IN_0_1_FOR (since_0_1) int until_0_1 (void);

int
uses (void)
{
#ifdef OLD
  return until_0_1 ();
#else
  return since_0_1 ();
#endif
}
END

cat >"$dir/checks.c" <<'END'
#include <guring/guring.h>

G_STATIC_ASSERT (GURING_CHECK_VERSION (MAJOR, MINOR, MICRO));
G_STATIC_ASSERT (!GURING_CHECK_VERSION (MAJOR, MINOR, MICRO + 1));
G_STATIC_ASSERT (!GURING_CHECK_VERSION (MAJOR, MINOR + 1, 0));
G_STATIC_ASSERT (!GURING_CHECK_VERSION (MAJOR + 1, 0, 0));
G_STATIC_ASSERT (MAJOR == 0 || GURING_CHECK_VERSION (MAJOR - 1, MINOR + 1, MICRO + 1));
G_STATIC_ASSERT (MINOR == 0 || GURING_CHECK_VERSION (MAJOR, MINOR - 1, MICRO + 1));
END

compile () # ARGUMENT…
{
  # shellcheck disable=SC2086
  $CC -Werror "-I$srcdir/include" $GURING_CFLAGS -fsyntax-only "$@"
}

warns_of () # WORDS ARGUMENT…
{
  words=$1
  shift
  ! compile "$@" 2>"$dir/warning" && { cat "$dir/warning"; grep -q "$words" "$dir/warning"; }
}

major=${VERSION%%.*}
micro=${VERSION##*.}
minor=${VERSION#*.}
minor=${minor%.*}

echo 1..7
check "the headers' version is configure's" \
  compile "-DMAJOR=$major" "-DMINOR=$minor" "-DMICRO=$micro" "$dir/checks.c"
check 'what there is gives no warning' compile "$dir/uses.c"
check 'what is deprecated gives a warning' warns_of 'since_0_1' -DOLD "$dir/uses.c"
check 'what a newer version deprecated gives none' compile -DOLD \
  '-DGURING_VERSION_MIN_REQUIRED=GURING_ENCODE_VERSION(0,0)' "$dir/uses.c"
check 'what is too new gives a warning' warns_of 'Not available before 0.1' \
  '-DGURING_VERSION_MIN_REQUIRED=GURING_ENCODE_VERSION(0,0)' \
  '-DGURING_VERSION_MAX_ALLOWED=GURING_ENCODE_VERSION(0,0)' "$dir/uses.c"
check 'what is allowed gives none' compile '-DGURING_VERSION_MAX_ALLOWED=GURING_VERSION_0_1' \
  "$dir/uses.c"
check 'to allow less than is required is an error' warns_of 'must not be older' \
  '-DGURING_VERSION_MAX_ALLOWED=GURING_ENCODE_VERSION(0,0)' "$dir/uses.c"
