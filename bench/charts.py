# SPDX-License-Identifier: LGPL-2.1-or-later

"""Pictures of the figures, by gnuplot: clusters of bars, one a depth, one bar an implementation."""

import shutil
import subprocess
from typing import NamedTuple

COLOURS = {
    'raw': '#888888',
    'guring': '#1a5fb4',
    'guring-gio': '#62a0ea',
    'textbook': '#e5a50a',
    'gio': '#c01c28',
    'libuv': '#26a269',
    'libdex': '#9141ac',
    'epoll': '#5e5c64',
    'fd-source': '#e66100',
    'fd-source-recurse': '#f8a05c',
    'nginx': '#26a269',
    'cp': '#5e5c64',
}


class Chart(NamedTuple):
    name: str
    title: str
    cases: tuple  # of (group, case)
    label: str  # of a cluster: with the depth and the name of the case
    impls: tuple = tuple(COLOURS)
    depth: int = 0  # the only one, or 0: all


CHARTS = (
    Chart('nop', 'An operation that does nothing', (('nop', 'nop'),), '{depth} at once'),
    Chart('read', 'Reading 4 KiB from the page cache', (('read', 'cached'),), '{depth} at once'),
    Chart('disk', 'Reading and writing 4 KiB, 32 at once',
          (('read', 'uncached'), ('read', 'direct'), ('write', 'written')), '{case}', depth=32),
    Chart('load', 'Loading a file of 4 KiB', (('load', 'cached'),), '{depth} at once'),
    Chart('copy', 'Copying a MiB of a file', (('copy', 'file'),), 'page-cached file'),
    Chart('echo', 'A round trip of 64 bytes over a unix socket', (('echo', 'unix'),),
          '{depth} connections'),
    Chart('idle', 'A round trip of one connection, while others are idle',
          (('echo', 'unix-idle'),), '{depth} idle connections'),
    Chart('descriptors', 'An iteration of the main loop, one descriptor ready',
          (('fds', 'ready'),), '{depth} descriptors'),
    Chart('http', 'A request to a web server', (('http', '4KiB'), ('http', '1MiB')),
          '{case}, {depth} connections'),
    Chart('overview', 'The same program on GIO, and on libguring in the idioms of GIO',
          (('read', 'cached'), ('load', 'cached'), ('echo', 'unix'), ('http', '4KiB')),
          '{group}\\n{depth}', ('guring-gio', 'gio')),
)

SCRIPT = """
set terminal svg size 900,440 font 'sans-serif,13' background '#ffffff'
set output '{output}'
set title '{title}' font ',16'
set ylabel 'CPU time, µs (logarithmic)'
set logscale y
set yrange [{low}:{high}]
set grid ytics lc rgb '#dddddd'
set border 3
set bmargin 3.5
set xtics nomirror scale 0
set ytics nomirror
set key outside right top Left reverse samplen 1
set style data histogram
set style histogram clustered gap 1
set style fill solid noborder
format(x) = sprintf(x < 100 ? '%.3g' : '%.0f', x)
$data << EOD
{data}
EOD
set xrange [-0.6:{last}]
plot {bars}, {values}
"""


def get_clusters(chart, rows):
    """The figures of each cluster, in µs."""
    clusters = {}
    for row in rows:
        if (row['group'], row['case']) not in chart.cases or row['impl'] not in chart.impls:
            continue
        if chart.depth not in (0, int(row['depth'])):
            continue
        label = chart.label.format(**row)
        clusters.setdefault(label, {})[row['impl']] = float(row['cpu_ns_per_op']) / 1000
    return clusters


def make_script(chart, clusters, output):
    impls = [impl for impl in chart.impls if any(impl in own for own in clusters.values())]
    values = [value for own in clusters.values() for value in own.values()]
    lines = [' '.join([f'"{label}"', *(str(own.get(impl, 'NaN')) for impl in impls)])
             for label, own in clusters.items()]
    width = len(impls) + 1
    offsets = [(i - (len(impls) - 1) / 2) / width for i in range(len(impls))]
    bars = [f"$data using {i + 2}:xtic(1) title '{impl}' lc rgb '{COLOURS[impl]}'"
            for i, impl in enumerate(impls)]
    labels = [f"$data using ($0 + {offset}):{i + 2}:(format(${i + 2})) with labels "
              f"font ',9' rotate by 90 left offset 0,0.3 notitle"
              for i, offset in enumerate(offsets)]
    return SCRIPT.format(output=output, title=chart.title, low=min(values) / 2,
                         high=max(values) * (max(values) / min(values)) ** 0.2, last=len(clusters) - 0.4, data='\n'.join(lines), bars=', '.join(bars),
                         values=', '.join(labels))


def draw_all(rows, directory):
    """Returns whether it could."""
    if not shutil.which('gnuplot'):
        return False
    for chart in CHARTS:
        clusters = get_clusters(chart, rows)
        if clusters:
            script = make_script(chart, clusters, f'{directory}/{chart.name}.svg')
            subprocess.run(['gnuplot'], input=script, text=True, check=True)
    return True
