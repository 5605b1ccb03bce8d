# SPDX-License-Identifier: LGPL-2.1-or-later

# What other languages need: the GIR and the typelib, and from the GIR the vapi.

EXTRA_DIST += bindings/Guring-1.metadata bindings/guring-1-file.vala

if HAVE_INTROSPECTION
girdir = $(INTROSPECTION_GIRDIR)
gir_DATA = bindings/Guring-1.gir
typelibdir = $(INTROSPECTION_TYPELIBDIR)
typelib_DATA = bindings/Guring-1.typelib
CLEANFILES += $(gir_DATA) $(typelib_DATA)

# The private headers declare nothing that is public, the C files have the comments.
bindings/Guring-1.gir: lib/libguring-1.la $(guringinclude_HEADERS)
	$(AM_V_GEN)$(MKDIR_P) bindings && \
	CC='$(CC)' CFLAGS='$(CFLAGS)' CPPFLAGS='$(CPPFLAGS)' LDFLAGS='$(LDFLAGS)' \
	$(INTROSPECTION_SCANNER) --quiet --warn-all --warn-error \
	  --namespace=Guring --nsversion=1 --identifier-prefix=Guring --symbol-prefix=guring \
	  --include=Gio-2.0 --pkg-export=guring-1 --c-include=guring/guring.h \
	  --libtool='$(LIBTOOL)' --library=lib/libguring-1.la \
	  --sources-top-dirs=$(top_srcdir) \
	  -I$(srcdir)/include $(GURING_CFLAGS) --output=$@ \
	  $(srcdir)/include/guring/*.h $(srcdir)/lib/gio/*.c $(srcdir)/lib/ring/*.c

bindings/Guring-1.typelib: bindings/Guring-1.gir
	$(AM_V_GEN)$(INTROSPECTION_COMPILER) $< --output=$@
endif

if HAVE_VAPIGEN
vapidir = $(datadir)/vala/vapi
vapi_DATA = bindings/guring-1.deps bindings/guring-1.vapi
CLEANFILES += $(vapi_DATA)

bindings/guring-1.deps: Makefile
	$(AM_V_GEN)$(MKDIR_P) bindings && printf '%s\n' gio-2.0 gio-unix-2.0 >$@

bindings/guring-1.vapi: bindings/Guring-1.gir bindings/Guring-1.metadata bindings/guring-1-file.vala
	$(AM_V_GEN)$(VAPIGEN) --quiet --library=guring-1 --directory=bindings \
	  --metadatadir=$(srcdir)/bindings --pkg=gio-2.0 --pkg=gio-unix-2.0 \
	  $(srcdir)/bindings/guring-1-file.vala $<
endif
