# SPDX-License-Identifier: LGPL-2.1-or-later

# White-box: the objects of the library itself, with its private headers
AM_CPPFLAGS += -I$(srcdir)/lib/ring

TEST_EXTENSIONS = .py .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
PY_LOG_DRIVER = $(LOG_DRIVER)
PY_LOG_COMPILER = $(PYTHON)
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)
# LeakSanitizer of clang 14 crashes on the thread-local storage of GnuTLS, which it follows through
# __tls_get_addr().
AM_TESTS_ENVIRONMENT = \
	ASAN_OPTIONS="$$ASAN_OPTIONS:intercept_tls_get_addr=0" \
	G_DEBUG=fatal-warnings \
	G_SLICE=always-malloc \
	FUZZ_DATA='$(srcdir)/fuzz' \
	TSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/tsan.supp \
	CC='$(CC)' \
	CXX='$(CXX)' \
	GURING_CFLAGS='$(GURING_CFLAGS)' \
	GURING_LIBS='$(GURING_LIBS)' \
	SANITIZER_FLAGS='$(SANITIZER_FLAGS)' \
	VERSION='$(VERSION)' \
	$(NULL)

# Calls that fail when somebody says so, here and in the fuzzers
interpose_sources = tests/interpose-errors.h tests/interpose.c tests/interpose.h
interpose_ldflags = \
	$(AM_LDFLAGS) \
	-Wl,--wrap=accept4 \
	-Wl,--wrap=connect \
	-Wl,--wrap=eventfd \
	-Wl,--wrap=eventfd_read \
	-Wl,--wrap=fallocate \
	-Wl,--wrap=fchmod \
	-Wl,--wrap=fchown \
	-Wl,--wrap=fcntl \
	-Wl,--wrap=fdatasync \
	-Wl,--wrap=flistxattr \
	-Wl,--wrap=flock \
	-Wl,--wrap=fstat \
	-Wl,--wrap=fsync \
	-Wl,--wrap=ftruncate \
	-Wl,--wrap=futimens \
	-Wl,--wrap=g_poll \
	-Wl,--wrap=g_try_malloc \
	-Wl,--wrap=g_try_realloc \
	-Wl,--wrap=io_uring_get_events \
	-Wl,--wrap=io_uring_get_probe_ring \
	-Wl,--wrap=io_uring_register \
	-Wl,--wrap=io_uring_register_buf_ring \
	-Wl,--wrap=io_uring_ring_dontfork \
	-Wl,--wrap=io_uring_submit \
	-Wl,--wrap=io_uring_unregister_buf_ring \
	-Wl,--wrap=ioctl \
	-Wl,--wrap=linkat \
	-Wl,--wrap=listen \
	-Wl,--wrap=lseek \
	-Wl,--wrap=lstat \
	-Wl,--wrap=madvise \
	-Wl,--wrap=mkdirat \
	-Wl,--wrap=mmap \
	-Wl,--wrap=open \
	-Wl,--wrap=openat \
	-Wl,--wrap=poll \
	-Wl,--wrap=pread \
	-Wl,--wrap=pwrite \
	-Wl,--wrap=pwritev2 \
	-Wl,--wrap=read \
	-Wl,--wrap=realpath \
	-Wl,--wrap=recv \
	-Wl,--wrap=recvmsg \
	-Wl,--wrap=rename \
	-Wl,--wrap=renameat2 \
	-Wl,--wrap=send \
	-Wl,--wrap=sendmsg \
	-Wl,--wrap=socket \
	-Wl,--wrap=splice \
	-Wl,--wrap=statx \
	-Wl,--wrap=unlink \
	-Wl,--wrap=unlinkat \
	-Wl,--wrap=write \
	-Wl,--wrap=writev \
	$(NULL)

if HAVE_CHECK
valgrind_suites = \
	tests/test-backlog \
	tests/test-buffer-group \
	tests/test-buffer-group-ends \
	tests/test-cancel \
	tests/test-chains \
	tests/test-chains-waiting \
	tests/test-close \
	tests/test-close-deadline \
	tests/test-close-implied \
	tests/test-default-ring \
	tests/test-drain \
	tests/test-environment \
	tests/test-fairness \
	tests/test-faults \
	tests/test-fd-watch \
	tests/test-file \
	tests/test-file-copy \
	tests/test-file-load \
	tests/test-file-replace \
	tests/test-file-replace-stream \
	tests/test-file-streams \
	tests/test-forged \
	tests/test-io \
	tests/test-io-faults \
	tests/test-io-names \
	tests/test-io-open \
	tests/test-io-opcodes \
	tests/test-io-read \
	tests/test-io-splice \
	tests/test-io-statx \
	tests/test-io-sync \
	tests/test-io-turns \
	tests/test-io-write \
	tests/test-io-write-peers \
	tests/test-iterate \
	tests/test-kinds \
	tests/test-kinds-buffers \
	tests/test-kinds-multishot \
	tests/test-loop \
	tests/test-nested-loops \
	tests/test-operations \
	tests/test-pressure \
	tests/test-properties \
	tests/test-reentrancy \
	tests/test-registry \
	tests/test-requests \
	tests/test-restrictions \
	tests/test-socket-close \
	tests/test-socket-connect \
	tests/test-socket-connection \
	tests/test-socket-connection-ends \
	tests/test-socket-control \
	tests/test-socket-message \
	tests/test-socket-receive \
	tests/test-socket-service \
	tests/test-socket-service-ends \
	tests/test-socket-service-faults \
	tests/test-socket-tls \
	tests/test-socket-wait \
	tests/test-staging \
	tests/test-streams \
	tests/test-streams-agree \
	tests/test-streams-callback \
	tests/test-streams-layers \
	tests/test-streams-vectors \
	tests/test-streams-wait \
	tests/test-threads \
	tests/test-threads-load \
	tests/test-threads-move \
	$(NULL)
