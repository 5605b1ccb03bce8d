#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# The examples of streams and files, with io_uring and, all the same, without. Runs in the top build
# directory.

. "$(dirname "$0")/examples-support.sh"

N_FILES=200
FILE_SIZE=5000

wrote ()
{
	[ "$status" -eq "$1" ] && same "$dir/out" "$2"
}

# cat

cat_writes_its_files ()
{
	cat "$dir/large" "$dir/small" "$dir/large" >"$dir/expected"
	run ./examples/cat "$dir/large" "$dir/small" "$dir/empty" "$dir/large"
	wrote 0 "$dir/expected" && [ ! -s "$dir/err" ]
}

cat_writes_stdin ()
{
	run ./examples/cat <"$dir/large"
	wrote 0 "$dir/large" || return 1

	cat "$dir/small" "$dir/large" "$dir/small" >"$dir/expected"
	run ./examples/cat "$dir/small" - "$dir/small" - <"$dir/large"
	wrote 0 "$dir/expected"
}

cat_stands_in_a_pipeline ()
{
	./examples/cat "$dir/large" | ./examples/cat | ./examples/cat - >"$dir/out"
	status=$?
	wrote 0 "$dir/large"
}

cat_goes_on_after_an_error ()
{
	run ./examples/cat "$dir/missing" "$dir" "$dir/small"
	wrote 1 "$dir/small" &&
		grep -q "^cat: Could not open $dir/missing: No such file or directory$" "$dir/err" &&
		grep -q "^cat: $dir: Could not read: Is a directory$" "$dir/err" &&
		[ "$(wc -l <"$dir/err")" -eq 2 ]
}

cat_meets_a_full_disk ()
{
	status=0
	./examples/cat "$dir/small" >/dev/full 2>"$dir/err" || status=$?
	failed_with 'No space left on device'
}

# Its input has no end.
cat_ends_when_nobody_reads ()
{
	{
		timeout 60 ./examples/cat /dev/zero /dev/zero 2>"$dir/err"
		echo $? >"$dir/status"
	} | head -c 100000 >"$dir/out"
	status=$(cat "$dir/status")
	failed_with 'Broken pipe' && [ "$(wc -l <"$dir/err")" -eq 1 ] &&
		[ "$(wc -c <"$dir/out")" -eq 100000 ]
}

# load-many

make_files ()
{
	mkdir "$dir/many"
	seq $N_FILES | while read -r i; do
		head -c $((FILE_SIZE + i)) "$dir/large" >"$dir/many/$i"
	done
}

load_many_prints_sizes ()
{
	for file in "$dir/many"/*; do
		printf '%s\t%s\n' "$(wc -c <"$file")" "$file"
	done >"$dir/expected"
	printf '%s\ttotal\n' "$(cat "$dir/many"/* | wc -c)" >>"$dir/expected"

	run ./examples/load-many "$dir/many"/*
	wrote 0 "$dir/expected" && [ ! -s "$dir/err" ]
}

load_many_loads_one ()
{
	printf '0\t%s\n0\ttotal\n' "$dir/empty" >"$dir/expected"
	run ./examples/load-many "$dir/empty"
	wrote 0 "$dir/expected"
}

load_many_goes_on_after_an_error ()
{
	printf '6\t%s\n6\ttotal\n' "$dir/small" >"$dir/expected"
	run ./examples/load-many "$dir/missing" "$dir/small" "$dir"
	wrote 1 "$dir/expected" && failed_with "$dir/missing: No such file" &&
		failed_with "$dir: Is a directory"
}

load_many_has_few_descriptors ()
{
	run sh -c 'ulimit -n 90; exec ./examples/load-many "$@"' sh "$dir/many"/*
	[ "$status" -eq 0 ] && [ ! -s "$dir/err" ]
}

load_many_wants_files ()
{
	run ./examples/load-many
	failed_with 'Usage: load-many FILE'
}

head -c 20000003 /dev/urandom >"$dir/large"
echo small >"$dir/small"
: >"$dir/empty"
make_files

check_all ()
{
	check "cat writes its files$1" cat_writes_its_files
	check "cat writes standard input$1" cat_writes_stdin
	check "cat stands in a pipeline$1" cat_stands_in_a_pipeline
	check "cat goes on after an error$1" cat_goes_on_after_an_error
	check "cat: full disk$1" cat_meets_a_full_disk
	check "cat ends when nobody reads$1" cat_ends_when_nobody_reads
	check "load-many prints sizes$1" load_many_prints_sizes
	check "load-many loads one$1" load_many_loads_one
	check "load-many goes on after an error$1" load_many_goes_on_after_an_error
	check "load-many has few descriptors$1" load_many_has_few_descriptors
	check "load-many wants files$1" load_many_wants_files
}

check_all ''
GURING_DISABLE=1
export GURING_DISABLE
check_all ', without io_uring'

echo "1..$number"
