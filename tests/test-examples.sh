#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later

# The example programs as their users meet them: what they print, what they leave behind, how they
# fail. Runs in the top build directory. GURING_SLOW_TESTS=1 copies 1 GiB too.

. "$(dirname "$0")/examples-support.sh"

# write-file

# Everything is literal but the number of the descriptor and the lines that explain.
is_lesson_for ()
{
	length=$(wc -c <"$1")
	cat >"$dir/expected" <<END
=== io_uring GLib GSource Integration ===

[Init] io_uring initialized successfully
[Main] Submitting write operation...
[Submit] Opening file: $1 (fd=X)
[Submit] Write operation prepared ($length bytes)
[Submit] Submitted 2 operation(s)
[Main] Running main loop, waiting for completions...

[io_uring] Operation completed: $length bytes
[Callback] Operation 1 completed
[io_uring] Operation completed: 0 bytes
[Callback] Operation 2 completed
[Callback] All operations completed, quitting main loop
[Cleanup] Finalizing io_uring source

=== Key Points ===
- File written to: $1
END
	sed -e 's/(fd=[0-9]*)/(fd=X)/' -e '/^=== Key Points/,${/^- /{/^- File written to/!d}}' \
		"$dir/out" | diff "$dir/expected" - >>"$dir/err"
}

write_file_prints_its_lesson ()
{
	run ./examples/write-file "$dir/lesson.txt"
	[ "$status" -eq 0 ] && [ ! -s "$dir/err" ] && is_lesson_for "$dir/lesson.txt" &&
		grep -q 'registry' "$dir/out"
}

write_file_fills_the_file ()
{
	echo 'something that is longer than what write-file writes' >"$dir/lesson.txt"
	cat "$dir/lesson.txt" "$dir/lesson.txt" "$dir/lesson.txt" >"$dir/filled.txt"

	run ./examples/write-file "$dir/filled.txt"
	[ "$status" -eq 0 ] && grep -q '^Hello from io_uring' "$dir/filled.txt" &&
		! grep -q 'longer' "$dir/filled.txt"
}

write_file_has_a_default_path ()
{
	default=/tmp/io_uring_test.txt
	if [ -e "$default" ] && [ "$(stat -c %u "$default")" != "$(id -u)" ]; then
		skip "somebody else's $default is there"
		return
	fi

	run ./examples/write-file
	[ "$status" -eq 0 ] && is_lesson_for "$default" && rm "$default"
}

write_file_meets_a_full_disk ()
{
	run ./examples/write-file /dev/full
	failed_with 'Could not write /dev/full: No space left on device' && closed_the_file
}

closed_the_file ()
{
	grep -qFx '[io_uring] Operation completed: 0 bytes' "$dir/out" &&
		grep -qFx '[Callback] Operation 2 completed' "$dir/out"
}

# Pipes, as the limit would count for regular files that it prints to.
write_file_meets_a_short_write ()
{
	has prlimit || { skip 'no prlimit'; return; }

	{
		{
			trap '' XFSZ
			prlimit --fsize=10 ./examples/write-file "$dir/short.txt"
			echo $? >"$dir/status"
		} | cat >"$dir/out"
	} 2>&1 | cat >"$dir/err"
	status=$(cat "$dir/status")
	failed_with "Could not write $dir/short.txt: only 10 of" && closed_the_file
}

# It takes all that is written to it, and holds nothing.
write_file_reads_back ()
{
	run ./examples/write-file /dev/null
	failed_with '/dev/null does not hold what was written'
}

write_file_meets_an_unwritable_path ()
{
	run ./examples/write-file "$dir/missing/file"
	failed_with "Could not open $dir/missing/file: No such file or directory" || return 1

	run ./examples/write-file "$dir"
	failed_with "Could not open $dir: Is a directory"
}

write_file_has_no_io_uring ()
{
	run env GURING_DISABLE=1 ./examples/write-file "$dir/disabled.txt"
	failed_with 'GURING_DISABLE' && [ ! -e "$dir/disabled.txt" ]
}

# tcp-accept

tcp_accept_accepts_in_three_ways ()
{
	run ./examples/tcp-accept
	[ "$status" -eq 0 ] && [ ! -s "$dir/err" ] &&
		grep -q '^Listening on 127\.0\.0\.1:[1-9]' "$dir/out" &&
		[ "$(grep -c 'user data 0xDEADBEEF, POLLIN' "$dir/out")" -eq 3 ] &&
		[ "$(grep -c 'Accepted a connection' "$dir/out")" -eq 3 ] &&
		sed -n 's/^Listening on 127\.0\.0\.1://p' "$dir/out" >"$dir/port"
}

