#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each block of C in a guide compiles without a warning, those with a main() into a program.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

for guide in "$srcdir"/docs/*.md; do
  awk -v prefix="$dir/$(basename "$guide" .md)" '
    /^```c$/ { file = prefix "-" ++n ".c"; print "#include <guring/guring.h>" >file; next }
    /^```$/ { file = "" }
    file { print >file }' "$guide"
done

compile () # FILE
{
  libraries="-Llib/.libs -lguring-1 $GURING_LIBS"
  grep -q '^main (' "$1" || libraries=-c
  # shellcheck disable=SC2086
  $CC $SANITIZER_FLAGS -Wall -Wextra -Wno-unused-function -Wno-unused-parameter -Werror \
    "-I$srcdir/include" $GURING_CFLAGS "$1" -o "$dir/output" $libraries
}

number=0
for block in "$dir"/*.c; do
  number=$((number + 1))
  if compile "$block" >"$dir/log" 2>&1; then
    echo "ok $number - $(basename "$block" .c)"
  else
    echo "not ok $number - $(basename "$block" .c)"
    sed 's/^/# /' "$dir/log"
  fi
done
echo "1..$number"
