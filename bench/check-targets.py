# SPDX-License-Identifier: LGPL-2.1-or-later

"""Holds the figures of a run against what the library wants to reach: ratios of CPU time.

usage: check-targets.py [DIRECTORY]
"""

import statistics
import sys

import report

#  mine, other, group, case, {depth: at most}
RATIOS = (
    ('guring', 'raw', 'nop', 'nop', {1: 1.20, 32: 1.40, 256: 1.15}),
    ('guring', 'raw', 'read', 'cached', {1: 1.12, 32: 1.05, 256: 1.03}),
    ('guring-gio', 'raw', 'read', 'cached', {1: 1.9, 32: 1.75, 256: 1.7}),
    ('guring-gio', 'gio', 'read', 'cached', {1: 1 / 18, 256: 1 / 6}),
    ('guring-gio', 'raw', 'load', 'cached', {1: 2.0, 1000: 1.8}),
    ('guring-gio', 'gio', 'load', 'cached', {1: 1 / 50, 1000: 1 / 12}),
    ('guring', 'raw', 'echo', 'unix', {1: 1.33, 64: 1.06, 1000: 1.06}),
    ('guring', 'fd-source', 'echo', 'unix', {1: 0.97, 64: 0.48, 1000: 0.30}),
    ('guring', 'fd-source-recurse', 'echo', 'unix', {1: 1.0, 64: 0.95, 1000: 1.0}),
    ('guring', 'fd-source', 'echo', 'unix-idle', {1000: 1 / 10, 10000: 1 / 50}),
    ('guring', 'fd-source-recurse', 'echo', 'unix-idle', {1000: 1 / 10, 10000: 1 / 50}),
    ('guring-gio', 'gio', 'echo', 'unix', {1: 0.75, 64: 0.40, 1000: 0.40}),
)
PEERS = ('libuv', 'libdex')
MAX_LATE_US = 1000


class Figures:
    def __init__(self, directory):
        self.rounds = {}
        self.rss = {}
        for row in report.read_csv(f'{directory}/rounds.csv'):
            self.rounds.setdefault(self.key_of(row), []).append(float(row['cpu_ns_per_op']))
        for row in report.read_csv(f'{directory}/latest.csv'):
            self.rss[self.key_of(row)] = int(row['peak_rss_kib'])
        self.latencies = {(row['case'], row['impl']): int(row['p99_us'])
                          for row in report.read_csv(f'{directory}/latency.csv')}

    @staticmethod
    def key_of(row):
        return row['group'], row['case'], row['impl'], int(row['depth'])

    def ratio(self, mine, other):
        if mine not in self.rounds or other not in self.rounds:
            return None
        return report.median_ratio(self.rounds[mine], self.rounds[other])

    def growth(self, group, case, impl, few, many):
        return (statistics.median(self.rounds[group, case, impl, many])
                / statistics.median(self.rounds[group, case, impl, few]))

    def bytes_each(self, case, few, many):
        kib = self.rss['scale', case, 'guring', many] - self.rss['scale', case, 'guring', few]
        return round(kib * 1024 / (many - few))


def get_ratios(figures):
    for mine, other, group, case, limits in RATIOS:
        for depth, limit in limits.items():
            yield (f'{mine} / {other}, {group} {case}, {depth}',
                   figures.ratio((group, case, mine, depth), (group, case, other, depth)), limit)


def get_peers(figures):
    """The callback API where it takes part, else the GIO layer."""
    for group, case, impl, depth in sorted(figures.rounds):
        if impl not in PEERS:
            continue
        mine = 'guring' if (group, case, 'guring', depth) in figures.rounds else 'guring-gio'
        yield (f'{mine} / {impl}, {group} {case}, {depth}',
               figures.ratio((group, case, mine, depth), (group, case, impl, depth)), 1.0)


def get_others(figures):
    yield ('an iteration with 10000 watches / with 1',
           figures.growth('fds', 'ready', 'guring-gio', 1, 10000), 1.3)
    yield ('an operation, 1000000 waiting / 1',
           figures.growth('scale', 'waiting', 'guring', 1, 1000000), 1.2)
    yield 'bytes an operation in the backlog', figures.bytes_each('waiting', 1, 1000000), 200
    yield 'bytes an operation in the registry', figures.bytes_each('in-flight', 1, 65000), 64
    yield ('p99 of the lateness of a timer, us', figures.latencies['timer', 'guring'], MAX_LATE_US)


def main():
    figures = Figures(sys.argv[1] if len(sys.argv) > 1 else 'bench/results')
    n_missed = 0
    for get in (get_ratios, get_others, get_peers):
        for what, value, limit in get(figures):
            if value is None:
                print(f'absent              at most {limit:8.3f}  {what}')
                continue
            verdict = 'pass' if value <= limit else 'MISS'
            n_missed += value > limit
            print(f'{verdict:6} {value:10.3f}   at most {limit:8.3f}  {what}')
    print(f'{n_missed} missed')
    sys.exit(n_missed > 0)


main()
