#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# packaging/release in a repository of its own, with what it looks at: a tree that could be released,
# and one for each thing that could be forgotten.

. "$(dirname "$0")/examples-support.sh"

repository=$dir/repository
names='configure.ac NEWS include/guring/guring-macros.h lib/libguring-1.map lib/ring/ring.c
	packaging/guring.spec packaging/release packaging/released-symbols'

git_in ()
{
	git -C "$repository" -c user.name=test -c user.email=test@example.org "$@" >>"$dir/log" 2>&1
}

commit ()
{
	git_in add --all && git_in commit --quiet --message test
}

change () # SED-SCRIPT FILE
{
	cp "$repository/$2" "$dir/before"
	sed -i "$1" "$repository/$2" && ! cmp -s "$dir/before" "$repository/$2"
}

make_changelog ()
{
	mkdir -p "$repository/debian"
	echo "guring ($VERSION-1) unstable; urgency=medium" >"$repository/debian/changelog"
}

make_repository ()
{
	rm -rf "$repository"
	for name in $names; do
		mkdir -p "$(dirname "$repository/$name")"
		cp "$srcdir/$name" "$repository/$name"
	done
	chmod -R u+w "$repository"
	make_changelog
	git_in init --quiet && sed -i '1s/(.*)/(2026-11-30)/' "$repository/NEWS" && commit
}

# As after the release of this version, with a change since then: 0.1.1
make_next ()
{
	make_repository && git_in tag "v$VERSION" &&
		sed -i "s/${VERSION%.*}\.${VERSION##*.}/${VERSION%.*}.99/" "$repository/configure.ac" \
			"$repository/NEWS" "$repository/debian/changelog" "$repository/packaging/guring.spec" &&
		change 's/^\(#define GURING_MICRO_VERSION\) .*/\1 99/' include/guring/guring-macros.h
}

release ()
{
	run "$repository/packaging/release" --only-check
}

is_consistent ()
{
	release
	[ "$status" -eq 0 ] && grep -q 'is consistent$' "$dir/out"
}

# The number of complaints, and words of one
complains () # WORDS
{
	release
	failed_with "$1" && [ "$(wc -l <"$dir/err")" -eq 2 ]
}

could_be_released ()
{
	make_repository && is_consistent
}

notices () # WORDS SED-SCRIPT FILE
{
	make_repository && change "$2" "$3" && commit && complains "$1"
}

notices_uncommitted ()
{
	make_repository && echo >"$repository/new" && complains 'not committed'
}

notices_released ()
{
	make_repository && git_in tag "v$VERSION" && complains "v$VERSION is released"
}

notices_libtool_of_first ()
{
	make_repository && change '/LT_VERSION/s/0:0:0/1:0:0/' configure.ac && commit &&
		complains 'has the libtool version 0:0:0'
}

next_could_be_released ()
{
	make_next && change '/LT_VERSION/s/0:0:0/0:1:0/' configure.ac && commit && is_consistent
}

next_has_changed_code ()
{
	make_next && commit && complains 'the libtool version is 0:0:0, not 0:1:0'
}

add_symbol ()
{
	change 's/^  guring_write_finish;/&\n  guring_zzz;/' lib/libguring-1.map
}

next_has_new_symbols ()
{
	make_next && add_symbol && echo 'guring_zzz GURING_0.1' >>"$repository/packaging/released-symbols" &&
		change '/LT_VERSION/s/0:0:0/0:1:0/' configure.ac && commit &&
		complains 'the libtool version is 0:1:0, not 1:0:1'
}

notices_unpinned ()
{
	make_repository && add_symbol && commit && complains 'not in packaging/released-symbols: guring_zzz'
}

refuses_arguments ()
{
	make_repository && run "$repository/packaging/release" now
	[ "$status" -eq 2 ] && grep -q '^usage:' "$dir/err"
}

if ! has git; then
	echo '1..0 # SKIP git is missing'
	exit 0
fi

check 'a tree that could be released' could_be_released
check 'NEWS of another version' notices "'9.9.9' in NEWS" '1s/ [0-9.]*/ 9.9.9/' NEWS
check 'debian/changelog of another version' notices "'9.9.9' in debian/changelog" \
	'1s/([0-9.]*/(9.9.9/' debian/changelog
check 'guring.spec of another version' notices "'9.9.9' in packaging/guring.spec" \
	's/^Version:.*/Version: 9.9.9/' packaging/guring.spec
check 'headers of another version' notices 'in include/guring/guring-macros.h' \
	's/^\(#define GURING_MICRO_VERSION\) .*/\1 9/' include/guring/guring-macros.h
check 'NEWS without a date' notices 'NEWS has no date' '1s/(.*)/(unreleased)/' NEWS
check 'an unreleased debian/changelog' notices 'UNRELEASED' '1s/unstable/UNRELEASED/' debian/changelog
check "guring.spec's changelog of another version" notices "guring.spec's changelog lacks" \
	's/^\(\* .*\) - .*/\1 - 9.9.9-1/' packaging/guring.spec
check 'something uncommitted' notices_uncommitted
check 'a version that is released' notices_released
check 'the libtool version of the first' notices_libtool_of_first
check 'the next could be released' next_could_be_released
check 'changed code' next_has_changed_code
check 'new symbols' next_has_new_symbols
check 'a symbol that is not pinned' notices_unpinned
check 'wrong arguments' refuses_arguments

echo "1..$number"