tcp_accept_takes_a_port ()
{
	run ./examples/tcp-accept "$(cat "$dir/port")"
	[ "$status" -eq 0 ] && grep -q "^Listening on 127\.0\.0\.1:$(cat "$dir/port")\$" "$dir/out"
}

tcp_accept_refuses_a_bad_port ()
{
	run ./examples/tcp-accept 65536
	failed_with 'Usage: tcp-accept [PORT]' || return 1

	run ./examples/tcp-accept http
	failed_with 'Usage: tcp-accept [PORT]'
}

# LeakSanitizer does not work under ptrace. Without -f: ThreadSanitizer has a thread of its own.
tcp_accept_peeks_without_system_call ()
{
	has strace || { skip 'no strace'; return; }
	strace -o "$dir/trace" true 2>/dev/null || { skip 'strace may not trace here'; return; }

	run env ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" \
		strace -e trace=all -o "$dir/trace" ./examples/tcp-accept
	sed -n '/write(1, "before 1000/,/write(1, "after 1000/p' "$dir/trace" >"$dir/err"
	[ "$status" -eq 0 ] && [ "$(wc -l <"$dir/err")" -eq 2 ] && grep -q 'after 1000' "$dir/err"
}

tcp_accept_has_no_io_uring ()
{
	run env GURING_DISABLE=1 ./examples/tcp-accept
	failed_with 'GURING_DISABLE'
}

# copy

make_file ()
{
	head -c "$2" /dev/urandom >"$dir/$1"
}

# The second file is now what the first is, and the program said so, and nothing else.
copied ()
{
	[ "$status" -eq 0 ] && [ ! -s "$dir/err" ] && same "$1" "$2" &&
		[ "$(cat "$dir/out")" = "Copied $(wc -c <"$1") bytes from $1 to $2" ]
}

copy_makes_the_same ()
{
	source=$1
	shift

	rm -f "$dir/dest"
	run ./examples/copy "$source" "$dir/dest" "$@"
	copied "$source" "$dir/dest" && rm "$dir/dest"
}

copy_of_size ()
{
	make_file source "$1" && copy_makes_the_same "$dir/source"
}

copy_around_the_chunk_size ()
{
	for size in 131071 131072 131073 262143 262144 262145; do
		make_file source $size && copy_makes_the_same "$dir/source" --queue-depth 1 &&
			copy_makes_the_same "$dir/source" --queue-depth 2 || return 1
	done
}

copy_of_sparse_file ()
{
	truncate -s 64M "$dir/sparse" &&
		echo middle | dd of="$dir/sparse" bs=1 seek=33333333 conv=notrunc 2>/dev/null &&
		copy_makes_the_same "$dir/sparse"
}

copy_of_large_file ()
{
	make_file large 314581919 && copy_makes_the_same "$dir/large" && rm "$dir/large"
}

copy_of_gigabyte ()
{
	[ "${GURING_SLOW_TESTS:-0}" = 1 ] || { skip 'GURING_SLOW_TESTS is not 1'; return; }

	make_file large 1073741824 && copy_makes_the_same "$dir/large" && rm "$dir/large"
}

copy_with_queue_depth ()
{
	copy_makes_the_same "$dir/medium" --queue-depth "$1"
}

# Of regular files only those in /proc are read in pieces, of a page at most. One at a time: what is
# not read in its order is made anew for each piece.
copy_continues_short_reads ()
{
	[ -n "$(head -c 1 /proc/kallsyms 2>/dev/null)" ] ||
		{ skip 'no /proc/kallsyms'; return; }

	copy_makes_the_same /proc/kallsyms --queue-depth 1
}

# The file ends within the chunk that the limit cuts. There is a rest to write, which fails.
copy_continues_short_writes ()
{
	make_file source 100000
	rm -f "$dir/dest"
	trap '' XFSZ
	run sh -c 'ulimit -f 128 && exec ./examples/copy "$@"' sh "$dir/source" "$dir/dest"
	trap - XFSZ
	failed_with "Could not write $dir/dest: File too large" && [ ! -e "$dir/dest" ]
}

copy_replaces_dest ()
{
	make_file source 5000
	make_file old 10000
	chmod 640 "$dir/source"
	chmod 666 "$dir/old"

	run ./examples/copy "$dir/source" "$dir/old"
	copied "$dir/source" "$dir/old" && [ "$(stat -c %a "$dir/old")" = 640 ]
}

