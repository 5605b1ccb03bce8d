# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# What the tests of what is installed share: to be sourced.

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
