# SPDX-License-Identifier: LGPL-2.1-or-later

# Only 'make bench' builds these. Written as a stranger would: with the shared library alone
bench_programs = bench/bench bench/http-gio
EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs) bench/results/*

bench_bench_SOURCES = \
	bench/blocks-gio.c \
	bench/blocks-guring-gio.c \
	bench/blocks.c \
	bench/blocks.h \
	bench/copy-raw.c \
	bench/copy.c \
	bench/copy.h \
	bench/echo-client.c \
	bench/echo-client.h \
	bench/echo-epoll.c \
	bench/echo-fd-source.c \
	bench/echo-guring.c \
	bench/echo-raw.c \
	bench/echo-streams.c \
	bench/echo-textbook.c \
	bench/echo.c \
	bench/echo.h \
	bench/fds.c \
	bench/harness.c \
	bench/harness.h \
	bench/latency.c \
	bench/load-guring.c \
	bench/load-raw.c \
	bench/load-textbook.c \
	bench/load.c \
	bench/load.h \
	bench/main.c \
	bench/nop.c \
	bench/raw.c \
	bench/raw.h \
	bench/scale.c \
	bench/sqes-guring.c \
	bench/sqes-raw.c \
	bench/sqes-textbook.c \
	bench/sqes.h \
	bench/syscalls.c \
	bench/syscalls.h \
	bench/textbook.c \
	bench/textbook.h \
	$(NULL)
if HAVE_LIBUV
bench_bench_SOURCES += bench/blocks-libuv.c bench/copy-libuv.c bench/echo-libuv.c bench/load-libuv.c
endif
if HAVE_LIBDEX
bench_bench_SOURCES += bench/blocks-libdex.c bench/load-libdex.c
endif
bench_bench_CFLAGS = $(AM_CFLAGS) $(LIBDEX_CFLAGS) $(LIBUV_CFLAGS)
bench_bench_LDADD = lib/libguring-1.la $(GURING_LIBS) $(LIBDEX_LIBS) $(LIBUV_LIBS)

bench_http_gio_SOURCES = bench/http-gio.c
bench_http_gio_LDADD = $(GURING_LIBS)

bench_scripts = \
	bench/charts.py \
	bench/check-results.py \
	bench/check-targets.py \
	bench/http_servers.py \
	bench/plan.py \
	bench/report.py \
	bench/run.py \
	$(NULL)
EXTRA_DIST += $(bench_scripts) bench/results/latency.csv bench/results/latest.csv

# The results are in bench/results/ of the build directory. 'make bench-publish' takes them into the
# source: what README and docs/performance.md show.
bench_python = PYTHONDONTWRITEBYTECODE=1 $(PYTHON)

.PHONY: bench bench-publish bench-targets
bench: $(bench_programs) examples/http-server$(EXEEXT)
	$(bench_python) $(srcdir)/bench/run.py
	$(bench_python) $(srcdir)/bench/check-results.py

bench-targets:
	$(bench_python) $(srcdir)/bench/check-targets.py

bench-publish:
	$(MKDIR_P) $(srcdir)/bench/results
	cp bench/results/latency.csv bench/results/latest.csv $(srcdir)/bench/results
	for chart in bench/results/*.svg; do \
	  cp $$chart $(srcdir)/docs/performance-$${chart##*/} || exit 1; \
	done
