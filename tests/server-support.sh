# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# A server, one at a time: to be sourced after examples-support.sh.

server=

stop_server ()
{
	[ -z "$server" ] || kill "$server" 2>/dev/null
	[ -z "$server" ] || wait "$server" 2>/dev/null
	server=
}
trap 'stop_server; rm -rf "$dir"' EXIT

# The first line is the port: a FIFO makes the shell wait for it.
start_server ()
{
	mkfifo "$dir/port"
	"$@" >"$dir/port" 2>"$dir/server-err" &
	server=$!
	read -r port <"$dir/port"
	rm "$dir/port"
	[ -n "$port" ]
}
