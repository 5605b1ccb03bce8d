# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# What the tests of the example programs share: to be sourced.

set -u

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM

number=0
reason=

# A case returns 77, with $reason set, for what can't be had here.
check ()
{
	number=$((number + 1))
	status=none
	: >"$dir/out"
	: >"$dir/err"
	title=$1
	shift

	"$@"
	case $? in
	0)
		echo "ok $number - $title"
		;;
	77)
		echo "ok $number - $title # SKIP $reason"
		;;
	*)
		echo "not ok $number - $title"
		echo "# status $status"
		sed 's/^/# stdout: /' "$dir/out"
		sed 's/^/# stderr: /' "$dir/err"
		;;
	esac
}

skip ()
{
	reason=$1
	return 77
}

same ()
{
	cmp "$1" "$2" >>"$dir/err" 2>&1
}

has ()
{
	command -v "$1" >/dev/null
}

run ()
{
	status=0
	timeout 120 "$@" >"$dir/out" 2>"$dir/err" || status=$?
}

failed_with ()
{
	[ "$status" -eq 1 ] && grep -qF "$1" "$dir/err"
}
