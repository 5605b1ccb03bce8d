#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each installed header compiles alone, pedantically, as C and as C++.

. "$(dirname "$0")/check-support.sh"

headers=$(cd "$srcdir/include" && ls guring/*.h)
echo "1..$(($(echo "$headers" | wc -l) * 3 + 1))"

# Warnings are for our headers: GLib's and liburing's are the system's
flags="-I$srcdir/include $(echo "$GURING_CFLAGS" | sed 's/-I/-isystem /g')"
flags="$flags -Wall -Wextra -Wundef -Wshadow -pedantic -Werror -fsyntax-only"

for header in $headers; do
  printf '#include <%s>\nextern int not_empty;\n' "$header" >"$dir/alone.c"
  cp "$dir/alone.c" "$dir/alone.cc"
  # shellcheck disable=SC2086
  check "$header as C11" $CC -std=c11 $flags "$dir/alone.c"
  # shellcheck disable=SC2086
  check "$header as C99" $CC -std=c99 $flags "$dir/alone.c"
  # shellcheck disable=SC2086
  check "$header as C++11" $CXX -std=c++11 $flags "$dir/alone.cc"
done

echo '#include <guring/guring.h>
int broken = GURING_NO_SUCH_THING;' >"$dir/broken.c"
# shellcheck disable=SC2086
check 'a broken file is noticed' sh -c "! $CC -std=c11 $flags $dir/broken.c"