copy_ignores_the_umask ()
{
	make_file source 5000
	chmod 751 "$dir/source"
	rm -f "$dir/dest"

	run sh -c 'umask 077 && exec ./examples/copy "$@"' sh "$dir/source" "$dir/dest"
	copied "$dir/source" "$dir/dest" && [ "$(stat -c %a "$dir/dest")" = 751 ]
}

copy_takes_any_name ()
{
	name=$(printf 'sp ace\303\251\377')
	make_file "$name" 5000
	copy_makes_the_same "$dir/$name" || return 1

	make_file -q 5000
	run sh -c 'copy=$PWD/examples/copy && cd "$1" && exec "$copy" -- -q -r' sh "$dir"
	[ "$status" -eq 0 ] && same "$dir/-q" "$dir/-r"
}

# Before it touches DEST
copy_refuses_bad_sources ()
{
	make_file dest 5000
	cp "$dir/dest" "$dir/kept"

	run ./examples/copy "$dir/missing" "$dir/dest"
	failed_with "Could not open $dir/missing: No such file or directory" || return 1

	run ./examples/copy "$dir" "$dir/dest"
	failed_with "Could not read $dir: Is a directory" || return 1

	# Held open, so that nobody waits for the other end
	mkfifo "$dir/fifo" || return 1
	exec 3<>"$dir/fifo"
	run ./examples/copy "$dir/fifo" "$dir/dest"
	exec 3>&-
	failed_with "Could not read $dir/fifo: Illegal seek" && same "$dir/dest" "$dir/kept"
}

copy_refuses_bad_dests ()
{
	run ./examples/copy "$dir/medium" "$dir/missing/dest"
	failed_with "Could not open $dir/missing/dest: No such file or directory" || return 1

	run ./examples/copy "$dir/medium" "$dir"
	failed_with "Could not open $dir: Is a directory"
}

copy_refuses_the_same_file ()
{
	make_file source 5000
	cp "$dir/source" "$dir/kept"
	ln -f "$dir/source" "$dir/hard"
	ln -sf source "$dir/soft"

	for dest in source hard soft; do
		run ./examples/copy "$dir/source" "$dir/$dest"
		failed_with 'SOURCE and DEST are the same file' &&
			same "$dir/source" "$dir/kept" && [ -e "$dir/$dest" ] || return 1
	done
	rm "$dir/hard" "$dir/soft"
}

copy_refuses_bad_arguments ()
{
	rm -f "$dir/dest"
	run ./examples/copy "$dir/medium"
	failed_with 'Usage: copy SOURCE DEST' || return 1

	for depth in 0 -1 1025 many; do
		run ./examples/copy "$dir/medium" "$dir/dest" --queue-depth $depth
		[ "$status" -eq 1 ] && [ -s "$dir/err" ] && [ ! -e "$dir/dest" ] || return 1
	done
}

# Mounts it where nobody else sees it, and nobody has to unmount it.
copy_meets_a_full_disk ()
{
	mkdir -p "$dir/disk"
	for namespace in -m -rm none; do
		[ $namespace = none ] && { skip 'may not mount a tmpfs'; return; }
		unshare $namespace mount -t tmpfs -o size=1m tmpfs "$dir/disk" 2>/dev/null && break
	done

	run unshare $namespace sh -c '
		mount -t tmpfs -o size=1m tmpfs "$2" || exit 99
		./examples/copy "$1" "$2/dest"
		status=$?
		ls -A "$2"
		exit $status' sh "$dir/medium" "$dir/disk"
	failed_with "Could not write $dir/disk/dest: No space left on device" && [ ! -s "$dir/out" ]
}

# A node of our own: the system's would be gone if this failed.
copy_keeps_devices ()
{
	rm -f "$dir/full"
	mknod "$dir/full" c 1 7 2>/dev/null || { skip 'may not make a device'; return; }
	head -c 1 "$dir/full" >"$dir/out" 2>&1 || { skip 'may not use a device'; return; }

	run ./examples/copy "$dir/medium" "$dir/full"
	failed_with "Could not write $dir/full: No space left on device" && [ -c "$dir/full" ]
}

copy_keeps_symbolic_links ()
{
	rm -f "$dir/dest"
	ln -sf dest "$dir/soft"
	trap '' XFSZ
	run sh -c 'ulimit -f 128 && exec ./examples/copy "$@"' sh "$dir/medium" "$dir/soft"
	trap - XFSZ
	failed_with "Could not write $dir/soft: File too large" && [ ! -e "$dir/dest" ] &&
		[ -L "$dir/soft" ]
}

