# SPDX-License-Identifier: LGPL-2.1-or-later

# A target <name> is fuzz/fuzz-<name>.c, with its inputs in fuzz/corpus/<name> and
# fuzz/crashes/<name>. Each becomes two programs: fuzz/replay-<name>, a test in every build, and,
# with --enable-fuzzing, fuzz/fuzz-<name>.
fuzz_replays = \
	fuzz/replay-buffers \
	fuzz/replay-chains \
	fuzz/replay-completions \
	fuzz/replay-faults \
	fuzz/replay-lifecycle \
	fuzz/replay-registry \
	fuzz/replay-sqe-batch \
	fuzz/replay-stream \
	$(NULL)
check_PROGRAMS += $(fuzz_replays)
TESTS += $(fuzz_replays)

fuzz_targets = \
	fuzz/fuzz-buffers \
	fuzz/fuzz-chains \
	fuzz/fuzz-completions \
	fuzz/fuzz-faults \
	fuzz/fuzz-lifecycle \
	fuzz/fuzz-registry \
	fuzz/fuzz-sqe-batch \
	fuzz/fuzz-stream \
	$(NULL)
EXTRA_PROGRAMS += $(fuzz_targets)
if FUZZING
noinst_PROGRAMS += $(fuzz_targets)
endif

check_LTLIBRARIES += fuzz/libfuzz.la
fuzz_libfuzz_la_SOURCES = \
	fuzz/input.c \
	fuzz/input.h \
	fuzz/oracle.c \
	fuzz/oracle.h \
	$(NULL)

# For what runs on the kernel
check_LTLIBRARIES += fuzz/libkernel.la
fuzz_libkernel_la_SOURCES = \
	fuzz/arena.c \
	fuzz/arena.h \
	fuzz/descriptors.c \
	fuzz/descriptors.h \
	fuzz/faults.h \
	fuzz/helper.c \
	fuzz/helper.h \
	fuzz/no-faults.c \
	fuzz/opcode-table.c \
	fuzz/opcode-table.h \
	fuzz/opcode-values.c \
	fuzz/opcode-values.h \
	fuzz/opcodes.c \
	fuzz/opcodes.h \
	fuzz/records.c \
	fuzz/records.h \
	$(NULL)

fuzz_libs = fuzz/libfuzz.la lib/libguring-internal.la $(GURING_LIBS)
fuzz_replay_sources = fuzz/replay.c

# The C++ that is never there makes automake link with $(CXX), as fuzzing engines want it.

fake_uring_sources = fuzz/fake-uring.c fuzz/fake-uring.h fuzz/model.c fuzz/model.h
fake_uring_ldflags = \
	$(AM_LDFLAGS) \
	-Wl,--wrap=eventfd \
	-Wl,--wrap=g_get_monotonic_time \
	-Wl,--wrap=g_poll \
	-Wl,--wrap=io_uring_free_probe \
	-Wl,--wrap=io_uring_get_events \
	-Wl,--wrap=io_uring_get_probe_ring \
	-Wl,--wrap=io_uring_queue_exit \
	-Wl,--wrap=io_uring_queue_init_params \
	-Wl,--wrap=io_uring_ring_dontfork \
	-Wl,--wrap=io_uring_submit \
	-Wl,--wrap=madvise \
	-Wl,--wrap=mmap \
	-Wl,--wrap=munmap \
	$(NULL)

fuzz_replay_completions_SOURCES = \
	fuzz/fuzz-completions.c \
	$(fake_uring_sources) \
	$(fuzz_replay_sources) \
	$(NULL)
fuzz_replay_completions_LDFLAGS = $(fake_uring_ldflags)
fuzz_replay_completions_LDADD = $(fuzz_libs)
fuzz_fuzz_completions_SOURCES = fuzz/fuzz-completions.c $(fake_uring_sources)
nodist_EXTRA_fuzz_fuzz_completions_SOURCES = fuzz/none.cc
fuzz_fuzz_completions_LDFLAGS = $(fake_uring_ldflags)
fuzz_fuzz_completions_LDADD = $(fuzz_libs) $(LIB_FUZZING_ENGINE)

