#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What 'make install' leaves is enough for a stranger: what the README shows, with pkg-config. Its
# first block of C is a program, the others are what goes into one.

. "$(dirname "$0")/check-support.sh"

install_to_dir ()
{
  make install DESTDIR="$dir" && pc=$(find "$dir" -name guring-1.pc) && test -n "$pc" &&
    sed -i "s|^prefix=|prefix=$dir|" "$pc"
}

compile () # PKG-CONFIG-FLAGS ARGUMENT…
{
  flags=$1
  shift
  # shellcheck disable=SC2046,SC2086
  PKG_CONFIG_PATH=$(dirname "$pc") && export PKG_CONFIG_PATH &&
    $CC $SANITIZER_FLAGS -Wall -Wextra -Wno-unused-parameter -Werror "$@" \
      $(pkg-config $flags guring-1)
}

run ()
{
  LD_LIBRARY_PATH=$(dirname "$(find "$dir" -name libguring-1.so.0)") && export LD_LIBRARY_PATH &&
    printf 'hello' | "$dir/block-1" >"$dir/output" && echo '5 bytes' | diff - "$dir/output"
}

awk -v dir="$dir" '
  /^```c$/ { file = dir "/block-" ++n ".c"; print "#include <guring/guring.h>" >file; next }
  /^```$/ { file = "" }
  file { print >file }' "$srcdir/README.md"
blocks=$(find "$dir" -name 'block-*.c' | wc -l)

echo 1..$((blocks + 2))
check 'make install' install_to_dir
check "the README's program compiles" compile '--cflags --libs' "$dir/block-1.c" -o "$dir/block-1"
for i in $(seq 2 "$blocks"); do
  check "the README's block of C number $i compiles" compile --cflags -c "$dir/block-$i.c" -o "$dir/block.o"
done
check "the README's program runs" run
