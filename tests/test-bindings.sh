#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# Python, JavaScript and Vala: each call once, and the examples on real files, with io_uring and, all
# the same, without. Runs in the top build directory.

. "$(dirname "$0")/examples-support.sh"
. "$(dirname "$0")/bindings-support.sh"

has_gjs ()
{
	has gjs || skip 'no gjs'
}

python_uses_each_call ()
{
	has_python || return
	mkdir -p "$dir/python"
	run "$python" "$srcdir/tests/bindings.py" "$dir/python" "$srcdir/lib/libguring-1.map"
	[ "$status" -eq 0 ] && [ ! -s "$dir/err" ] && [ -z "$(ls "$dir/python")" ]
}

vala_uses_each_call ()
{
	has_vala || return
	mkdir -p "$dir/vala"
	run "$dir/bindings" "$dir/vala"
	[ "$status" -eq 0 ] && [ ! -s "$dir/err" ] && [ -z "$(ls "$dir/vala")" ]
}

# A namespace's function whose _finish() takes an instance is no method to vapigen.
vapi_has_each_call ()
{
	has_vala || return
	sed -n 's/^  guring_\(file_\|socket_\)\([a-z_]*_async\);$/\2/p' "$srcdir/lib/libguring-1.map" |
		grep -v -e '^connection_' -e '^service_' -e '_message_async' >"$dir/out"
	[ -s "$dir/out" ] || return 1
	while read -r name; do
		grep -q "public async .* $name (" bindings/guring-1.vapi || { echo "$name" >>"$dir/err"; }
	done <"$dir/out"
	[ ! -s "$dir/err" ]
}

readme_block () # LANGUAGE
{
	sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/!p}" "$srcdir/README.md"
}

# So that "each call" stays true
vala_program_has_each_call ()
{
	has_vala || return
	grep -o 'async .* [a-z_]* (' bindings/guring-1.vapi | grep -o '[a-z_]* ($' | sort -u >"$dir/out"
	[ -s "$dir/out" ] || return 1
	while read -r name _; do
		grep -q "[. ]$name (" "$srcdir/tests/bindings.vala" || echo "$name" >>"$dir/err"
	done <"$dir/out"
	[ ! -s "$dir/err" ]
}

readme_python_runs ()
{
	has_python || return
	readme_block python >"$dir/readme.py"
	printf '%s bytes\n' "$(wc -c </etc/passwd)" >"$dir/expected"
	run "$python" "$dir/readme.py"
	wrote 0
}

readme_vala_compiles ()
{
	has_vala || return
	readme_block vala >"$dir/readme.vala"
	compile_vala_block "$dir/readme.vala"
}

wrote ()
{
	[ "$status" -eq "$1" ] && diff "$dir/out" "$dir/expected" >>"$dir/err"
}

sha256_prints_checksums ()
{
	has_python || return
	sha256sum "$dir/many"/* >"$dir/expected"
	run "$python" "$srcdir/examples/sha256.py" "$dir/many"/*
	wrote 0 && [ ! -s "$dir/err" ]
}

sha256_goes_on_after_an_error ()
{
	has_python || return
	sha256sum "$dir/many/1" >"$dir/expected"
	run "$python" "$srcdir/examples/sha256.py" "$dir/missing" "$dir/many/1"
	wrote 1 && failed_with "$dir/missing: No such file"
}

lines_counts ()
{
	has_vala || return
	(cd "$dir/many" && wc -l ./* | sed 's/^ *//; /total$/d') >"$dir/expected"
	run sh -c 'cd "$1" && exec "$2" ./*' sh "$dir/many" "$dir/lines"
	wrote 0 && [ ! -s "$dir/err" ]
}

lines_counts_stdin ()
{
	has_vala || return
	printf '%d -\n' "$(wc -l <"$srcdir/COPYING")" >"$dir/expected"
	run "$dir/lines" "$dir/missing" - <"$srcdir/COPYING"
	wrote 1 && failed_with "$dir/missing: No such file"
}

cat_js_writes_its_files ()
{
	has_gjs || return
	cat "$dir/many"/* >"$dir/expected"
	run gjs "$srcdir/examples/cat.js" "$dir/many"/*
	wrote 0 && [ ! -s "$dir/err" ]
}

cat_js_goes_on_after_an_error ()
{
	has_gjs || return
	cp "$dir/many/1" "$dir/expected"
	run gjs "$srcdir/examples/cat.js" "$dir/missing" "$dir/many/1"
	wrote 1 && failed_with "$dir/missing: No such file"
}

if [ ! -e bindings/Guring-1.typelib ]; then
	echo '1..0 # SKIP configured without introspection'
	exit 0
fi

mkdir "$dir/many"
seq 100 | while read -r i; do
	head -c $((i * 300)) "$srcdir/COPYING" >"$dir/many/$i"
done
: >"$dir/many/empty"

check 'the program of tests in Vala compiles' compile_vala "$srcdir/tests/bindings.vala"
check 'lines.vala compiles' compile_vala "$srcdir/examples/lines.vala"
check 'the vapi has each call of files and sockets' vapi_has_each_call
check 'the program of tests in Vala has each call of the vapi' vala_program_has_each_call

check "the README's Python runs" readme_python_runs
check "the README's Vala compiles" readme_vala_compiles

check_all ()
{
	check "Python uses each call$1" python_uses_each_call
	check "Vala uses each call$1" vala_uses_each_call
	check "sha256.py prints checksums$1" sha256_prints_checksums
	check "sha256.py goes on after an error$1" sha256_goes_on_after_an_error
	check "lines counts$1" lines_counts
	check "lines counts standard input$1" lines_counts_stdin
	check "cat.js writes its files$1" cat_js_writes_its_files
	check "cat.js goes on after an error$1" cat_js_goes_on_after_an_error
}

check_all ''
GURING_DISABLE=1
export GURING_DISABLE
check_all ', without io_uring'

echo "1..$number"
