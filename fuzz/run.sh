#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# run.sh SECONDS PROGRAM…: fuzzes with each libFuzzer program in turn, and prints a line for each.
# Fails when one crashes, leaks or hangs. What it finds stays in <PROGRAM>.work/: corpus/ has the
# new inputs, crashes/ what crashed, log what was said. The corpus in the source tree is only read.

set -euo pipefail
data=$(cd "$(dirname "$0")" && pwd)
seconds=$1
shift

export G_SLICE=always-malloc
export UBSAN_OPTIONS=${UBSAN_OPTIONS-print_stacktrace=1}

# LOG PATTERN: the last number behind it
last () { grep -o "$2 *[0-9]*" "$1" | tail -n 1 | grep -o '[0-9]*$' || echo 0; }

# PROGRAM
fuzz ()
{
  local name work arguments=() status=0
  name=$(basename "$1")
  work=$1.work
  rm -rf "$work/crashes"
  mkdir -p "$work/corpus" "$work/crashes"

  mapfile -t arguments < <("$data/arguments.sh" "${name#fuzz-}")

  "$1" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$work/crashes/" "$work/corpus" "${arguments[@]}" > "$work/log" 2>&1 || status=$?

  if grep -q '^1..0 # SKIP' "$work/log"; then
    echo "$name: skipped:$(sed -n 's/^1..0 # SKIP//p' "$work/log")"
    return
  fi
  printf '%s: %s executions, %s a second, coverage %s, %s crashes\n' "$name" \
    "$(last "$work/log" stat::number_of_executed_units:)" \
    "$(last "$work/log" stat::average_exec_per_sec:)" "$(last "$work/log" cov:)" \
    "$(find "$work/crashes" -type f | wc -l)"
  test "$status" -ne 0 || return 0

  failed=1
  grep -A 30 -E '^(Broken promise|Bail out|==[0-9]+== ?ERROR)|runtime error' "$work/log" ||
    tail -n 30 "$work/log"
  find "$work/crashes" -type f -exec printf 'reproduce: %s %s\n' "$1" {} \;
}

failed=0
for program; do
  fuzz "$program"
done
exit "$failed"
