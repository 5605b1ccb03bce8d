#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# Each block of a guide: C compiles without a warning, with a main() into a program; Python runs;
# Vala compiles; JSON is JSON. And each message of the library stands in troubleshooting.md. Runs in
# the top build directory.

. "$(dirname "$0")/examples-support.sh"
. "$(dirname "$0")/bindings-support.sh"

# DIR/GUIDE-NUMBER.LANGUAGE
extract_blocks ()
{
	for guide in "$srcdir"/docs/*.md; do
		awk -v prefix="$dir/$(basename "$guide" .md)" '
			/^```(c|json|python|vala)$/ { file = prefix "-" ++n "." substr ($0, 4); next }
			/^```$/ { file = "" }
			file { print >file }' "$guide"
	done
}

# A block that includes libdex is for those who have it.
compile_c () # FILE
{
	libraries="-Llib/.libs -lguring-1 $GURING_LIBS"
	grep -q '^main (' "$1" || libraries=-c
	dex=
	if grep -q '^#include <libdex.h>' "$1"; then
		dex=$(pkg-config --cflags libdex-1 2>/dev/null) || skip 'no libdex-dev' || return
	fi
	{
		echo '#include <guring/guring.h>'
		cat "$1"
	} >"$dir/block.c"
	# shellcheck disable=SC2086
	run $CC $SANITIZER_FLAGS -Wall -Wextra -Wno-unused-function -Wno-unused-parameter -Werror \
		"-I$srcdir/include" $GURING_CFLAGS $dex "$dir/block.c" -o "$dir/block" $libraries
	[ "$status" -eq 0 ]
}

runs ()
{
	has_python || return
	run "$python" "$1"
	[ "$status" -eq 0 ] && [ ! -s "$dir/err" ]
}

is_json ()
{
	has python3 || skip 'no python3' || return
	run python3 -m json.tool "$1"
	[ "$status" -eq 0 ]
}

# String literals of three words and more, adjacent ones joined
list_texts () # FILE…
{
	cat "$@" | awk '
		{ text = text $0 "\n" }
		END {
			gsub (/\/\*([^*]|\*+[^*\/])*\*+\//, "", text)
			gsub (/"[ \n]+"/, "", text)
			while (match (text, /"([^"\\\n]|\\.)*"/)) {
				literal = substr (text, RSTART + 1, RLENGTH - 2)
				text = substr (text, RSTART + RLENGTH)
				if (literal ~ /[^ ]+ [^ ]+ [^ ]+/) print literal
			}
		}'
}

# Each text up to what differs, or to what to do about it; a single word says nothing. Two are no
# messages: a verb, and the name of a source.
has_each_message () # FILE…
{
	tr -d '`' <"$srcdir/docs/troubleshooting.md" | tr -s '\n ' ' ' >"$dir/guide"
	list_texts "$@" | sed -e 's/[%;:].*//' -e 's/^ *//' -e 's/ *$//' | grep ' ' |
		grep -vFx -e 'make the directory' -e "GuringRing's turn for others" \
		  -e "GuringFdWatch's next turn" >"$dir/messages"
	while read -r message; do
		grep -qF "$message" "$dir/guide" || echo "$message" >>"$dir/err"
	done <"$dir/messages"
	[ "$(wc -l <"$dir/messages")" -gt 40 ] && [ ! -s "$dir/err" ]
}

extract_blocks
for block in "$dir"/*-*.*; do
	title=$(basename "$block")
	case $block in
	*.c) check "$title compiles" compile_c "$block" ;;
	*.json) check "$title is JSON" is_json "$block" ;;
	*.python) check "$title runs" runs "$block" ;;
	*.vala) check "$title compiles" compile_vala_block "$block" ;;
	esac
done

check 'troubleshooting.md has each message' has_each_message "$srcdir"/lib/*/*.c
echo 'f ("A message that is " "new: %s");' >"$dir/new.c"
check 'a message that it lacks is noticed' eval '! has_each_message "$srcdir"/lib/*/*.c "$dir/new.c" &&
	grep -qx "A message that is new" "$dir/err"'

echo "1..$number"
