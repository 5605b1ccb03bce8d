#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# The echo server in its three ways, as clients meet it. Runs in the top build directory.

. "$(dirname "$0")/examples-support.sh"
. "$(dirname "$0")/server-support.sh"

python=$(command -v python3 || true)

cat >"$dir/client.py" <<'END'
import os, socket, struct, sys, threading

port = int(sys.argv[1])

def connect():
    client = socket.create_connection(('127.0.0.1', port))
    client.settimeout(60)
    return client

def receive_all(client):
    return b''.join(iter(lambda: client.recv(65536), b''))

def large():
    data = os.urandom(20_000_000)
    client = connect()

    def send():
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send)
    thread.start()
    assert receive_all(client) == data
    thread.join()

def many():
    clients = [connect() for i in range(300)]
    for turn in range(3):
        for i, client in enumerate(clients):
            client.sendall(b'%04d' % i)
        for i, client in enumerate(clients):
            assert client.recv(4, socket.MSG_WAITALL) == b'%04d' % i
    for client in clients:
        client.close()

def vanished():
    for i in range(50):
        client = connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        client.setblocking(False)
        try:
            while client.send(bytes(65536)):
                pass
        except BlockingIOError:
            pass
        client.close()  # with a reset
    half_closed()

def half_closed():
    client = connect()
    client.sendall(b'last words')
    client.shutdown(socket.SHUT_WR)
    assert receive_all(client) == b'last words'

globals()[sys.argv[2]]()
END

client ()
{
	timeout 100 "$python" "$dir/client.py" "$port" "$1" >"$dir/out" 2>"$dir/err"
}

exits_with_a_usage ()
{
	run ./examples/echo-server --watch --raw
	failed_with 'echo-server [--watch | --stream | --raw] [--port N]'
}

raw_says_that_it_needs_io_uring ()
{
	status=0
	GURING_DISABLE=1 timeout 10 ./examples/echo-server --raw >"$dir/out" 2>"$dir/err" || status=$?
	failed_with 'needs io_uring'
}

still_runs_and_says_nothing ()
{
	kill -0 "$server" && [ ! -s "$dir/server-err" ]
}

check_server () # NAME COMMAND…
{
	name=$1
	shift
	start_server "$@"
	check "$name: large data comes back while it is sent" client large
	check "$name: many clients are served" client many
	check "$name: a half-closed connection gets the rest" client half_closed
	check "$name: clients that vanish are no harm" client vanished
	check "$name: nothing went wrong" still_runs_and_says_nothing
	stop_server
}

has_io_uring ()
{
	timeout 10 ./examples/write-file "$dir/probe" >/dev/null 2>&1
}

if [ -z "$python" ]; then
	echo '1..0 # SKIP python3 is missing'
	exit 0
fi
if has_io_uring; then
	echo 1..27
	check_server '--watch' ./examples/echo-server --watch
	check_server '--stream' ./examples/echo-server --stream
	check_server '--raw' ./examples/echo-server --raw
else
	echo 1..12
	echo '# SKIP --raw: io_uring is not available here'
fi
check_server '--watch without io_uring' env GURING_DISABLE=1 ./examples/echo-server --watch
check_server '--stream without io_uring' env GURING_DISABLE=1 ./examples/echo-server --stream
check 'two ways at once are refused' exits_with_a_usage
check '--raw says that it needs io_uring' raw_says_that_it_needs_io_uring