fuzz_replay_registry_SOURCES = fuzz/fuzz-registry.c $(fuzz_replay_sources)
fuzz_replay_registry_LDADD = $(fuzz_libs)
fuzz_fuzz_registry_SOURCES = fuzz/fuzz-registry.c
nodist_EXTRA_fuzz_fuzz_registry_SOURCES = fuzz/none.cc
fuzz_fuzz_registry_LDADD = $(fuzz_libs) $(LIB_FUZZING_ENGINE)

fuzz_replay_buffers_SOURCES = fuzz/fuzz-buffers.c $(fuzz_replay_sources)
fuzz_replay_buffers_LDADD = fuzz/libkernel.la $(fuzz_libs)
fuzz_fuzz_buffers_SOURCES = fuzz/fuzz-buffers.c
nodist_EXTRA_fuzz_fuzz_buffers_SOURCES = fuzz/none.cc
fuzz_fuzz_buffers_LDADD = fuzz/libkernel.la $(fuzz_libs) $(LIB_FUZZING_ENGINE)

fuzz_replay_chains_SOURCES = fuzz/fuzz-chains.c $(fuzz_replay_sources)
fuzz_replay_chains_LDADD = fuzz/libkernel.la $(fuzz_libs)
fuzz_fuzz_chains_SOURCES = fuzz/fuzz-chains.c
nodist_EXTRA_fuzz_fuzz_chains_SOURCES = fuzz/none.cc
fuzz_fuzz_chains_LDADD = fuzz/libkernel.la $(fuzz_libs) $(LIB_FUZZING_ENGINE)

lifecycle_sources = \
	fuzz/fuzz-lifecycle.c \
	fuzz/lifecycle-calls.c \
	fuzz/lifecycle-rings.c \
	fuzz/lifecycle-threads.c \
	fuzz/lifecycle.h \
	$(NULL)

fuzz_replay_lifecycle_SOURCES = $(lifecycle_sources) $(fuzz_replay_sources)
fuzz_replay_lifecycle_LDADD = fuzz/libkernel.la $(fuzz_libs)
fuzz_fuzz_lifecycle_SOURCES = $(lifecycle_sources)
nodist_EXTRA_fuzz_fuzz_lifecycle_SOURCES = fuzz/none.cc
fuzz_fuzz_lifecycle_LDADD = fuzz/libkernel.la $(fuzz_libs) $(LIB_FUZZING_ENGINE)

fuzz_replay_sqe_batch_SOURCES = fuzz/fuzz-sqe-batch.c $(fuzz_replay_sources)
fuzz_replay_sqe_batch_LDADD = fuzz/libkernel.la $(fuzz_libs)
fuzz_fuzz_sqe_batch_SOURCES = fuzz/fuzz-sqe-batch.c
nodist_EXTRA_fuzz_fuzz_sqe_batch_SOURCES = fuzz/none.cc
fuzz_fuzz_sqe_batch_LDADD = fuzz/libkernel.la $(fuzz_libs) $(LIB_FUZZING_ENGINE)

stream_sources = \
	fuzz/call.c \
	fuzz/call.h \
	fuzz/stream-steps-files.c \
	fuzz/stream-steps-pipes.c \
	fuzz/stream-steps-streams.c \
	fuzz/stream-steps.c \
	fuzz/stream-steps.h \
	fuzz/twins.c \
	fuzz/twins.h \
	$(NULL)

fuzz_replay_stream_SOURCES = fuzz/fuzz-stream.c $(stream_sources) $(fuzz_replay_sources)
stream_ldflags = $(AM_LDFLAGS) -Wl,--wrap=io_uring_queue_init_params
fuzz_replay_stream_LDFLAGS = $(stream_ldflags)
fuzz_replay_stream_LDADD = fuzz/libkernel.la $(fuzz_libs)
fuzz_fuzz_stream_SOURCES = fuzz/fuzz-stream.c $(stream_sources)
nodist_EXTRA_fuzz_fuzz_stream_SOURCES = fuzz/none.cc
fuzz_fuzz_stream_LDFLAGS = $(stream_ldflags)
fuzz_fuzz_stream_LDADD = fuzz/libkernel.la $(fuzz_libs) $(LIB_FUZZING_ENGINE)

# Several harnesses in one program: their functions have names of their own.
check_LTLIBRARIES += \
	fuzz/libbuffers.la \
	fuzz/libchains.la \
	fuzz/liblifecycle.la \
	fuzz/libsqe-batch.la \
	fuzz/libstream.la \
	$(NULL)
