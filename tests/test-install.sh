#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What 'make install' leaves is enough for a stranger: the README's program, with pkg-config.

set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

number=0
check () # DESCRIPTION COMMAND…
{
  number=$((number + 1))
  description=$1
  shift
  if "$@" >"$dir/log" 2>&1; then
    echo "ok $number - $description"
  else
    echo "not ok $number - $description"
    sed 's/^/# /' "$dir/log"
  fi
}

install_to_dir ()
{
  make install DESTDIR="$dir" && pc=$(find "$dir" -name guring-1.pc) && test -n "$pc" &&
    sed -i "s|^prefix=|prefix=$dir|" "$pc"
}

compile ()
{
  # shellcheck disable=SC2046,SC2086
  PKG_CONFIG_PATH=$(dirname "$pc") && export PKG_CONFIG_PATH &&
    $CC $SANITIZER_FLAGS -Wall -Wextra -Wno-unused-parameter -Werror -o "$dir/program" \
      "$dir/program.c" $(pkg-config --cflags --libs guring-1)
}

run ()
{
  LD_LIBRARY_PATH=$(dirname "$(find "$dir" -name libguring-1.so.0)") && export LD_LIBRARY_PATH &&
    printf 'hello' | "$dir/program" >"$dir/output" && echo '5 bytes' | diff - "$dir/output"
}

sed -n '/^```c$/,/^```$/p' "$srcdir/README.md" | grep -v '^```' >"$dir/program.c"

echo 1..3
check 'make install' install_to_dir
check "the README's program compiles" compile
if reason=$(GURING_DISABLE=${GURING_DISABLE:-} ./examples/write-file "$dir/written" 2>&1 >/dev/null); then
  check "the README's program runs" run
else
  echo "ok 3 # SKIP $reason"
fi
