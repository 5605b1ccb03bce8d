#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The web server, and clients that mean it ill: after each of them a client that behaves is served,
and the server has the descriptors and the memory back. Runs in the top build directory."""

import contextlib
import errno
import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

TIMEOUT = 1  # seconds, of the server
PATIENCE = 20
DRIP = 0.05  # seconds between the bytes of a slow client
MAX_CONNECTIONS = 100
BACKLOG = 4096  # of GuringSocketService, if the kernel allows as much
LARGE = 50_000_000
GROWTH = 2_000_000  # bytes of memory that a round of all attacks may leave
RESET = struct.pack('ii', 1, 0)  # for SO_LINGER: close() sends a RST

HEAD = b'GET /ten.txt HTTP/1.1\r\nHost: a\r\n'
GET = HEAD + b'\r\n'
GET_LARGE = b'GET /large HTTP/1.1\r\nHost: a\r\n\r\n'


class Server:
    """@limit: of descriptors, which leaves room for @max_connections only"""

    def __init__(self, directory, environment, limit=None, max_connections=MAX_CONNECTIONS):
        def limit_descriptors():
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        self.max_connections = max_connections
        self.errors = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen(
            ['examples/http-server', directory, '--timeout', str(TIMEOUT),
             '--max-connections', str(MAX_CONNECTIONS)],
            stdout=subprocess.PIPE, stderr=self.errors, env=environment,
            preexec_fn=limit_descriptors)
        self.port = int(self.process.stdout.readline())
        self.behave()
        self.n_descriptors = self.count_descriptors()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.errors.seek(0)
        said = self.errors.read()
        self.errors.close()
        return said

    def proc(self, name):
        return f'/proc/{self.process.pid}/{name}'

    def count_descriptors(self):
        """The eventfd of GLib's own thread, made when GIO's pool is first used (GLib 2.84), counts
        from the beginning."""
        names = []
        for descriptor in os.listdir(self.proc('fd')):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                names.append(os.readlink(self.proc('fd/' + descriptor)))
        n_eventfds = names.count('anon_inode:[eventfd]')
        return len(names) - n_eventfds + max(n_eventfds, 2)

    def get_memory(self, field):
        with open(self.proc('status')) as status:
            line = next(line for line in status if line.startswith(field + ':'))
        return int(line.split()[1]) * 1024

    def get_cpu_seconds(self):
        with open(self.proc('stat')) as stat:
            fields = stat.read().rpartition(')')[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def connect(self, receive_buffer=None):
        client = socket.socket()
        client.settimeout(PATIENCE)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(('127.0.0.1', self.port))
        return client

    def ask(self, request):
        with self.connect() as client:
            client.sendall(request)
            return receive_all(client)

    def behave(self):
        answer = self.ask(HEAD + b'Connection: close\r\n\r\n')
        assert answer.startswith(b'HTTP/1.1 200 ') and answer.endswith(b'0123456789'), answer

    def recover(self):
        """Each request is a turn of the server, so this needs no waiting of its own."""
        end = time.monotonic() + PATIENCE
        self.behave()
        while self.count_descriptors() > self.n_descriptors:
            assert time.monotonic() < end, f'{self.count_descriptors()} descriptors'
            self.behave()


def receive_all(client):
    """Until the server closes, or resets as it was sent more than it reads."""
    answer = b''
    with contextlib.suppress(ConnectionResetError):
        for data in iter(lambda: client.recv(65536), b''):
            answer += data
    return answer


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


def drip(data):
    """Sends what each client has a byte at a time, over and over, until the server takes no more
    from anybody. Returns what it answered each."""
    answers = {client: b'' for client in data}
    readable, writable = set(data), set(data)
    n_sent = 0
    end = time.monotonic() + PATIENCE
    while writable:
        assert time.monotonic() < end, \
            f'still served: {set(data[client] for client in writable)}'
        ready = select.select(readable, [], [], DRIP)[0]
        for client in ready:
            received = b''
            with contextlib.suppress(ConnectionResetError):
                received = client.recv(65536)
            answers[client] += received
            if not received:
                readable.remove(client)
        if ready:
            continue
        for client in list(writable):
            try:
                client.send(data[client][n_sent % len(data[client]):][:1])
            except (BrokenPipeError, ConnectionResetError):
                writable.remove(client)
        n_sent += 1
    return answers


@contextlib.contextmanager
def many(server, n, **options):
    clients = [server.connect(**options) for _ in range(n)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


# The attacks


# What a slow client sends at once, what it then sends a byte at a time, and what it is answered, if
# this machine is not so slow that the client has done nothing by then
SLOW = [
    (HEAD, b'X: ' + b'y' * 100, b'HTTP/1.1 408 '),
    (b'', b'\r\n', b''),
    (b'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n', b'data', b'HTTP/1.1 405 '),
    (GET, b'\r\n', b'HTTP/1.1 200 '),
]


def slow_writers(server):
    n = MAX_CONNECTIONS // 2
    with many(server, n) as clients:
        kinds = {client: SLOW[i % len(SLOW)] for i, client in enumerate(clients)}
        for client, (start, _, _) in kinds.items():
            client.send(start)
        server.behave()
        answers = drip({client: slow for client, (_, slow, _) in kinds.items()})
        for client, (_, _, status) in kinds.items():
            assert answers[client].startswith(status) or answers[client] == b'', answers[client]


def slow_readers(server):
    n = server.max_connections // 2
    end = time.monotonic() + PATIENCE
    with many(server, n, receive_buffer=4096) as clients:
        for client in clients:
            client.send(GET_LARGE)
        server.behave()
        while server.count_descriptors() > server.n_descriptors:
            assert time.monotonic() < end, 'slow readers are still served'
            select.select([], [], [], DRIP)
            for client in clients:
                with contextlib.suppress(ConnectionResetError):
                    client.recv(1)
            server.behave()


def silent_flood(server):
    """More than may connect: the next client waits until they are timed out."""
    with many(server, 2 * server.max_connections):
        server.behave()
        assert server.count_descriptors() <= server.n_descriptors + server.max_connections


def full_backlog(server):
    """More than the kernel lets wait: the others are half-open. All reset before they are seen."""
    clients = []
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        for _ in range(BACKLOG + 200):
            client = socket.socket()
            client.setblocking(False)
            assert client.connect_ex(('127.0.0.1', server.port)) in (0, errno.EINPROGRESS)
            clients.append(client)
    finally:
        for client in clients:
            reset(client)
        os.kill(server.process.pid, signal.SIGCONT)


def oversized_heads(server):
    assert server.ask(b'GET /' + b'a' * 5000 + b' HTTP/1.1\r\n\r\n').startswith(b'HTTP/1.1 414 ')
    assert server.ask(b'G' * 17000).startswith(b'HTTP/1.1 414 ')
    assert server.ask(HEAD + b'X: ' + b'y' * 17000).startswith(b'HTTP/1.1 431 ')
    assert server.ask(HEAD + b'a:\r\n' * 5000 + b'\r\n').startswith(b'HTTP/1.1 431 ')
    assert server.ask(HEAD + b'a:\r\n' * 3000 + b'\r\n' + b'x').startswith(b'HTTP/1.1 200 ')


def endless_heads(server):
    with many(server, 4) as clients:
        for client in clients:
            n_sent = 0
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(HEAD)
                while n_sent < LARGE:
                    n_sent += client.send(b'X-Endless: ' + b'y' * 1000 + b'\r\n')
            assert n_sent < LARGE


def pipelined_floods(server):
    """Thousands of requests ahead, in pieces of any size"""
    with server.connect() as client:
        for _ in range(20):
            client.sendall(GET * 100)
        client.sendall(HEAD + b'Connection: close\r\n\r\n')
        assert receive_all(client).count(b'HTTP/1.1 200 ') == 2001
    with server.connect() as client:  # and never reads an answer
        client.setblocking(False)
        while select.select([], [client], [], 2 * TIMEOUT)[1]:
            try:
                client.send(GET * 1000)
            except (BrokenPipeError, ConnectionResetError):
                break


def pipelined_garbage(server):
    noise = random.Random(1)
    for n in range(100):
        garbage = noise.randbytes(noise.randrange(1, 20000)) + b'\r\n\r\n'
        answer = server.ask(GET * (n % 3) + garbage)
        assert answer.count(b'HTTP/1.1 200 ') == n % 3, answer
        assert answer.count(b'HTTP/1.1 ') == n % 3 + 1, answer
    for garbage in (b'\0' * 100 + b'\r\n\r\n', b'GET\0/ HTTP/1.1\r\nHost: a\r\n\r\n',
                    b'GET /ten.txt HTTP/1.1\r\nHost: a\r\n b: folded\r\n\r\n',
                    b'GET /ten.txt HTTP/1.1\r\nHost : a\r\n\r\n',
                    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'):
        assert server.ask(GET + garbage).count(b'HTTP/1.1 400 ') == 1


# What a client does before it resets the connection
def state_connected(client):
    pass


def state_in_request_line(client):
    client.send(HEAD[:10])


def state_in_head(client):
    client.send(HEAD[:-5])


def state_asked(client):
    client.send(GET)


def state_asked_for_large(client):
    client.send(GET_LARGE)


def state_answered(client):
    client.send(GET)
    client.recv(1)


def state_in_answer(client):
    client.send(GET_LARGE)
    for _ in range(10):
        client.recv(65536)


def state_between_pipelined(client):
    client.send(GET + GET_LARGE + HEAD)
    client.recv(1)


def state_refused(client):
    client.send(b'nonsense\r\n\r\nmore')
    client.recv(1)


def state_half_closed(client):
    client.send(GET_LARGE)
    client.shutdown(socket.SHUT_WR)
    client.recv(1)


STATES = [value for name, value in list(globals().items()) if name.startswith('state_')]


def resets(server):
    for reach in STATES:
        with many(server, MAX_CONNECTIONS // 2) as clients:
            for client in clients:
                with contextlib.suppress(OSError):  # it was timed out: this machine is slow
                    reach(client)
                reset(client)
        server.behave()


ATTACKS = [slow_writers, slow_readers, silent_flood, full_backlog, oversized_heads, endless_heads,
           pipelined_floods, pipelined_garbage, resets]

# The tests


def make_files(directory):
    with open(f'{directory}/ten.txt', 'w') as file:
        file.write('0123456789')
    with open(f'{directory}/large', 'w') as file:
        file.truncate(LARGE)


number = 0


def check(title, test, *arguments):
    global number
    number += 1
    try:
        test(*arguments)
        print(f'ok {number} - {title}', flush=True)
    except (AssertionError, OSError) as failure:
        print(f'not ok {number} - {title}')
        for line in f'{type(failure).__name__}: {failure}'[:2000].split('\n'):
            print(f'# {line}')
        sys.stdout.flush()


def withstand(server, attack):
    attack(server)
    server.recover()


def memory_comes_back(server):
    """The second time all attacks find what the first has left."""
    before = server.get_memory('VmRSS')
    for attack in ATTACKS:
        withstand(server, attack)
    after = server.get_memory('VmRSS')
    print(f'# {before} bytes after a round of all attacks, {after} after the second')
    assert after < before + GROWTH, f'{before} bytes, and then {after}'


def memory_was_bounded(server):
    peak = server.get_memory('VmHWM')
    print(f'# {peak} bytes at most')
    assert peak < 40_000_000, f'{peak} bytes'


def says_nothing(server):
    assert server.process.poll() is None
    said = server.stop()
    assert said == '', said


def descriptors_suffice(directory, environment):
    """A limit that leaves room for fewer: silent and slow clients take what there is."""
    server = Server(directory, environment, limit=64, max_connections=20)
    try:
        cpu = server.get_cpu_seconds()
        for attack in (silent_flood, slow_readers):
            withstand(server, attack)
        cpu = server.get_cpu_seconds() - cpu
        assert cpu < 2, f'{cpu} seconds of CPU to wait'
    finally:
        said = server.stop()
    assert said == '', said


def check_server(name, directory, environment, is_sanitized):
    server = Server(directory, environment)
    for attack in ATTACKS:
        check(f'{name}: {attack.__name__.replace("_", " ")}', withstand, server, attack)
    if not is_sanitized:  # it keeps what was freed
        check(f'{name}: memory comes back', memory_comes_back, server)
        check(f'{name}: memory was bounded', memory_was_bounded, server)
    check(f'{name}: nothing went wrong', says_nothing, server)
    check(f'{name}: descriptors suffice', descriptors_suffice, directory, environment)


def main():
    is_sanitized = os.environ.get('SANITIZER_FLAGS', '') != ''
    environments = {'without io_uring': {**os.environ, 'GURING_DISABLE': '1'}}
    if not os.environ.get('GURING_DISABLE'):
        environments['as it is'] = os.environ
    print(f'1..{len(environments) * (len(ATTACKS) + (2 if is_sanitized else 4))}', flush=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as directory:
        make_files(directory)
        for name, environment in environments.items():
            check_server(name, directory, environment, is_sanitized)


main()
