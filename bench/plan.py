# SPDX-License-Identifier: LGPL-2.1-or-later

"""What is measured: each case, at which depths, and who takes part in it."""

from typing import NamedTuple


class Case(NamedTuple):
    group: str
    name: str
    depth: int
    impls: tuple


SQES = ('raw', 'guring', 'textbook')
BLOCKS = ('raw', 'guring', 'guring-gio', 'textbook', 'gio', 'libuv', 'libdex')
SERVERS = ('raw', 'guring', 'guring-gio', 'textbook', 'gio', 'libuv', 'epoll', 'fd-source',
           'fd-source-recurse')


def cases(group, name, depths, impls):
    return [Case(group, name, depth, impls) for depth in depths]


def without(impls, *left_out):
    return tuple(impl for impl in impls if impl not in left_out)


PLAN = [
    *cases('nop', 'nop', (1, 8, 32, 256), SQES),
    *cases('read', 'cached', (1, 32, 256), BLOCKS),
    *cases('load', 'cached', (1, 32, 1000), BLOCKS),
    *cases('echo', 'unix', (1, 64, 1000), SERVERS),
]
