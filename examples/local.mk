# SPDX-License-Identifier: LGPL-2.1-or-later

# Written as a stranger would: with the public headers and the shared library alone
noinst_PROGRAMS += \
	examples/cat \
	examples/copy \
	examples/echo-server \
	examples/http-server \
	examples/load-many \
	examples/tcp-accept \
	examples/write-file \
	$(NULL)

examples_cat_SOURCES = examples/cat.c
examples_cat_LDADD = lib/libguring-1.la $(GURING_LIBS)
examples_copy_SOURCES = examples/copy.c
examples_copy_LDADD = lib/libguring-1.la $(GURING_LIBS)
examples_echo_server_SOURCES = examples/echo-server.c
examples_echo_server_LDADD = lib/libguring-1.la $(GURING_LIBS)
examples_http_server_SOURCES = \
	examples/http-server.c \
	examples/http/beneath.c \
	examples/http/beneath.h \
	examples/http/connection.c \
	examples/http/connection.h \
	examples/http/request.c \
	examples/http/request.h \
	examples/http/response.c \
	examples/http/response.h \
	$(NULL)
examples_http_server_LDADD = lib/libguring-1.la $(GURING_LIBS)
examples_load_many_SOURCES = examples/load-many.c
examples_load_many_LDADD = lib/libguring-1.la $(GURING_LIBS)
examples_tcp_accept_SOURCES = examples/tcp-accept.c
examples_tcp_accept_LDADD = lib/libguring-1.la $(GURING_LIBS)
examples_write_file_SOURCES = examples/write-file.c
examples_write_file_LDADD = lib/libguring-1.la $(GURING_LIBS)

# In other languages
EXTRA_DIST += examples/cat.js examples/lines.vala examples/sha256.py
