# SPDX-License-Identifier: LGPL-2.1-or-later

# On the public headers and the shared library alone
bin_PROGRAMS = tools/guring-probe
tools_guring_probe_SOURCES = \
	tools/facts.c \
	tools/facts.h \
	tools/guring-probe.c \
	tools/names.c \
	tools/names.h \
	tools/policy.c \
	tools/policy.h \
	$(NULL)
tools_guring_probe_LDADD = lib/libguring-1.la $(GURING_LIBS)
dist_man_MANS = tools/guring-probe.1
