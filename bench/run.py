# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures all of plan.py side by side, and writes bench/results/ in the build directory.

Runs in the top build directory. BENCH_QUICK=1 does less of everything, BENCH_ONLY='nop read' some
groups, BENCH_DIR is where the files are (on a real file system, by default /var/tmp).
"""

import os
import shutil
import subprocess
import sys
import tempfile

import plan
import report

PROGRAM = 'bench/bench'
RESULTS = 'bench/results'
QUICK = bool(os.environ.get('BENCH_QUICK'))
ROUNDS = 3 if QUICK else 7
CPU_NS = 15e6 if QUICK else 100e6  # of a round of one implementation
WALL_NS = 60e6 if QUICK else 300e6
MIN_OPS = 100
MIN_OPS_OF_DEPTH = 3

EXIT_IMPOSSIBLE = 69  # EX_UNAVAILABLE
EXIT_AGAIN = 75  # EX_TEMPFAIL
TRIES = 5
TIMEOUT = 120


class Impossible(Exception):
    """A measurement that this machine can't do, and why."""


def enable_counting():
    """The tracepoint that counts system calls is in tracefs. Mounts it for this process alone."""
    if os.path.exists('/sys/kernel/tracing/events') or os.geteuid() != 0:
        return
    if os.environ.get('BENCH_MOUNTED') or not shutil.which('unshare'):
        return
    mount = 'mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"'
    os.environ['BENCH_MOUNTED'] = '1'
    os.execvp('unshare', ['unshare', '--mount', 'sh', '-c', mount, 'sh', sys.executable, *sys.argv])


def make_files(directory):
    os.mkdir(f'{directory}/load')
    for i in range(1000):
        with open(f'{directory}/load/{i}', 'wb') as file:
            file.write(os.urandom(4096))
    for name, size in (('read', 256 << 20), ('written', 64 << 20)):
        with open(f'{directory}/{name}', 'wb') as file:
            for _ in range(size >> 20):
                file.write(os.urandom(1 << 20))
    os.sync()


def run_once(case, impl, n_ops, directory, **environment):
    command = [PROGRAM, case.group, case.name, impl, str(case.depth), str(n_ops), directory]
    for _ in range(TRIES):
        process = subprocess.run(command, capture_output=True, text=True, check=False,
                                 timeout=TIMEOUT, env={**os.environ, **environment})
        if process.returncode != EXIT_AGAIN:
            break
    if process.returncode == EXIT_IMPOSSIBLE:
        raise Impossible(process.stderr.strip())
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: {process.returncode}: {process.stderr}")
    values = dict(line.split() for line in process.stdout.splitlines())
    return {key: int(value) for key, value in values.items()}


def as_round(values):
    return {
        'ops_per_s': values['ops'] / values['wall_ns'] * 1e9,
        'cpu_ns_per_op': values['cpu_ns'] / values['ops'],
        'peak_rss_kib': values['peak_rss_kib'],
    }


def get_min_ops(case):
    return max(MIN_OPS, MIN_OPS_OF_DEPTH * case.depth)


def calibrate(case, impl, directory):
    """How many operations make a round, so that those that cost more do less."""
    n_ops = get_min_ops(case)
    values = run_once(case, impl, n_ops, directory)
    fit = min(CPU_NS / values['cpu_ns'], WALL_NS / values['wall_ns'])
    return max(n_ops, int(n_ops * fit))


def count_syscalls(case, impl, n_ops, directory):
    n_ops = max(get_min_ops(case), n_ops // 10)
    values = run_once(case, impl, n_ops, directory, BENCH_COUNT='1')
    return values['syscalls'] / values['ops'] if 'syscalls' in values else None


def measure(case, impls, directory):
    """Each round runs all of them in turn. Returns the rounds of each, and its system calls."""
    n_ops = {impl: calibrate(case, impl, directory) for impl in impls}
    syscalls = {impl: count_syscalls(case, impl, n_ops[impl], directory) for impl in impls}
    rounds = {impl: [] for impl in impls}
    for _ in range(ROUNDS):
        for impl in impls:
            rounds[impl].append(as_round(run_once(case, impl, n_ops[impl], directory)))
    return rounds, syscalls


def get_built():
    lines = subprocess.run([PROGRAM, '--list'], capture_output=True, text=True, check=True)
    return {tuple(line.split()) for line in lines.stdout.splitlines()}


def name_of(case, impl):
    return f'{case.group} {case.name} {case.depth} {impl}'


def measure_all(cases, built, directory):
    """Returns the rows, the rows of each round, and what was left out and why."""
    rows, round_rows, left_out = [], [], {}
    for case in cases:
        impls = [impl for impl in case.impls if (case.group, impl) in built]
        for impl in case.impls:
            if impl not in impls:
                left_out[name_of(case, impl)] = f'{impl} was not found by configure'
        print(f'{case.group} {case.name} {case.depth}', file=sys.stderr)
        try:
            rounds, syscalls = measure(case, impls, directory)
        except Impossible as reason:
            left_out.update({name_of(case, impl): str(reason) for impl in impls})
            continue
        for impl in impls:
            rows.append(report.make_row(case, impl, rounds[impl], syscalls[impl],
                                        rounds.get('raw', [])))
            round_rows += [{'group': case.group, 'case': case.name, 'impl': impl,
                            'depth': case.depth, 'round': i, **r}
                           for i, r in enumerate(rounds[impl])]
    return rows, round_rows, left_out


def main():
    enable_counting()
    only = os.environ.get('BENCH_ONLY', '').split()
    cases = [case for case in plan.PLAN if not only or case.group in only]
    os.makedirs(RESULTS, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='guring-bench-',
                                     dir=os.environ.get('BENCH_DIR', '/var/tmp')) as directory:
        make_files(directory)
        rows, round_rows, left_out = measure_all(cases, get_built(), directory)

    report.write_csv(f'{RESULTS}/latest.csv', report.COLUMNS, rows)
    report.write_csv(f'{RESULTS}/rounds.csv', report.ROUND_COLUMNS, round_rows)
    report.write_csv(f'{RESULTS}/left-out.csv', ('what', 'why'),
                     [{'what': what, 'why': why} for what, why in left_out.items()])
    report.print_table(rows)
    for what, why in left_out.items():
        print(f'left out: {what}: {why}')
    if not any(row['syscalls_per_op'] for row in rows):
        print('left out: system calls: counting them takes root and tracefs')


main()
