#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# The web server, with curl and wrk. Runs in the top build directory.

. "$(dirname "$0")/examples-support.sh"
. "$(dirname "$0")/server-support.sh"

www=$dir/www

start_web_server ()
{
	start_server "$@"
	url=http://127.0.0.1:$port
}

make_files ()
{
	mkdir -p "$www/sub" "$www/empty"
	echo '<p>The index</p>' >"$www/index.html"
	echo 'in a directory' >"$www/sub/index.html"
	printf '0123456789' >"$www/ten.txt"
	: >"$www/nothing"
	echo 'secret' >"$dir/secret.txt"
	echo 'hidden' >"$www/hidden"
	chmod 000 "$www/hidden"
	mkfifo "$www/fifo"
	ln -s ../secret.txt "$www/out"
	ln -s "$dir/secret.txt" "$www/absolute"
	ln -s ten.txt "$www/inside"
	printf 'a name' >"$www/with space"
	head -c 100M /dev/urandom >"$www/large"
}

# What curl says of a request: the status is in $code, the head in head, the body in out
get () # CURL-ARGUMENT…
{
	: >"$dir/out"
	code=$(curl -sS --path-as-is --max-time 60 -o "$dir/out" -D "$dir/head" \
		-w '%{http_code}' "$@" 2>"$dir/err")
}

# Bytes as they are, by a shell that has TCP
say () # FORMAT
{
	# shellcheck disable=SC2016
	timeout 60 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "$2" >&3 && cat <&3' \
		bash "$port" "$1" >"$dir/out" 2>"$dir/err"
}

answers () # STATUS CURL-ARGUMENT…
{
	expected=$1
	shift
	get "$@" && [ "$code" = "$expected" ]
}

says () # STATUS FORMAT
{
	say "$2"
	head -n 1 "$dir/out" | grep -q "^HTTP/1.1 $1 "
}

field () # NAME VALUE
{
	grep -qiF "$1: $2" "$dir/head"
}

body () # TEXT
{
	[ "$(cat "$dir/out")" = "$1" ]
}

files_are_served ()
{
	answers 200 "$url/ten.txt" && body 0123456789 && field Content-Type text/plain &&
		field Content-Length 10 && answers 200 "$url/with%20space?query" && body 'a name' &&
		answers 200 "$url/nothing" && body '' && answers 200 "$url/inside" && body 0123456789
}

directories_have_an_index ()
{
	answers 200 "$url/" && body '<p>The index</p>' && field Content-Type text/html &&
		answers 200 "$url/sub" && body 'in a directory' &&
		answers 200 "$url/sub/" && answers 404 "$url/empty/"
}

a_large_file_is_the_same ()
{
	answers 200 "$url/large" && same "$dir/out" "$www/large" &&
		answers 206 -r 50000000-99999999 "$url/large" &&
		tail -c +50000001 "$www/large" | head -c 50000000 | cmp - "$dir/out"
}

memory_is_bounded ()
{
	[ -z "${SANITIZER_FLAGS:-}" ] || return 0 # which take more than the file has
	high=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$server/status")
	[ "$high" -lt 60000 ]
}

head_has_no_body ()
{
	answers 200 -I "$url/ten.txt" && field Content-Length 10 && answers 404 -I "$url/none" &&
		says 200 'HEAD /ten.txt HTTP/1.0\r\n\r\n' && ! grep -q 0123456789 "$dir/out"
}

ranges_are_served ()
{
	answers 206 -r 2-4 "$url/ten.txt" && body 234 && field Content-Range 'bytes 2-4/10' &&
		answers 206 -r 7- "$url/ten.txt" && body 789 &&
		answers 206 -r -3 "$url/ten.txt" && body 789 &&
		answers 206 -r -99 "$url/ten.txt" && body 0123456789 &&
		answers 206 -r 8-99 "$url/ten.txt" && body 89 &&
		answers 416 -r 10- "$url/ten.txt" && field Content-Range 'bytes */10' &&
		answers 416 -r -0 "$url/ten.txt" &&
		answers 200 -r 1-2,4-5 "$url/ten.txt" && body 0123456789 &&
		answers 200 -H 'Range: bytes=5-2' "$url/ten.txt" &&
		answers 200 -H 'Range: bytes=x' "$url/ten.txt" &&
		answers 200 -H 'Range: bytes=0-3' -H 'If-Range: "other"' "$url/ten.txt"
}

what_has_not_changed_is_not_sent ()
{
	get "$url/ten.txt"
	etag=$(sed -n 's/^ETag: \(.*\)\r$/\1/p' "$dir/head")
	date=$(sed -n 's/^Last-Modified: \(.*\)\r$/\1/p' "$dir/head")
	[ -n "$etag" ] && [ -n "$date" ] &&
		answers 304 -H "If-None-Match: $etag" "$url/ten.txt" && body '' &&
		answers 200 -H 'If-None-Match: "other"' "$url/ten.txt" &&
		answers 304 -H "If-Modified-Since: $date" "$url/ten.txt" &&
		answers 200 -H 'If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT' "$url/ten.txt" &&
		answers 200 -H 'If-Modified-Since: yesterday' "$url/ten.txt" &&
		answers 206 -r 0-3 -H "If-Range: $etag" "$url/ten.txt"
}

the_way_out_is_closed ()
{
	for path in /../secret.txt /sub/../../secret.txt /%2e%2e/secret.txt /sub/%2e%2e/%2E./secret.txt \
		/out /absolute //../secret.txt; do
		answers 404 "$url$path" || return 1
		! grep -q secret "$dir/out" || return 1
	done
	answers 200 "$url/sub/../ten.txt" && answers 400 "$url/..%2fsecret.txt"
}

