# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For tests/blocked/run and tests/kernels/init: runs suites somewhere, for table.awk.

# As in make check
export G_DEBUG=fatal-warnings G_SLICE=always-malloc

suites_of () # BUILD-DIR: the names of all, or of $SUITES
{
  for suite in ${SUITES:-$(cd "$1/tests" && ls -d test-*)}; do
    case $suite in
      *.*) ;;
      *) echo "$suite" ;;
    esac
  done
}

run_suites () # WHERE SUITE-PATHS COMMAND…: each is started by COMMAND, in a directory of its own
{
  echo "# where $1"
  paths=$2
  shift 2
  for path in $paths; do
    name=$(basename "$path")
    directory=$(mktemp -d)
    echo "# suite $name"
    (cd "$directory" && exec timeout 1800 "$@" "$path" </dev/null 2>&1)
    echo "# end $?"
    rm -rf "$directory"
  done
}