# A file that nobody copies before the signal comes. Should the signal fail, the limit ends it.
copy_is_interrupted ()
{
	rm -f "$dir/pid" "$dir/status" "$dir/partial"
	truncate -s 1T "$dir/huge" 2>/dev/null || { skip 'no sparse file of 1 TiB here'; return; }

	(
		trap '' XFSZ
		ulimit -f 8388608
		run sh -c 'echo $$ >"$1/pid" && exec ./examples/copy "$1/huge" "$1/partial"' sh "$dir"
		echo $status >"$dir/status"
	) &
	until [ -s "$dir/partial" ] || [ -s "$dir/status" ]; do
		:
	done
	[ -s "$dir/status" ] || kill -s "$1" "$(cat "$dir/pid")"
	wait $!

	status=$(cat "$dir/status")
	[ "$status" -eq "$2" ] && [ ! -e "$dir/partial" ] && [ ! -s "$dir/out" ] &&
		grep -qF "Could not copy $dir/huge: " "$dir/err"
}

copy_shows_its_progress ()
{
	script -qec true /dev/null >"$dir/err" 2>&1 </dev/null || { skip 'no pseudo-terminal'; return; }

	rm -f "$dir/dest"
	run script -qec "./examples/copy '$dir/medium' '$dir/dest'" "$dir/typescript" </dev/null
	[ "$status" -eq 0 ] && same "$dir/medium" "$dir/dest" && grep -q '#] 100 %' "$dir/typescript"
}

copy_has_no_io_uring ()
{
	make_file dest 5000
	cp "$dir/dest" "$dir/kept"

	run env GURING_DISABLE=1 ./examples/copy "$dir/medium" "$dir/dest"
	failed_with 'GURING_DISABLE' && same "$dir/dest" "$dir/kept"
}

# Only what the environment refuses is skipped: a program that breaks down otherwise is tested.
run ./examples/write-file "$dir/probe.txt"
if [ "$status" -eq 1 ] && grep -q 'GURING_DISABLE\|^Could not set up io_uring' "$dir/err"; then
	echo "1..0 # SKIP $(cat "$dir/err")"
	exit 0
fi

make_file medium 20000003

check 'write-file prints its lesson' write_file_prints_its_lesson
check 'write-file replaces what the file held' write_file_fills_the_file
check 'write-file has a default path' write_file_has_a_default_path
check 'write-file: full disk' write_file_meets_a_full_disk
check 'write-file: short write' write_file_meets_a_short_write
check 'write-file reads back what it wrote' write_file_reads_back
check 'write-file: unwritable path' write_file_meets_an_unwritable_path
check 'write-file: no io_uring' write_file_has_no_io_uring

check 'tcp-accept accepts in three ways' tcp_accept_accepts_in_three_ways
check 'tcp-accept takes a port' tcp_accept_takes_a_port
check 'tcp-accept refuses a bad port' tcp_accept_refuses_a_bad_port
check 'tcp-accept peeks without a system call' tcp_accept_peeks_without_system_call
check 'tcp-accept: no io_uring' tcp_accept_has_no_io_uring

for size in 0 1 4095 4096 4097; do
	check "copy of $size bytes" copy_of_size $size
done
check 'copy around the chunk size' copy_around_the_chunk_size
check 'copy of a sparse file' copy_of_sparse_file
check 'copy of 300 MiB' copy_of_large_file
check 'copy of 1 GiB' copy_of_gigabyte
for depth in 1 3 64; do
	check "copy with queue depth $depth" copy_with_queue_depth $depth
done
check 'copy continues short reads' copy_continues_short_reads
check 'copy continues short writes' copy_continues_short_writes
check 'copy replaces DEST, permissions too' copy_replaces_dest
check 'copy gives permissions whatever the umask' copy_ignores_the_umask
check 'copy takes any file name' copy_takes_any_name
check 'copy: bad SOURCE' copy_refuses_bad_sources
check 'copy: bad DEST' copy_refuses_bad_dests
check 'copy: SOURCE is DEST' copy_refuses_the_same_file
check 'copy: bad arguments' copy_refuses_bad_arguments
check 'copy: full disk' copy_meets_a_full_disk
check 'copy does not remove a device' copy_keeps_devices
check 'copy removes what a symbolic link points at' copy_keeps_symbolic_links
check 'copy: SIGINT' copy_is_interrupted INT 130
check 'copy: SIGTERM' copy_is_interrupted TERM 143
check 'copy shows its progress on a terminal' copy_shows_its_progress
check 'copy: no io_uring' copy_has_no_io_uring

echo "1..$number"
