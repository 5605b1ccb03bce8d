# SPDX-License-Identifier: LGPL-2.1-or-later

"""Medians of the rounds, as CSV and as a table."""

import csv
import statistics

COLUMNS = ('group', 'case', 'impl', 'depth', 'ops_per_s', 'cpu_ns_per_op', 'syscalls_per_op',
           'peak_rss_kib', 'ratio_cpu_to_raw')
ROUND_COLUMNS = ('group', 'case', 'impl', 'depth', 'round', 'ops_per_s', 'cpu_ns_per_op',
                 'peak_rss_kib', 'p50_ns', 'p99_ns', 'p999_ns')
LATENCY_COLUMNS = ('case', 'impl', 'p50_us', 'p99_us', 'p999_us')
NOT_FOUND = 'not found'
LEFT_OUT_COLUMNS = ('group', 'case', 'impl', 'depth', 'why')


def median_ratio(mine, others):
    """Of the rounds, each with its own: what slows a round down slows both."""
    return statistics.median(a / b for a, b in zip(mine, others))


def spread(values):
    """Half of the rounds are within so many per cent of the median."""
    if len(values) < 3:
        return '-'
    low, middle, high = statistics.quantiles(values, n=4, method='inclusive')
    return f'{100 * (high - low) / 2 / middle:.0f}'


def make_row(case, impl, rounds, syscalls, raw_rounds):
    cpu = [r['cpu_ns_per_op'] for r in rounds]
    raw = [r['cpu_ns_per_op'] for r in raw_rounds]
    return {
        'group': case.group,
        'case': case.name,
        'impl': impl,
        'depth': case.depth,
        'ops_per_s': f"{statistics.median(r['ops_per_s'] for r in rounds):.0f}",
        'cpu_ns_per_op': f'{statistics.median(cpu):.1f}',
        'syscalls_per_op': '' if syscalls is None else f'{syscalls:.3f}',
        'peak_rss_kib': f"{statistics.median(r['peak_rss_kib'] for r in rounds):.0f}",
        'ratio_cpu_to_raw': f'{median_ratio(cpu, raw):.3f}' if raw else '',
        'spread': spread(cpu),  # not in the CSV
    }


def make_latencies(rounds):
    """Medians of the percentiles of the rounds."""
    of_each = {}
    for r in rounds:
        if r['group'] == 'latency':
            of_each.setdefault((r['case'], r['impl']), []).append(r)
    return [{'case': case, 'impl': impl,
             **{f'{p}_us': f"{statistics.median(r[f'{p}_ns'] for r in own) / 1000:.0f}"
                for p in ('p50', 'p99', 'p999')}}
            for (case, impl), own in of_each.items()]


def write_csv(path, columns, rows):
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, columns, extrasaction='ignore', lineterminator='\n')
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def format_row(row):
    return (f"{row['group']:8}{row['case']:13}{row['depth']:>8}  {row['impl']:18}"
            f"{row['ops_per_s']:>10}{row['cpu_ns_per_op']:>12} ±{row['spread']:>2}%"
            f"{row['syscalls_per_op']:>10}{row['peak_rss_kib']:>10}{row['ratio_cpu_to_raw']:>9}")


def print_table(rows):
    print(f"{'group':8}{'case':13}{'depth':>8}  {'implementation':18}{'ops/s':>10}"
          f"{'CPU ns/op':>12}     {'calls/op':>10}{'RSS KiB':>10}{'CPU/raw':>9}")
    previous = None
    for row in rows:
        if previous not in (None, (row['group'], row['case'], row['depth'])):
            print()
        previous = row['group'], row['case'], row['depth']
        print(format_row(row))


def print_latencies(latencies):
    for row in latencies:
        print(f"late by, us: {row['case']:6} beside {row['impl']:9} p50 {row['p50_us']:>6}"
              f"  p99 {row['p99_us']:>6}  p99.9 {row['p999_us']:>6}")


def print_left_out(rows, left_out):
    print()
    reasons = {}
    for row in left_out:
        cases = reasons.setdefault((row['impl'], row['why']), [])
        cases.append(f"{row['group']} {row['case']} {row['depth']}")
    for (impl, why), cases in reasons.items():
        print(f"left out: {impl} ({why}): {', '.join(cases)}")
    if not any(row['syscalls_per_op'] for row in rows):
        print('left out: system calls: to count them takes root and tracefs')


def print_all(results):
    print_table(results.rows)
    print()
    print_latencies(make_latencies(results.rounds))
    print_left_out(results.rows, results.left_out)
