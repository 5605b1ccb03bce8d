#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# mutants.sh [NAME…]: are the oracles awake? Applies each fuzz/mutants/NAME.patch, which breaks one
# promise of the library, to a copy of the tree, fuzzes the target that the patch names, and expects
# the words of the oracle that it names, or of one of them. Fails if a mutant survives.
#
# MUTANT_SECONDS: how long to fuzz at most, by default 120: most are found by the corpus at once, but
# what only shows when a thread of the kernel is late takes its time on a busy machine.

set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
seconds=${MUTANT_SECONDS:-120}
jobs=${MUTANT_JOBS:-$(nproc)}
export G_SLICE=always-malloc CC=clang CXX=clang++ ASAN_OPTIONS=symbolize=0 UBSAN_OPTIONS=symbolize=0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if test "$#" -eq 0; then
  for patch in "$source"/fuzz/mutants/*.patch; do
    set -- "$@" "$(basename "$patch" .patch)"
  done
fi

# DIRECTORY PROGRAM…
make_in () { make -s -C "$1/build" "${@:2}" > "$1/log" 2>&1 || { cat "$1/log"; return 1; }; }

# DIRECTORY NAME: what libFuzzer says, at most as long as the time allows. Fails on a crash
fuzz ()
{
  local arguments
  mapfile -t arguments < <("$1/source/fuzz/arguments.sh" "$2")
  rm -rf "$1/found"
  mkdir "$1/found"
  "$1/build/fuzz/fuzz-$2" -max_total_time="$3" -timeout=10 -artifact_prefix="$1/" "$1/found" \
    "${arguments[@]}" > "$1/log" 2>&1
}

# PATCH FIELD: what its header says, a line each
field () { sed -n "s/^$2: //p" "$1"; }

# DIRECTORY TARGET: the library's objects that are in its program, as make knows them
list_objects ()
{
  local build=$1/build
  find "$build/lib" -name '*.lo' -printf 'lib/%P\n' | grep -F -f <(readelf -sW "$build/fuzz/fuzz-$2" |
    awk '$4 == "FILE" { print "-" substr ($NF, 1, length ($NF) - 2) ".lo" }')
}

# DIRECTORY TARGET: compiles no more than that, and puts what changed into the archive, which
# libtool would make anew.
build ()
{
  local library=lib/.libs/libguring-internal.a objects
  mapfile -t objects < <(list_objects "$1" "$2")
  make_in "$1" "${objects[@]}" &&
    (cd "$1/build" && find lib -name '*.o' -newer "$library" -exec ar r "$library" {} + &&
      touch lib/*/*.lo lib/libguring-internal.la) &&
    make_in "$1" "fuzz/fuzz-$2"
}

# FROM TO: what a mutant changes, with its times, so that nothing but the next has to be compiled
copy ()
{
  rm -rf "$2/source/lib" "$2/build/lib"
  mkdir -p "$2/source" "$2/build/fuzz"
  cp -a "$1/source/lib" "$2/source/"
  cp -a "$1/build/lib" "$2/build/"
  find "$1/build/fuzz" -maxdepth 1 -name '*.o' -exec cp -a {} "$2/build/fuzz/" \;
}

# DIRECTORY TARGET ORACLE: who caught the mutant. What one oracle notices, another may notice first.
catch ()
{
  local attempt
  for attempt in 1 2 3; do
    if fuzz "$1" "$2" "$seconds"; then
      ! grep -q '^1..0 # SKIP' "$1/log" || { echo skipped; return; }
      echo SURVIVED
      return
    elif grep -q -F -e "$3" "$1/log"; then
      echo caught
      return
    fi
  done
  echo "OTHERWISE: $(grep -m 1 -E 'Broken promise|ERROR|runtime error' "$1/log" || true)"
}

# DIRECTORY NAME: a line of the table
try ()
{
  local patch=$source/fuzz/mutants/$2.patch target oracle verdict start=$SECONDS
  target=$(field "$patch" Target)
  oracle=$(field "$patch" Oracle)
  if ! patch -s -p1 --dry-run -d "$1/source" < "$patch" > /dev/null; then
    printf '%-28s %-12s %-32s %s\n' "$2" "$target" "${oracle%%$'\n'*}" 'DOES NOT APPLY'
    return
  fi
  patch -s -p1 -d "$1/source" < "$patch"
  if build "$1" "$target" > "$1/errors"; then
    verdict=$(catch "$1" "$target" "$oracle")
  else
    verdict="DOES NOT BUILD"
  fi
  copy "$work/pristine" "$1"
  printf '%-28s %-12s %-32s %s, %d s\n' "$2" "$target" "${oracle%%$'\n'*}" "$verdict" \
    $((SECONDS - start))
  test "$verdict" != 'DOES NOT BUILD' || cat "$1/errors"
}

# DIRECTORY NAME…: those that no other job has taken
try_some ()
{
  local directory=$1
  shift
  for name; do
    ! mkdir "$work/taken/$name" 2> /dev/null || try "$directory" "$name"
  done
}

mkdir -p "$work/0/source" "$work/0/build"
tar -C "$source" --exclude=./build --exclude='./build-[!a]*' --exclude='./build-a[!u]*' \
  --exclude=./.git -cf - . | tar -C "$work/0/source" -xf -
test -x "$work/0/source/configure" || (cd "$work/0/source" && autoreconf -fi > /dev/null 2>&1)
(cd "$work/0/build" && ../source/configure --quiet --enable-fuzzing CFLAGS=-O1 \
  --with-sanitizer=address,undefined > /dev/null)
make_in "$work/0" -j"$jobs" fuzz-programs

for program in "$work"/0/build/fuzz/fuzz-*; do
  test ! -x "$program" || fuzz "$work/0" "${program##*/fuzz-}" 1 ||
    { cat "$work/0/log"; echo "${program##*/} finds something without a mutant"; exit 1; }
done

mkdir -p "$work/taken"
copy "$work/0" "$work/pristine"
for ((job = 1; job < jobs; job++)); do
  cp -a "$work/0" "$work/$job"
done
for ((job = 0; job < jobs; job++)); do
  try_some "$work/$job" "$@" | tee "$work/table.$job" &
done
wait

caught=$(cat "$work"/table.* | grep -c -E '(caught|skipped), [0-9]+ s$' || true)
echo "$caught of $# mutants caught"
test "$caught" -eq "$#"
