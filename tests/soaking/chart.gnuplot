# SPDX-License-Identifier: LGPL-2.1-or-later
#
# gnuplot -c chart.gnuplot CSV SVG: what tests/soak has seen, one below the other. What is grey is to warm up.

set terminal svg size 900,760 font 'sans-serif,13' background '#ffffff'
set output ARG2
set datafile separator ','
set border 3
set tics nomirror
set grid ytics lc rgb '#dddddd'
set lmargin 10
set rmargin 3
set yrange [0:*]
set offsets 0, 0, graph 0.3, 0
stats ARG1 using 1 skip 1 nooutput
end = STATS_max / 60
step = STATS_records > 300 ? int (STATS_records / 300.0 + 0.5) : 1
set xrange [0:end]
set object rectangle from 0, graph 0 to end / 4, graph 1 fillcolor rgb '#f0f0f0' fillstyle solid noborder behind
set key at graph 0.99, graph 0.95 samplen 1 reverse Left
set style data lines
set multiplot layout 4, 1 margins 0.08, 0.97, 0.07, 0.97 spacing 0, 0.05
set format x ''
plot ARG1 using ($1 / 60):($3 / 1024) every step skip 1 title 'resident memory, MiB' lc rgb '#1a5fb4' lw 2, \
  ARG1 using ($1 / 60):($4 / 1024) every step skip 1 title 'heap, MiB' lc rgb '#62a0ea' lw 2
plot ARG1 using ($1 / 60):5 every step skip 1 title 'descriptors' lc rgb '#26a269' lw 2, \
  ARG1 using ($1 / 60):6 every step skip 1 title 'slots in use' lc rgb '#e5a50a' lw 2
plot ARG1 using ($1 / 60):7 every step skip 1 title 'worker threads of io\_uring' lc rgb '#c01c28' lw 2, \
  ARG1 using ($1 / 60):8 every step skip 1 title 'all threads' lc rgb '#f8a05c' lw 2
set format x '%g'
set xlabel 'minutes'
plot ARG1 using ($1 / 60):($2 / 1e6) every step skip 1 title 'million operations' lc rgb '#5e5c64' lw 2
unset multiplot
