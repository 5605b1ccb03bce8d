#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Builds the fuzzers and puts them into $OUT as OSS-Fuzz wants them: <target>, <target>_seed_corpus.zip,
# <target>.dict, <target>.options. There $OUT, $WORK, $CC, $CXX, $CFLAGS, $CXXFLAGS and
# $LIB_FUZZING_ENGINE are set. Locally nothing has to be: clang and libFuzzer with AddressSanitizer
# and UndefinedBehaviorSanitizer do, into build-oss-fuzz/out.

set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
work=${WORK:-$source/build-oss-fuzz}/guring
out=${OUT:-$source/build-oss-fuzz/out}
export CC=${CC:-clang} CXX=${CXX:-clang++}

flags=(--enable-fuzzing)
test -n "${LIB_FUZZING_ENGINE-}" || flags+=("--with-sanitizer=address,undefined")

test -x "$source/configure" || (cd "$source" && autoreconf -fi)
mkdir -p "$work" "$out"
cd "$work"
"$source/configure" --quiet "${flags[@]}"
make -s -j"$(nproc)" fuzz-programs

for program in fuzz/fuzz-*; do
  test -f "$program" -a -x "$program" || continue
  name=$(basename "$program")
  cp "$program" "$out/"
  rm -f "$out/${name}_seed_corpus.zip"
  "$source/fuzz/arguments.sh" "${name#fuzz-}" | grep '^/' | xargs -I{} find {} -type f |
    zip -q -j -@ "$out/${name}_seed_corpus.zip"
  for extra in "$source/fuzz/$name.dict" "$source/fuzz/$name.options"; do
    test ! -e "$extra" || cp "$extra" "$out/"
  done
done
ls -l "$out"
