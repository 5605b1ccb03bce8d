#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# The version script, the library's exports and the installed headers name the same functions.

set -eu
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

number=0
check () # DESCRIPTION FILE FILE: the files are the same, and not empty
{
  number=$((number + 1))
  if test -s "$2" && diff "$2" "$3" >"$dir/diff"; then
    echo "ok $number - $1"
  else
    echo "not ok $number - $1"
    sed 's/^/# /' "$dir/diff"
  fi
}

sed -n 's/^  \(guring_[a-z0-9_]*\);$/\1/p' "$srcdir/lib/libguring-1.map" >"$dir/map-as-is"
sort "$dir/map-as-is" >"$dir/map"

# All that is defined, whatever its name, but for what the linker or a sanitizer adds
nm -D --defined-only lib/.libs/libguring-1.so | awk '$2 != "A" { print $3 }' |
  sed 's/@.*//' | grep -v -e '^__asan_' -e '^__odr_asan' -e '^___' | sort >"$dir/exports"

{
  cat "$srcdir"/include/guring/*.h | grep -v "^#" | tr '\n' ' ' | tr ';' '\n' |
    grep -e GURING_AVAILABLE_IN_ -e GURING_DEPRECATED_IN_ | grep -o 'guring_[a-z0-9_]* (' | tr -d ' ('
  sed -n 's/^G_DECLARE_.*TYPE (.*, \(guring_[a-z_]*\), GURING.*/\1_get_type/p' \
    "$srcdir"/include/guring/*.h
} | sort >"$dir/headers"

# The packaging is no part of a release's tarball
debian=$srcdir/debian/libguring-1-0.symbols
sed -n 's/^ \(guring_[a-z0-9_]*\)@GURING_.*/\1/p' "$debian" 2>/dev/null | sort >"$dir/debian" || true

echo 1..9
check 'the version script is sorted' "$dir/map-as-is" "$dir/map"
check 'exports are what the version script lists' "$dir/map" "$dir/exports"
check 'headers declare what the version script lists' "$dir/map" "$dir/headers"

# What a release has had stays, with its version
nm -D --defined-only lib/.libs/libguring-1.so | awk '{ print $3 }' | sed 's/@@*/ /' | sort >"$dir/versioned"
comm -12 "$srcdir/packaging/released-symbols" "$dir/versioned" >"$dir/kept"
check 'released symbols are there, with their versions' "$srcdir/packaging/released-symbols" "$dir/kept"

# Each of them has a doc comment that says since when
documented=$(awk '/^\/\*\*$/ { getline; sub(/^ \* /, ""); sub(/:.*/, ""); name = $0 }
                  /^ \* Since: / { print name }' "$srcdir"/lib/*/*.c | grep '^guring_' | sort)
grep -v '_get_type$' "$dir/map" >"$dir/functions"
echo "$documented" >"$dir/documented"
check 'each function is documented' "$dir/functions" "$dir/documented"

# guring_ring_get_type and GuringRing: guringring
sed -n 's/_get_type$//p' "$dir/map" | tr -d _ | sort >"$dir/types"
sed -n 's/^ \* \(Guring[A-Za-z]*\):.*/\1/p' "$srcdir"/lib/*/*.c | tr '[:upper:]' '[:lower:]' |
  sort >"$dir/documented-types"
check 'each type is documented' "$dir/types" "$dir/documented-types"

# FUNCTION PARAMETER, and FUNCTION Returns where it returns something: of the definition, and of the
# comment before it
awk '
  function add (line) { print name, line >>(dir "/" (in_comment ? "described" : "defined")) }
  /^\/\*\*$/ { getline; sub(/^ \* /, ""); sub(/:.*/, ""); name = $0; in_comment = name ~ /^guring_/; next }
  in_comment && /^ \* @[a-z0-9_]*:/ { sub(/^ \* @/, ""); sub(/:.*/, ""); add($0) }
  in_comment && /^ \* Returns:/ { add("Returns") }
  in_comment && /^ \*\/$/ { in_comment = 0; text = ""; in_definition = 1; next }
  in_definition && /^[{]$/ {
    in_definition = 0
    if (text !~ /^void /) add("Returns")
    sub(/^[^(]*\(/, "", text); sub(/\) *$/, "", text)
    n = split(text, parameters, ",")
    for (i = 1; i <= n; i++) {
      sub(/.*[ *]/, "", parameters[i])
      if (parameters[i] != "void") add(parameters[i])
    }
  }
  in_definition { text = text (text == "" ? "" : " ") $0 }
' dir="$dir" "$srcdir"/lib/*/*.c
for list in described defined; do
  sort -o "$dir/$list" "$dir/$list"
done
check "each parameter, and what is returned, is documented" "$dir/defined" "$dir/described"

# Properties, signals, structures and macros too
awk '/^ *\/\*\*$/ { getline; comment = FILENAME ": " $0; since = 0 }
     /^ *\* Since: [0-9]/ { since = 1 }
     /^ *\*\/$/ { if (comment != "") print comment >(dir "/comments")
                  if (comment != "" && since) print comment >(dir "/with-since")
                  comment = "" }' dir="$dir" "$srcdir"/lib/*/*.c "$srcdir"/include/guring/*.h
check 'each comment says since when' "$dir/comments" "$dir/with-since"

if test -e "$debian"; then
  check "the symbols of Debian's package are what the version script lists" "$dir/map" "$dir/debian"
else
  number=$((number + 1))
  echo "ok $number - the symbols of Debian's package # SKIP not in a release's tarball"
fi
