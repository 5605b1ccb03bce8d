# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measures all of plan.py side by side, and writes bench/results/ in the build directory.

Runs in the top build directory. BENCH_QUICK=1 does less of everything, BENCH_ONLY='nop read' some
groups, BENCH_DIR is where the files are (on a real file system, by default /var/tmp).
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import charts
import http_servers
import plan
import report

PROGRAM = 'bench/bench'
RESULTS = 'bench/results'
QUICK = plan.QUICK
ROUNDS = 1 if QUICK else 7
CPU_NS = 5e6 if QUICK else 100e6  # of a round of one implementation
WALL_NS = 10e6 if QUICK else 300e6
READ_MIB = 16 if QUICK else 256
WRITTEN_MIB = 16 if QUICK else 64
HTTP_SECONDS = 1 if QUICK else 2

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


def write_random(path, size):
    step = min(size, 1 << 20)
    with open(path, 'wb') as file:
        for _ in range(size // step):
            file.write(os.urandom(step))


def make_files(directory):
    os.mkdir(f'{directory}/load')
    os.mkdir(f'{directory}/http')
    for i in range(1000):
        write_random(f'{directory}/load/{i}', 4096)
    for name, size in (('read', READ_MIB << 20), ('written', WRITTEN_MIB << 20),
                       ('copied', plan.N_MIB << 20), ('http/4KiB', 4096), ('http/1MiB', 1 << 20)):
        write_random(f'{directory}/{name}', size)
    os.sync()


def run_program(case, impl, n_ops, directory, **environment):
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


def run_once(case, impl, n_ops, directory):
    if case.group == 'http':
        return http_servers.run(case, impl, HTTP_SECONDS, directory)
    return run_program(case, impl, n_ops, directory)


def as_round(values):
    percentiles = {key: values[key] for key in ('p50_ns', 'p99_ns', 'p999_ns') if key in values}
    return {
        'ops_per_s': values['ops'] / values['wall_ns'] * 1e9,
        'cpu_ns_per_op': values['cpu_ns'] / values['ops'],
        'peak_rss_kib': values['peak_rss_kib'],
        **percentiles,
    }


def try_out(case, impl, directory):
    """How many operations make a round, so that those that cost more do less; and how many system
    calls each takes, for whoever counts them is not to be timed."""
    if case.group == 'http':
        return None, http_servers.count_syscalls(case, impl, PROGRAM, directory)
    n_ops = case.ops or case.min_ops
    values = run_program(case, impl, n_ops, directory, BENCH_COUNT='1')
    if case.ops is None:
        fit = min(CPU_NS / values['cpu_ns'], WALL_NS / values['wall_ns'])
        n_ops = max(n_ops, int(n_ops * fit))
    return n_ops, values['syscalls'] / values['ops'] if 'syscalls' in values else None


def measure(case, impls, directory):
    """Each round runs all of them in turn. Returns the rounds of each, and its system calls."""
    tries = {impl: try_out(case, impl, directory) for impl in impls}
    n_ops = {impl: tries[impl][0] for impl in impls}
    syscalls = {impl: tries[impl][1] for impl in impls}
    rounds = {impl: [] for impl in impls}
    for _ in range(ROUNDS):
        for impl in impls:
            rounds[impl].append(as_round(run_once(case, impl, n_ops[impl], directory)))
    return rounds, syscalls


def get_available():
    lines = subprocess.run([PROGRAM, '--list'], capture_output=True, text=True, check=True)
    built = {tuple(line.split()) for line in lines.stdout.splitlines()}
    return built | {('http', impl) for impl in http_servers.get_available()}


class Results:
    """What there is to be written when all is done."""

    def __init__(self):
        self.rows = []
        self.rounds = []
        self.left_out = []

    def leave_out(self, case, impls, why):
        for impl in impls:
            self.left_out.append({'group': case.group, 'case': case.name, 'impl': impl,
                                  'depth': case.depth, 'why': why})

    def add(self, case, impl, rounds, syscalls, raw_rounds):
        self.rows.append(report.make_row(case, impl, rounds, syscalls, raw_rounds))
        self.rounds += [{'group': case.group, 'case': case.name, 'impl': impl,
                         'depth': case.depth, 'round': i, **r} for i, r in enumerate(rounds)]

    def write(self):
        report.write_csv(f'{RESULTS}/latest.csv', report.COLUMNS, self.rows)
        report.write_csv(f'{RESULTS}/rounds.csv', report.ROUND_COLUMNS, self.rounds)
        report.write_csv(f'{RESULTS}/left-out.csv', report.LEFT_OUT_COLUMNS, self.left_out)
        report.write_csv(f'{RESULTS}/latency.csv', report.LATENCY_COLUMNS,
                         report.make_latencies(self.rounds))


def measure_case(case, available, directory, results):
    impls = [impl for impl in case.impls if (case.group, impl) in available]
    results.leave_out(case, [impl for impl in case.impls if impl not in impls],
                      report.NOT_FOUND)
    try:
        rounds, syscalls = measure(case, impls, directory)
    except Impossible as reason:
        results.leave_out(case, impls, str(reason))
        return
    for impl in impls:
        results.add(case, impl, rounds[impl], syscalls[impl], rounds.get('raw', []))


def measure_all(cases, directory):
    results = Results()
    available = get_available()
    for case in cases:
        start = time.monotonic()
        measure_case(case, available, directory, results)
        print(f'{case.group} {case.name} {case.depth}: {time.monotonic() - start:.1f} s',
              file=sys.stderr)
    return results


def end(signal_number, _frame):
    sys.exit(128 + signal_number)  # so that the files go


def main():
    signal.signal(signal.SIGTERM, end)
    enable_counting()
    only = os.environ.get('BENCH_ONLY', '').split()
    cases = [case for case in plan.PLAN if not only or case.group in only]
    os.makedirs(RESULTS, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='guring-bench-',
                                     dir=os.environ.get('BENCH_DIR', '/var/tmp')) as directory:
        make_files(directory)
        results = measure_all(cases, directory)
    results.write()
    report.print_all(results)
    if not charts.draw_all(report.read_csv(f'{RESULTS}/latest.csv'), RESULTS):
        print('left out: charts: there is no gnuplot')


main()
