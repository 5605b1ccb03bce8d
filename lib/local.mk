# SPDX-License-Identifier: LGPL-2.1-or-later

# Everything stands in the convenience library, which the white-box tests link.
noinst_LTLIBRARIES += lib/libguring-internal.la
lib_libguring_internal_la_SOURCES = \
	lib/gio/context.c \
	lib/gio/context.h \
	lib/gio/copy-data.c \
	lib/gio/copy-data.h \
	lib/gio/descriptor.c \
	lib/gio/descriptor.h \
	lib/gio/fallback.c \
	lib/gio/fallback.h \
	lib/gio/fd-watch.c \
	lib/gio/file-attributes.c \
	lib/gio/file-attributes.h \
	lib/gio/file-copy.c \
	lib/gio/file-info.c \
	lib/gio/file-input-stream.c \
	lib/gio/file-load.c \
	lib/gio/file-names.c \
	lib/gio/file-open.c \
	lib/gio/file-output-stream.c \
	lib/gio/file-replace.c \
	lib/gio/file-streams.h \
	lib/gio/file.c \
	lib/gio/file.h \
	lib/gio/input-stream.c \
	lib/gio/listener.c \
	lib/gio/listener.h \
	lib/gio/memcheck.c \
	lib/gio/memcheck.h \
	lib/gio/open.c \
	lib/gio/output-stream.c \
	lib/gio/path.c \
	lib/gio/perform.c \
	lib/gio/perform.h \
	lib/gio/read.c \
	lib/gio/receiver.c \
	lib/gio/receiver.h \
	lib/gio/replacement-commit.c \
	lib/gio/replacement.c \
	lib/gio/replacement.h \
	lib/gio/socket-call.c \
	lib/gio/socket-call.h \
	lib/gio/socket-connect.c \
	lib/gio/socket-connection.c \
	lib/gio/socket-connection.h \
	lib/gio/socket-input-stream.c \
	lib/gio/socket-output-stream.c \
	lib/gio/socket-receive-message.c \
	lib/gio/socket-send-message.c \
	lib/gio/socket-service-accept.c \
	lib/gio/socket-service-listen.c \
	lib/gio/socket-service.c \
	lib/gio/socket-service.h \
	lib/gio/socket-streams.h \
	lib/gio/splice.c \
	lib/gio/step.c \
	lib/gio/stream-close.c \
	lib/gio/stream-input.c \
	lib/gio/stream-output.c \
	lib/gio/stream-task.c \
	lib/gio/stream-task.h \
	lib/gio/stream.h \
	lib/gio/sync.c \
	lib/gio/task-private.h \
	lib/gio/task.c \
	lib/gio/task.h \
	lib/gio/temporary.c \
	lib/gio/temporary.h \
	lib/gio/transfer.c \
	lib/gio/transfer.h \
	lib/gio/turn.c \
	lib/gio/turn.h \
	lib/gio/vectors.c \
	lib/gio/vectors.h \
	lib/gio/write.c \
	lib/gio/writev.c \
	lib/gio/writev.h \
	lib/ring/backlog.c \
	lib/ring/backlog.h \
	lib/ring/buffer-group.c \
	lib/ring/buffer-pool.c \
	lib/ring/buffer-pool.h \
	lib/ring/buffer-table.c \
	lib/ring/buffer-table.h \
	lib/ring/cancellation.c \
	lib/ring/cancellation.h \
	lib/ring/close.c \
	lib/ring/close.h \
	lib/ring/completion.c \
	lib/ring/completion.h \
	lib/ring/default-ring.c \
	lib/ring/default-ring.h \
	lib/ring/dispatch.c \
	lib/ring/dispatch.h \
	lib/ring/environment.c \
	lib/ring/environment.h \
	lib/ring/fork-guard.c \
	lib/ring/fork-guard.h \
	lib/ring/ownership.c \
	lib/ring/ownership.h \
	lib/ring/queue.c \
	lib/ring/registry.c \
	lib/ring/registry.h \
	lib/ring/request.c \
	lib/ring/request.h \
	lib/ring/restrictions.c \
	lib/ring/restrictions.h \
	lib/ring/ring-private.h \
	lib/ring/ring.c \
	lib/ring/setup.c \
	lib/ring/setup.h \
	lib/ring/source.c \
	lib/ring/source.h \
	lib/ring/submission.c \
	lib/ring/submission.h \
	$(NULL)
lib_libguring_internal_la_CFLAGS = $(AM_CFLAGS) -fvisibility=hidden
if !SANITIZER
lib_libguring_internal_la_CFLAGS += -DG_DISABLE_CAST_CHECKS
endif
lib_libguring_internal_la_LIBADD = $(GURING_LIBS)

lib_LTLIBRARIES += lib/libguring-1.la
lib_libguring_1_la_SOURCES =
lib_libguring_1_la_LIBADD = lib/libguring-internal.la
lib_libguring_1_la_DEPENDENCIES = lib/libguring-internal.la lib/libguring-1.map
lib_libguring_1_la_LDFLAGS = \
	$(AM_LDFLAGS) \
	-version-info $(GURING_LT_VERSION) \
	-Wl,-Bsymbolic-functions \
	-Wl,-z,nodelete \
	-Wl,--version-script=$(srcdir)/lib/libguring-1.map \
	$(NULL)
if !SANITIZER
lib_libguring_1_la_LDFLAGS += -no-undefined -Wl,-z,defs
endif

EXTRA_DIST += lib/libguring-1.map

pkgconfig_DATA = lib/guring-1.pc
