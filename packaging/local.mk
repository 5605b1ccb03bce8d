# SPDX-License-Identifier: LGPL-2.1-or-later

EXTRA_DIST += \
	packaging/cross-check \
	packaging/deb-check \
	packaging/dist-check \
	packaging/guring.spec \
	packaging/libguring-1.abi \
	packaging/release \
	packaging/released-symbols \
	packaging/roots.sh \
	packaging/rpm-check \
	packaging/toolchain-check \
	$(NULL)

# SUITES='bookworm trixie' for some, DEB_CHECK_FLAGS=--quick. Left behind: deb-check/
.PHONY: deb-check
deb-check: dist
	$(srcdir)/packaging/deb-check $(DEB_CHECK_FLAGS) $(distdir).tar.xz $(SUITES)

# The ABI as it is declared to be, of x86-64 and with debugging information. 'make abi-declare' after
# a change that is meant. Without --exported-interfaces-only libabigail 2.2 takes the declaration of a
# function, where another file calls it, for all that is known of it, and misses what changes.
ABI_FLAGS = --drop-private-types --exported-interfaces-only
.PHONY: abi-check abi-declare
abi-check: lib/libguring-1.la
	$(ABIDIFF) $(ABI_FLAGS) --headers-dir2 $(abs_srcdir)/include/guring \
	  $(srcdir)/packaging/libguring-1.abi lib/.libs/libguring-1.so
abi-declare: lib/libguring-1.la
	$(ABIDW) $(ABI_FLAGS) --headers-dir $(abs_srcdir)/include/guring --no-corpus-path \
	  --no-comp-dir-path --short-locs --no-parameter-names lib/.libs/libguring-1.so \
	  >$(srcdir)/packaging/libguring-1.abi