fuzz_libbuffers_la_SOURCES = fuzz/fuzz-buffers.c
fuzz_libbuffers_la_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	-DLLVMFuzzerInitialize=buffers_initialize \
	-DLLVMFuzzerTestOneInput=buffers_test_one_input \
	$(NULL)
fuzz_libchains_la_SOURCES = fuzz/fuzz-chains.c
fuzz_libchains_la_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	-DLLVMFuzzerInitialize=chains_initialize \
	-DLLVMFuzzerTestOneInput=chains_test_one_input \
	$(NULL)
fuzz_liblifecycle_la_SOURCES = $(lifecycle_sources)
fuzz_liblifecycle_la_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	-DLLVMFuzzerInitialize=lifecycle_initialize \
	-DLLVMFuzzerTestOneInput=lifecycle_test_one_input \
	$(NULL)
fuzz_libsqe_batch_la_SOURCES = fuzz/fuzz-sqe-batch.c
fuzz_libsqe_batch_la_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	-DLLVMFuzzerInitialize=sqe_batch_initialize \
	-DLLVMFuzzerTestOneInput=sqe_batch_test_one_input \
	$(NULL)
fuzz_libstream_la_SOURCES = fuzz/fuzz-stream.c $(stream_sources)
fuzz_libstream_la_CPPFLAGS = \
	$(AM_CPPFLAGS) \
	-DLLVMFuzzerInitialize=stream_initialize \
	-DLLVMFuzzerTestOneInput=stream_test_one_input \
	$(NULL)

faults_sources = \
	fuzz/fuzz-faults.c \
	fuzz/faults.c \
	fuzz/faults.h \
	fuzz/harnesses.c \
	fuzz/harnesses.h \
	$(interpose_sources) \
	$(NULL)
faults_libs = \
	fuzz/libbuffers.la \
	fuzz/libchains.la \
	fuzz/liblifecycle.la \
	fuzz/libsqe-batch.la \
	fuzz/libstream.la \
	fuzz/libkernel.la \
	$(fuzz_libs) \
	$(NULL)
faults_ldflags = $(stream_ldflags) $(interpose_ldflags)

fuzz_replay_faults_SOURCES = $(faults_sources) $(fuzz_replay_sources)
fuzz_replay_faults_LDFLAGS = $(faults_ldflags)
fuzz_replay_faults_LDADD = $(faults_libs)
fuzz_fuzz_faults_SOURCES = $(faults_sources)
nodist_EXTRA_fuzz_fuzz_faults_SOURCES = fuzz/none.cc
fuzz_fuzz_faults_LDFLAGS = $(faults_ldflags)
fuzz_fuzz_faults_LDADD = $(faults_libs) $(LIB_FUZZING_ENGINE)

EXTRA_DIST += \
	fuzz/arguments.sh \
	fuzz/campaign.sh \
	fuzz/corpus \
	fuzz/crashes \
	fuzz/fuzz-buffers.dict \
	fuzz/fuzz-buffers.options \
	fuzz/fuzz-chains.dict \
	fuzz/fuzz-chains.options \
	fuzz/fuzz-completions.dict \
	fuzz/fuzz-completions.options \
	fuzz/fuzz-faults.dict \
	fuzz/fuzz-faults.options \
	fuzz/fuzz-lifecycle.dict \
	fuzz/fuzz-lifecycle.options \
	fuzz/fuzz-registry.dict \
	fuzz/fuzz-registry.options \
	fuzz/fuzz-sqe-batch.dict \
	fuzz/fuzz-sqe-batch.options \
	fuzz/fuzz-stream.dict \
	fuzz/fuzz-stream.options \
	fuzz/make-seeds.py \
	fuzz/mutants \
	fuzz/mutants.sh \
	fuzz/oss-fuzz.sh \
	fuzz/run.sh \
	$(NULL)

FUZZ_SECONDS = 60

.PHONY: fuzz fuzz-programs
fuzz-programs: $(fuzz_targets)
if FUZZING
fuzz: $(fuzz_targets)
	$(srcdir)/fuzz/run.sh $(FUZZ_SECONDS) $(fuzz_targets)
else
fuzz:
	@echo 'This needs configure CC=clang CXX=clang++ --enable-fuzzing' \
	  '--with-sanitizer=address,undefined' >&2
	@exit 1
endif

clean-local:
	rm -rf $(fuzz_targets:=.work)
