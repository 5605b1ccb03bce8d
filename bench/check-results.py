# SPDX-License-Identifier: LGPL-2.1-or-later

"""Whether every case of plan.py was measured. Says nothing of how fast.

usage: check-results.py [DIRECTORY]
"""

import csv
import sys

import plan
import report

OPTIONAL = {'libuv', 'libdex', 'nginx'}  # and all of http, without wrk


def read(path):
    with open(path, newline='', encoding='utf-8') as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        return tuple(reader.fieldnames), rows


def key_of(row):
    return row['group'], row['case'], row['impl'], int(row['depth'])


def get_planned():
    return {(case.group, case.name, impl, case.depth) for case in plan.PLAN for impl in case.impls}


def check_row(row, with_raw):
    for column in ('ops_per_s', 'cpu_ns_per_op', 'peak_rss_kib'):
        if float(row[column]) <= 0:
            yield f'{key_of(row)}: no {column}'
    if (row['ratio_cpu_to_raw'] != '') != with_raw:
        yield f'{key_of(row)}: its ratio to raw'


def check(directory):
    columns, rows = read(f'{directory}/latest.csv')
    if columns != report.COLUMNS:
        yield f'the columns are {columns}'
        return
    _, left_out = read(f'{directory}/left-out.csv')
    measured = {key_of(row) for row in rows}
    excused = {key_of(row): row['why'] for row in left_out}

    if len(measured) != len(rows):
        yield 'there are rows twice'
    for key in sorted(get_planned() - measured - excused.keys()):
        yield f'{key} is missing'
    for key in sorted(measured - get_planned()):
        yield f'{key} was not planned'
    for key, why in excused.items():
        if why == report.NOT_FOUND and key[2] not in OPTIONAL and key[0] != 'http':
            yield f'{key} was left out: {why}'
    for row in rows:
        group, case, _, depth = key_of(row)
        yield from check_row(row, (group, case, 'raw', depth) in measured)


def main():
    faults = list(check(sys.argv[1] if len(sys.argv) > 1 else 'bench/results'))
    for fault in faults:
        print(f'check-results: {fault}', file=sys.stderr)
    sys.exit(bool(faults))


main()