sweeps = \
	tests/test-fault-sweep-files \
	tests/test-fault-sweep-io \
	tests/test-fault-sweep-ring \
	tests/test-fault-sweep-sockets \
	tests/test-fault-sweep-writing \
	$(NULL)
suites = $(valgrind_suites) $(sweeps) tests/test-arguments tests/test-buffer-group-fork \
	tests/test-crash tests/test-file-disk tests/test-fork tests/test-socket-service-load
check_PROGRAMS += $(suites)
TESTS += $(suites)

check_LTLIBRARIES += tests/libsupport.la
tests_libsupport_la_SOURCES = \
	tests/buffer-support.c \
	tests/buffer-support.h \
	tests/chain-support.c \
	tests/chain-support.h \
	tests/close-support.c \
	tests/close-support.h \
	tests/connection-support.c \
	tests/connection-support.h \
	tests/file-support.c \
	tests/file-support.h \
	tests/io-support.c \
	tests/io-support.h \
	tests/kinds-support.c \
	tests/kinds-support.h \
	tests/reentrancy-support.c \
	tests/reentrancy-support.h \
	tests/service-support.c \
	tests/service-support.h \
	tests/socket-support.c \
	tests/socket-support.h \
	tests/stream-support.c \
	tests/stream-support.h \
	tests/support.c \
	tests/support.h \
	tests/waiting-support.c \
	tests/waiting-support.h \
	$(NULL)
tests_libsupport_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)

EXTRA_DIST += tests/tls-certificate.pem tests/tsan.supp

# Other places to run the suites in
dist_check_SCRIPTS += tests/blocked/run tests/kernels/init tests/kernels/run tests/static/run
EXTRA_DIST += .clang-tidy tests/static/known tests/suites.sh tests/table.awk

LDADD = tests/libsupport.la lib/libguring-internal.la $(GURING_LIBS) $(CHECK_LIBS)

tests_test_arguments_SOURCES = \
	tests/public-arguments.c \
	tests/public-call.c \
	tests/public-call.h \
	tests/test-arguments.c \
	$(NULL)
nodist_tests_test_arguments_SOURCES = tests/public-calls.c
tests_test_arguments_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests
CLEANFILES += tests/public-calls.c
EXTRA_DIST += tests/public-calls.awk
tests/public-calls.c: tests/public-calls.awk $(guringinclude_HEADERS) \
		$(lib_libguring_internal_la_SOURCES) lib/libguring-1.map
	$(AM_V_GEN)$(MKDIR_P) tests && $(AWK) -f $(srcdir)/tests/public-calls.awk \
	  $(srcdir)/include/guring/*.h $(srcdir)/lib/*/*.c $(srcdir)/lib/libguring-1.map >$@

tests_test_buffer_group_ends_LDFLAGS = \
	$(AM_LDFLAGS) \
	-Wl,--wrap=io_uring_register_buf_ring \
	-Wl,--wrap=io_uring_submit \
	-Wl,--wrap=io_uring_unregister_buf_ring \
	$(NULL)
tests_test_close_deadline_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=io_uring_submit
tests_test_socket_tls_CPPFLAGS = $(AM_CPPFLAGS) -DTLS_CERTIFICATE='"$(abs_srcdir)/tests/tls-certificate.pem"'
tests_test_socket_service_faults_LDFLAGS = \
	$(AM_LDFLAGS) \
	-Wl,--wrap=accept4 \
	-Wl,--wrap=io_uring_submit \
	$(NULL)
tests_test_io_faults_LDFLAGS = \
	$(AM_LDFLAGS) \
	-Wl,--wrap=fchown \
	-Wl,--wrap=flock \
	-Wl,--wrap=io_uring_submit \
	-Wl,--wrap=linkat \
	-Wl,--wrap=renameat2 \
	-Wl,--wrap=statx \
	$(NULL)
