# SPDX-License-Identifier: LGPL-2.1-or-later

"""What is measured: each case, at which depths, and who takes part in it."""

import os
from typing import NamedTuple, Optional

QUICK = bool(os.environ.get('BENCH_QUICK'))
N_SAMPLES = 100 if QUICK else 1000  # of a latency: a percentile of 99.9 takes so many
N_MIB = 32 if QUICK else 1024  # of the file that is copied
MANY = 20 if QUICK else 100  # operations, at least


class Case(NamedTuple):
    group: str
    name: str
    depth: int
    impls: tuple
    min_ops: int = MANY
    ops: Optional[int] = None  # where it is not the time that decides


SQES = ('raw', 'guring', 'textbook')
BLOCKS = ('raw', 'guring', 'guring-gio', 'textbook', 'gio', 'libuv', 'libdex')
SERVERS = ('raw', 'guring', 'guring-gio', 'textbook', 'gio', 'libuv', 'epoll', 'fd-source',
           'fd-source-recurse')
WATCHES = ('guring-gio', 'fd-source', 'fd-source-recurse')


def busy(group, name, depths, impls):
    """As many as the depth says are under way: each gets its turn, and more than once."""
    return [Case(group, name, depth, impls, max(MANY, 3 * depth)) for depth in depths]


def idle(group, name, depths, impls):
    return [Case(group, name, depth, impls) for depth in depths]


def without(impls, *left_out):
    return tuple(impl for impl in impls if impl not in left_out)


PLAN = [
    *busy('nop', 'nop', (1, 8, 32, 256), SQES),
    *busy('read', 'cached', (1, 32, 256), BLOCKS),
    *busy('read', 'uncached', (1, 32), BLOCKS),
    # GIO's streams have no way to ask for it
    *busy('read', 'direct', (1, 32), without(BLOCKS, 'gio')),
    *busy('write', 'written', (1, 32), BLOCKS),
    *busy('load', 'cached', (1, 32, 1000), BLOCKS),
    Case('copy', 'file', 1, ('raw', 'guring-gio', 'gio', 'cp', 'libuv'), ops=N_MIB),
    *busy('echo', 'unix', (1, 64, 1000), SERVERS),
    *busy('echo', 'tcp', (1, 64, 1000), SERVERS),
    *busy('echo', 'unix-cores', (1, 64, 1000), SERVERS),
    *busy('echo', 'tcp-cores', (1, 64, 1000), SERVERS),
    *idle('echo', 'unix-idle', (1000, 10000), SERVERS),
    *idle('fds', 'ready', (1, 64, 1000, 10000), WATCHES),
    *idle('http', '4KiB', (64,), ('guring-gio', 'gio', 'nginx')),
    *idle('http', '1MiB', (16,), ('guring-gio', 'gio', 'nginx')),
    *busy('scale', 'waiting', (1, 1000, 1000000), ('guring',)),
    *idle('scale', 'in-flight', (1, 1000, 65000), ('guring',)),
    *idle('scale', 'threads', (1, 2), ('guring',)),
    Case('latency', 'timer', 256, ('guring', 'textbook', 'gio'), ops=N_SAMPLES),
    # An idle source never has its turn beside the textbook's
    Case('latency', 'idle', 256, ('guring', 'gio'), ops=N_SAMPLES),
]
