#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# guring-probe where io_uring can be used, and where each of the policies forbids it; its man page.
# Runs in the top build directory.

. "$(dirname "$0")/examples-support.sh"

probe=./tools/guring-probe

fact () # NAME
{
	sed -n "s/^$1: //p" "$dir/out"
}

# Each line of the text is the member of the JSON object, in the same order.
agrees_with_json ()
{
	has python3 || { skip 'no python3'; return; }
	cp "$dir/out" "$dir/text"
	"$@" --json >"$dir/json" 2>>"$dir/err"
	[ $? -eq "$status" ] && python3 - "$dir/json" >"$dir/from-json" 2>>"$dir/err" <<-'END'
		import json, sys

		def text(value):
		    if isinstance(value, bool):
		        return "yes" if value else "no"
		    return " ".join(value) if isinstance(value, list) else str(value)

		with open(sys.argv[1]) as file:
		    for name, value in json.load(file).items():
		        print(f"{name}: {text(value)}")
	END
	[ $? -eq 0 ] && diff "$dir/text" "$dir/from-json" >>"$dir/err"
}

is_usable ()
{
	run "$probe"
	if [ "$status" -eq 1 ]; then
		skip "$(fact reason)"
		return
	fi
	[ "$status" -eq 0 ] && [ ! -s "$dir/err" ] && [ "$(fact usable)" = yes ] &&
		[ "$(fact kernel)" = "$(uname -r)" ] && [ "$(fact guring)" = "$VERSION" ] &&
		[ "$(fact entries)" -eq 256 ] && [ "$(fact cq-entries)" -eq 4096 ] &&
		fact features | grep -q SINGLE_MMAP && fact opcodes | grep -q '^NOP READV' &&
		[ "$(fact opcodes | wc -w)" -eq "$(fact n-opcodes)" ] && [ -z "$(fact blocked-by)" ] &&
		agrees_with_json "$probe"
}

# POLICY WORDS COMMAND…: says that POLICY blocks it, and the reason in words
is_blocked_by ()
{
	policy=$1
	words=$2
	shift 2
	run "$@" "$probe"
	[ "$status" -eq 1 ] && [ ! -s "$dir/err" ] && [ "$(fact usable)" = no ] &&
		[ "$(fact blocked-by)" = "$policy" ] && fact reason | grep -qF "$words" &&
		agrees_with_json "$@" "$probe"
}

# Where it is not usable anyhow nothing can be told apart.
is_forbidden_by ()
{
	"$probe" >/dev/null || { skip 'io_uring is not usable'; return; }
	is_blocked_by "$@"
}

# With sysctls of a mount namespace of its own: VALUE GROUP COMMAND…
cat >"$dir/with-sysctls" <<'END'
echo "$1" >"$0-disabled"
echo "$2" >"$0-group"
shift 2
exec unshare --map-root-user --mount sh -euc '
	mount --bind "$0-disabled" /proc/sys/kernel/io_uring_disabled
	mount --bind "$0-group" /proc/sys/kernel/io_uring_group
	exec "$@"' "$0" "$@"
END

is_forbidden_with_sysctls () # VALUE GROUP POLICY WORDS
{
	value=$1
	group=$2
	shift 2
	sh "$dir/with-sysctls" 0 0 true 2>"$dir/err" || { skip 'these sysctls can not be made up'; return; }
	is_forbidden_by "$@" sh "$dir/with-sysctls" "$value" "$group" ./tests/forbid setup EPERM
}

# The order of the kernel's numbers, and as many as the header has
names_are_those_of () # ARRAY PREFIX PATTERN
{
	# shellcheck disable=SC2086
	echo '#include <liburing/io_uring.h>' | $CC $GURING_CFLAGS -E -dD - >"$dir/header" || return 1
	grep -o "$3" "$dir/header" | grep -o "$2[A-Z0-9_]*" | sed "s/^$2//; /^LAST$/d" >"$dir/of-header"
	sed -n "/$1\[\]/,/^};/p" "$srcdir/tools/names.c" | grep -o '"[A-Z0-9_]*"' | tr -d '"' |
		head -n "$(wc -l <"$dir/of-header")" >"$dir/names"
	[ -s "$dir/of-header" ] && diff "$dir/of-header" "$dir/names" >>"$dir/err"
}