what_is_not_there_is_told ()
{
	answers 404 "$url/none" && answers 404 "$url/ten.txt/more" && answers 404 "$url/fifo" &&
		answers 404 "$url/$(head -c 300 /dev/zero | tr '\0' a)"
}

what_may_not_be_read_is_told ()
{
	[ "$(id -u)" -ne 0 ] || return 0 # who may read everything
	answers 403 "$url/hidden"
}

bad_requests_are_told ()
{
	says 400 'nonsense\r\n\r\n' && says 400 'GET /\r\n\r\n' &&
		says 400 'GET ten.txt HTTP/1.1\r\nHost: a\r\n\r\n' &&
		says 400 'GET /%%00 HTTP/1.1\r\nHost: a\r\n\r\n' &&
		says 400 'GET /ten.txt HTTP/1.1\r\n\r\n' &&
		says 400 'GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n' &&
		says 505 'GET / HTTP/2.0\r\n\r\n'
}

other_methods_are_refused ()
{
	answers 405 -d 'some=data' "$url/ten.txt" && field Allow 'GET, HEAD' &&
		answers 405 -X DELETE "$url/ten.txt" && answers 405 -T "$www/large" "$url/new"
}

what_is_too_long_is_refused ()
{
	long=$(head -c 9000 /dev/zero | tr '\0' a)
	answers 414 "$url/$long" && answers 414 "$url/$long$long" &&
		answers 431 -H "X-Long: $long" -H "X-Longer: $long" "$url/"
}

connections_are_kept ()
{
	connects=$(curl -sS -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects}' \
		"$url/" "$url/ten.txt" "$url/none" 2>"$dir/err")
	[ "$connects" = 100 ] &&
		says 200 'GET /ten.txt HTTP/1.0\r\n\r\n' && grep -qi 'Connection: close' "$dir/out"
}

requests_are_pipelined ()
{
	say 'GET /ten.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /inside HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
	[ "$(sed -n 's/.*HTTP\/1.1 \([0-9]*\) .*/\1/p' "$dir/out" | tr '\n' ' ')" = '200 404 200 200 ' ]
}

slow_clients_are_timed_out ()
{
	says 408 'GET / HT' && say '' && [ ! -s "$dir/out" ]
}

vanished_clients_are_no_harm ()
{
	for _ in 1 2 3 4 5 6 7 8; do
		curl -sS "$url/large" 2>/dev/null | head -c 1000 >/dev/null
	done
	answers 200 "$url/ten.txt"
}

at_the_limit_clients_wait ()
{
	stop_server
	start_web_server ./examples/http-server "$www" --timeout 2 --max-connections 2
	for i in 1 2 3 4 5 6; do
		curl -sS --max-time 60 -o "$dir/limit$i" "$url/large" 2>>"$dir/err" &
		pids="${pids:-} $!"
	done
	# shellcheck disable=SC2086
	wait $pids
	for i in 1 2 3 4 5 6; do
		same "$dir/limit$i" "$www/large" || return 1
		rm "$dir/limit$i"
	done
}

many_clients_are_served ()
{
	has wrk || skip 'wrk is missing' || return
	stop_server
	start_web_server "$@" ./examples/http-server "$www"
	run wrk -d 3 -t 2 -c 100 "$url/ten.txt"
	[ "$status" -eq 0 ] && grep -q 'requests in' "$dir/out" &&
		! grep -q -e 'Socket errors' -e 'Non-2xx' "$dir/out"
}

a_missing_directory_is_told ()
{
	run ./examples/http-server "$dir/none"
	failed_with 'No such file or directory' || return 1
	run ./examples/http-server
	failed_with 'http-server DIRECTORY [--port N]'
}

still_runs_and_says_nothing ()
{
	kill -0 "$server" && [ ! -s "$dir/server-err" ]
}

check_server () # NAME COMMAND…
{
	name=$1
	shift
	start_web_server "$@" ./examples/http-server "$www" --timeout 2
	check "$name: files are served" files_are_served
	check "$name: directories have an index" directories_have_an_index
	check "$name: a large file is the same" a_large_file_is_the_same
	check "$name: a large file is not loaded whole" memory_is_bounded
	check "$name: HEAD has no body" head_has_no_body
	check "$name: ranges are served" ranges_are_served
	check "$name: what has not changed is not sent" what_has_not_changed_is_not_sent
	check "$name: the way out of the directory is closed" the_way_out_is_closed
	check "$name: what is not there is told" what_is_not_there_is_told
	check "$name: what may not be read is told" what_may_not_be_read_is_told
	check "$name: bad requests are told" bad_requests_are_told
	check "$name: other methods are refused" other_methods_are_refused
	check "$name: what is too long is refused" what_is_too_long_is_refused
	check "$name: connections are kept" connections_are_kept
	check "$name: requests are pipelined" requests_are_pipelined
	check "$name: slow clients are timed out" slow_clients_are_timed_out
	check "$name: vanished clients are no harm" vanished_clients_are_no_harm
	check "$name: many clients are served" many_clients_are_served "$@"
	check "$name: nothing went wrong" still_runs_and_says_nothing
	stop_server
}

if ! has curl || ! has bash; then
	echo '1..0 # SKIP curl or bash is missing'
	exit 0
fi
echo 1..40
make_files
check_server 'as it is' env
check_server 'without io_uring' env GURING_DISABLE=1
check 'at the limit clients wait' at_the_limit_clients_wait
check 'a missing directory is told' a_missing_directory_is_told
