#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# arguments.sh NAME: what libFuzzer is called with for a target, a line each: the flags in
# fuzz-NAME.options, the dictionary, and the directories with inputs.

data=$(dirname "$0")

if test -e "$data/fuzz-$1.options"; then
  sed -n 's/^\([a-z_]*\) *= *\(.*\)$/-\1=\2/p' "$data/fuzz-$1.options"
fi
if test -e "$data/fuzz-$1.dict"; then
  echo "-dict=$data/fuzz-$1.dict"
fi
for directory in "$data/corpus/$1" "$data/crashes/$1"; do
  test ! -d "$directory" || echo "$directory"
done