writes_version ()
{
	run "$probe" --version
	[ "$status" -eq 0 ] && [ "$(cat "$dir/out")" = "guring-probe $VERSION" ]
}

# LINE…: the man page has each of them
man_page_has ()
{
	[ -s "$1" ] || return 1
	while read -r line; do
		grep -qxF -e "$line" "$dir/man" || echo "no $line" >>"$dir/err"
	done <"$1"
	[ ! -s "$dir/err" ]
}

man_page_has_each_option ()
{
	run "$probe" --help
	grep -o -e '--[a-z]*' "$dir/out" | sort -u >"$dir/options"
	[ "$status" -eq 0 ] && sed -n 's/^\.It Fl -/--/p' "$man" >"$dir/man" && man_page_has "$dir/options"
}

# Where io_uring is forbidden there are fewer, but a reason.
man_page_has_each_fact ()
{
	{ "$probe"; GURING_DISABLE=1 "$probe"; } | cut -d: -f1 | sort -u >"$dir/facts"
	sed -n 's/^\.It Cm //p' "$man" | tr -s ' ,' '\n' >"$dir/man"
	man_page_has "$dir/facts"
}

man_page_has_each_policy ()
{
	sed -n '/^policy_find/,/^}/p' "$srcdir/tools/policy.c" | grep return | grep -o '"[^"]*"' |
		tr -d '"' | sort -u >"$dir/policies"
	sed -n 's/^\.It Cm //p' "$man" >"$dir/man"
	[ "$(wc -l <"$dir/policies")" -ge 7 ] && man_page_has "$dir/policies"
}

man_page_is_clean ()
{
	has mandoc || { skip 'no mandoc'; return; }
	run mandoc -T lint -W style "$man"
	! grep -v 'STYLE: referenced manual not found' "$dir/out"
}

refuses () # ARGUMENT
{
	run "$probe" "$1"
	[ "$status" -eq 2 ] && [ ! -s "$dir/out" ] && grep -q '^guring-probe: ' "$dir/err"
}

man=$srcdir/tools/guring-probe.1
profile="container's seccomp profile"

check 'it is usable' is_usable
check 'the environment' is_blocked_by GURING_DISABLE 'unset it' env GURING_DISABLE=1
check 'seccomp: no ring' is_forbidden_by seccomp "$profile" ./tests/forbid setup EPERM
check 'seccomp: as if there were none' is_forbidden_by seccomp "$profile" ./tests/forbid setup ENOSYS
check 'seccomp: no entry' is_forbidden_by seccomp 'io_uring_enter' ./tests/forbid enter EPERM
check 'seccomp: no question' is_forbidden_by seccomp "$profile" ./tests/forbid register EPERM
check 'no memory' is_forbidden_by RLIMIT_MEMLOCK 'ulimit -l' ./tests/forbid setup ENOMEM
check 'no descriptor' is_forbidden_by RLIMIT_NOFILE 'ulimit -n' ./tests/forbid setup EMFILE
check 'the sysctl: 1' is_forbidden_with_sysctls 1 -1 kernel.io_uring_disabled kernel.io_uring_group
check 'the sysctl: 1, in the group' is_forbidden_with_sysctls 1 0 seccomp "$profile"
check 'the sysctl: 2' is_forbidden_with_sysctls 2 0 kernel.io_uring_disabled 'forbids it to all'
check 'the opcodes are named as in the header' names_are_those_of opcode_names IORING_OP_ \
	'^[[:space:]]*IORING_OP_[A-Z0-9_]*,'
check 'the flags are named as in the header' names_are_those_of flag_names IORING_SETUP_ \
	'^#define IORING_SETUP_[A-Z0-9_]*'
check 'the features are named as in the header' names_are_those_of feature_names IORING_FEAT_ \
	'^#define IORING_FEAT_[A-Z0-9_]*'
check '--version' writes_version
check 'an unknown option' refuses --yaml
check 'an argument' refuses argument
check 'the man page has each option' man_page_has_each_option
check 'the man page has each fact' man_page_has_each_fact
check 'the man page has each policy' man_page_has_each_policy
check 'the man page is clean' man_page_is_clean

echo "1..$number"
