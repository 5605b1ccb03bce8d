# SPDX-License-Identifier: LGPL-2.1-or-later

guringincludedir = $(includedir)/guring-1/guring
guringinclude_HEADERS = \
	include/guring/guring-buffer-group.h \
	include/guring/guring-completion.h \
	include/guring/guring-fd-watch.h \
	include/guring/guring-file-input-stream.h \
	include/guring/guring-file-output-stream.h \
	include/guring/guring-file.h \
	include/guring/guring-input-stream.h \
	include/guring/guring-io.h \
	include/guring/guring-macros.h \
	include/guring/guring-output-stream.h \
	include/guring/guring-restrictions.h \
	include/guring/guring-ring.h \
	include/guring/guring-socket-connection.h \
	include/guring/guring-socket-service.h \
	include/guring/guring-socket.h \
	include/guring/guring-statistics.h \
	include/guring/guring-support.h \
	include/guring/guring.h \
	$(NULL)
