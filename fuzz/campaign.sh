#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# campaign.sh SECONDS [DIRECTORY [TARGET…]]: fuzzes each target for so long, then
# - makes one crash of each kind smaller (DIRECTORY/crashes/<target>/minimal-…), and says what it is,
# - merges what was found into a minimal corpus (DIRECTORY/corpus/<target>), to be looked at and
#   copied into fuzz/corpus,
# - writes a coverage report (DIRECTORY/coverage/index.html) and a curve of coverage over time
#   (DIRECTORY/coverage.svg).
# Fails if something crashed. Needs clang, llvm and gnuplot.

set -euo pipefail
seconds=$1
directory=$(mkdir -p "${2:-build-campaign}" && cd "${2:-build-campaign}" && pwd)
source=$(cd "$(dirname "$0")/.." && pwd)
targets=("${@:3}")
export G_SLICE=always-malloc CC=clang CXX=clang++

# BUILD-DIRECTORY CONFIGURE-ARGUMENT…
build ()
{
  mkdir -p "$1"
  (cd "$1" && shift && "$source/configure" --quiet --enable-fuzzing "$@")
  make -s -C "$1" -j"$(nproc)" fuzz-programs
}

# What libFuzzer says of itself, as 'executions coverage'; the time is written as it comes
follow ()
{
  while read -r line; do
    case $line in
      '#'*' cov: '*) echo "$SECONDS $(sed -E 's/.* cov: ([0-9]+).*/\1/' <<< "$line")" ;;
      *) echo "# $line" ;;
    esac
  done
}

# PROGRAM
fuzz ()
{
  local name=${1##*/fuzz-} crashes arguments
  crashes=$directory/crashes/$name
  mapfile -t arguments < <("$source/fuzz/arguments.sh" "$name")
  mkdir -p "$directory/found/$name" "$crashes"
  SECONDS=0
  "$1" -fork=1 -ignore_crashes=1 -ignore_ooms=1 -ignore_timeouts=1 -timeout=10 \
    -max_total_time="$seconds" -artifact_prefix="$crashes/" "$directory/found/$name" \
    "${arguments[@]}" 2>&1 | follow > "$directory/$name.curve" || true

  echo "$name: $(find "$crashes" -type f | wc -l) crashes"
}

# PROGRAM INPUT: what it does, without what differs from one input to the next
kind ()
{
  local what
  what=$("$1" "$2" 2>&1 | grep -m 1 -E '^(Broken promise|SUMMARY):|runtime error' |
    sed -E 's/0x[0-9a-f]+|[0-9a-f]{16}|[0-9]+/N/g' || true)
  echo "${what:-nothing again}"
}

# PROGRAM: of crashes that look the same only the smallest is worth the time.
minimize ()
{
  local name=${1##*/fuzz-} crash what smaller
  local -A seen=()

  while read -r crash; do
    what=$(kind "$1" "$crash")
    test -z "${seen[$what]-}" || continue
    seen[$what]=$crash
    smaller=$directory/crashes/$name/minimal-${crash##*-}
    "$1" -minimize_crash=1 -max_total_time="$((seconds < 60 ? seconds : 60))" \
      -exact_artifact_path="$smaller" "$crash" > "$directory/$name.minimize" 2>&1 || true
    test "$(kind "$1" "$smaller")" = "$what" || cp "$crash" "$smaller" # it became another's
    printf '  %s\n    %s %s\n' "$what" "$1" "$smaller"
  done < <(find "$directory/crashes/$name" \( -name 'crash-*' -o -name 'leak-*' \) \
    -printf '%s %p\n' | sort -n | cut -d ' ' -f 2-)
}

# PROGRAM
merge ()
{
  local name=${1##*/fuzz-} arguments
  mapfile -t arguments < <("$source/fuzz/arguments.sh" "$name")
  rm -rf "$directory/corpus/$name"
  mkdir -p "$directory/corpus/$name"
  # How often a line runs is worth no file.
  "$1" -set_cover_merge=1 -use_counters=0 "$directory/corpus/$name" "${arguments[@]}" \
    "$directory/found/$name" > "$directory/$name.merge" 2>&1
}

# BUILD-DIRECTORY: of programs that count lines
report ()
{
  local programs=() objects=()
  rm -f "$directory"/*.profraw
  for program in "$1"/fuzz/fuzz-*; do
    test -x "$program" -a -f "$program" || continue
    programs+=("$program")
    LLVM_PROFILE_FILE="$directory/%p.profraw" "$program" -runs=0 \
      "$directory/corpus/${program##*/fuzz-}" > /dev/null 2>&1 || true
  done
  llvm-profdata merge -o "$directory/coverage.profdata" "$directory"/*.profraw
  mapfile -t objects < <(printf -- '-object\n%s\n' "${programs[@]:1}")
  objects=("${programs[0]}" "${objects[@]}" -instr-profile="$directory/coverage.profdata")
  llvm-cov show -format=html -output-dir="$directory/coverage" "${objects[@]}" "$source/lib" \
    > /dev/null
  llvm-cov report "${objects[@]}" "$source/lib/ring" | tee "$directory/coverage.txt" | tail -n 1
}

plot ()
{
  local curves=()
  for curve in "$directory"/*.curve; do
    curves+=("'$curve' using 1:2 with steps title '$(basename "$curve" .curve)'")
  done
  gnuplot -e "set terminal svg size 900,500 background 'white'; set output '$directory/coverage.svg';
    set xlabel 'seconds'; set ylabel 'edges'; set key bottom right; set logscale x;
    plot $(IFS=,; echo "${curves[*]}")"
}

build "$directory/build" --with-sanitizer=address,undefined
build "$directory/build-coverage" CFLAGS='-O1 -g -fprofile-instr-generate -fcoverage-mapping' \
  CXXFLAGS='-fprofile-instr-generate -fcoverage-mapping' LDFLAGS=-fprofile-instr-generate
if test "${#targets[@]}" -eq 0; then
  mapfile -t targets < <(find "$directory/build/fuzz" -name 'fuzz-*' -type f -executable -printf '%f\n' |
    sed 's/^fuzz-//' | sort)
fi
for target in "${targets[@]}"; do
  fuzz "$directory/build/fuzz/fuzz-$target"
  minimize "$directory/build/fuzz/fuzz-$target"
  merge "$directory/build/fuzz/fuzz-$target"
done
report "$directory/build-coverage"
plot
echo "Look into $directory"
test -z "$(find "$directory/crashes" -type f)"