tests_test_io_opcodes_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=io_uring_get_probe_ring
tests_test_environment_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=io_uring_queue_init_params
tests_test_restrictions_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=io_uring_register
tests_test_threads_load_LDFLAGS = \
	$(AM_LDFLAGS) \
	-Wl,--wrap=io_uring_queue_exit \
	-Wl,--wrap=io_uring_queue_init_params \
	$(NULL)
sweep_sources = \
	$(interpose_sources) \
	tests/sweep-rings.c \
	tests/sweep.c \
	tests/sweep.h \
	$(NULL)
sweep_ldflags = \
	$(interpose_ldflags) \
	-Wl,--wrap=_exit \
	-Wl,--wrap=close \
	-Wl,--wrap=io_uring_queue_init_params \
	$(NULL)
tests_test_fault_sweep_files_SOURCES = tests/test-fault-sweep-files.c $(sweep_sources)
tests_test_fault_sweep_files_LDFLAGS = $(sweep_ldflags)
tests_test_fault_sweep_io_SOURCES = tests/test-fault-sweep-io.c $(sweep_sources)
tests_test_fault_sweep_io_LDFLAGS = $(sweep_ldflags)
tests_test_fault_sweep_ring_SOURCES = tests/test-fault-sweep-ring.c $(sweep_sources)
tests_test_fault_sweep_ring_LDFLAGS = $(sweep_ldflags)
tests_test_fault_sweep_ring_LDADD = fuzz/libfuzz.la $(LDADD)
tests_test_fault_sweep_sockets_SOURCES = tests/test-fault-sweep-sockets.c $(sweep_sources)
tests_test_fault_sweep_sockets_LDFLAGS = $(sweep_ldflags)
tests_test_fault_sweep_writing_SOURCES = tests/test-fault-sweep-writing.c $(sweep_sources)
tests_test_fault_sweep_writing_LDFLAGS = $(sweep_ldflags)
tests_test_faults_LDFLAGS = \
	$(AM_LDFLAGS) \
	-Wl,--wrap=io_uring_get_events \
	-Wl,--wrap=io_uring_submit \
	$(NULL)
endif

# Where system calls are forbidden
check_PROGRAMS += tests/forbid
tests_forbid_LDADD =

# Everything at once, for long: tests/soak
check_PROGRAMS += tests/soaking/soak
tests_soaking_soak_SOURCES = \
	fuzz/faults.c \
	fuzz/harnesses.c \
	$(interpose_sources) \
	tests/soaking/clients.c \
	tests/soaking/clients.h \
	tests/soaking/inputs.c \
	tests/soaking/inputs.h \
	tests/soaking/main.c \
	tests/soaking/operations.c \
	tests/soaking/operations.h \
	tests/soaking/samples.c \
	tests/soaking/samples.h \
	tests/soaking/service.c \
	tests/soaking/service.h \
	$(NULL)
tests_soaking_soak_LDFLAGS = \
	$(faults_ldflags) \
	-Wl,--wrap=guring_ring_cancel \
	-Wl,--wrap=guring_ring_queue \
	-Wl,--wrap=guring_ring_queue_chain \
	$(NULL)
tests_soaking_soak_LDADD = $(faults_libs)
dist_check_SCRIPTS += tests/soak
EXTRA_DIST += tests/soaking/chart.gnuplot

scripts = \
	tests/test-bindings.sh \
	tests/test-examples-files.sh \
	tests/test-examples.sh \
	tests/test-guides.sh \
	tests/test-headers.sh \
	tests/test-http-server.sh \
	tests/test-install.sh \
	tests/test-release.sh \
	tests/test-servers.sh \
	tests/test-symbols.sh \
	tests/test-tools.sh \
	tests/test-versions.sh \
	$(NULL)
dist_check_SCRIPTS += $(scripts)
EXTRA_DIST += tests/bindings-support.sh tests/bindings.py tests/bindings.vala \
	tests/check-support.sh tests/examples-support.sh tests/server-support.sh
TESTS += $(scripts)

dist_check_SCRIPTS += tests/test-http-hostile.py
if HAVE_PYTHON
TESTS += tests/test-http-hostile.py
endif

# What GLib and the C library keep for good is reachable, or possibly lost. Valgrind 3.19 fails an
# assertion of its own in the mmap() of a child that lacks a mapping of its parent (MADV_DONTFORK).
VALGRIND_FLAGS = -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite \
	--errors-for-leak-kinds=definite

.PHONY: check-valgrind suites
suites: $(suites) tests/forbid

check-valgrind:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS='$(valgrind_suites)' LOG_COMPILER=valgrind \
	  LOG_FLAGS='$(VALGRIND_FLAGS)'

# Static analysis. TOOLS=cppcheck for one
TOOLS = clang-tidy cppcheck gcc scan-build
.PHONY: static-check
static-check:
	$(srcdir)/tests/static/run '$(TOOLS)' '$(srcdir)' $(DEFS) $(DEFAULT_INCLUDES) $(AM_CPPFLAGS) $(GURING_CFLAGS)
