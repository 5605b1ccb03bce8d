# SPDX-License-Identifier: LGPL-2.1-or-later

TEST_EXTENSIONS = .sh
TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(TEST_LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = \
	G_DEBUG=fatal-warnings \
	G_SLICE=always-malloc \
	$(NULL)

if HAVE_CHECK
suites = \
	tests/test-operations \
	$(NULL)
check_PROGRAMS += $(suites)
TESTS += $(suites)

check_LTLIBRARIES += tests/libsupport.la
tests_libsupport_la_SOURCES = tests/support.c tests/support.h
tests_libsupport_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

# White-box: the objects of the library itself, with its private headers
AM_CPPFLAGS += -I$(srcdir)/lib/ring
LDADD = tests/libsupport.la lib/libguring-internal.la $(GURING_LIBS) $(CHECK_LIBS)
endif
