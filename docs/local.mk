# SPDX-License-Identifier: LGPL-2.1-or-later

guides = \
	docs/environments.md \
	docs/getting-started.md \
	docs/how-it-works.md \
	docs/lifetimes.md \
	docs/operation.svg \
	docs/overview.md \
	docs/performance.md \
	docs/performance-copy.svg \
	docs/performance-descriptors.svg \
	docs/performance-disk.svg \
	docs/performance-echo.svg \
	docs/performance-http.svg \
	docs/performance-idle.svg \
	docs/performance-load.svg \
	docs/performance-nop.svg \
	docs/performance-overview.svg \
	docs/performance-read.svg \
	docs/porting.md \
	docs/reliability.md \
	docs/reliability-soak.csv \
	docs/reliability-soak.svg \
	docs/sockets.md \
	docs/troubleshooting.md \
	$(NULL)
EXTRA_DIST += $(guides)

if HAVE_DOCS
guringdocdir = $(datadir)/doc/guring-1
noinst_DATA += docs/reference/index.html
CLEANFILES += docs/reference/*

docs/reference/index.html: bindings/Guring-1.gir docs/guring.toml $(guides)
	$(AM_V_GEN)rm -rf docs/reference && \
	$(GI_DOCGEN) generate --quiet --fatal-warnings --no-namespace-dir --config=docs/guring.toml \
	  --content-dir=$(srcdir)/docs --output-dir=docs/reference bindings/Guring-1.gir

install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(guringdocdir)'
	$(INSTALL_DATA) docs/reference/* '$(DESTDIR)$(guringdocdir)'

uninstall-local:
	rm -rf '$(DESTDIR)$(guringdocdir)'
endif
