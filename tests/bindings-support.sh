# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# Programs in other languages, in the top build directory: to be sourced after examples-support.sh.

LD_LIBRARY_PATH=$PWD/lib/.libs
GI_TYPELIB_PATH=$PWD/bindings
export LD_LIBRARY_PATH GI_TYPELIB_PATH

find_python ()
{
	for python in python3 /usr/bin/python3; do
		"$python" -c 'import gi' 2>/dev/null && return
	done
	python=
}

has_typelib ()
{
	[ -e bindings/Guring-1.typelib ] || skip 'configured without introspection'
}

has_python ()
{
	has_typelib || return
	[ -n "$python" ] || skip 'no python3-gi'
}

has_vala ()
{
	if ! has valac || [ ! -e bindings/guring-1.vapi ]; then
		skip 'no valac'
	fi
}

# The C that valac makes is not ours to warn of.
compile_vala () # FILE
{
	has_vala || return
	run valac --quiet --cc="$CC" --fatal-warnings --vapidir bindings --pkg guring-1 --pkg posix \
		-X -w -X "-I$srcdir/include" -X -Llib/.libs -X -lguring-1 -o "$dir/$(basename "$1" .vala)" "$1"
	[ "$status" -eq 0 ]
}

# Of a function load() without main(), as guides have it
compile_vala_block () # FILE
{
	grep -q 'async void load (File file)' "$1" || return 1
	echo 'void main () { load.begin (File.new_for_path ("/")); }' >>"$1"
	compile_vala "$1"
}

find_python
