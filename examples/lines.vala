/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Streams and files with yield, from Vala.
 *
 *   valac --pkg guring-1 lines.vala
 *   lines FILE…
 *
 * Prints how many lines each file has, as "wc -l" does, all of them counted at the same time; "-" is
 * standard input.
 */

const size_t CHUNK_SIZE = 65536;

async uint64 count (InputStream stream) throws Error {
	uint64 n_lines = 0;
	Bytes bytes;
	while ((bytes = yield stream.read_bytes_async (CHUNK_SIZE)).get_size () > 0)
		foreach (var byte in bytes.get_data ())
			if (byte == '\n')
				n_lines++;
	yield stream.close_async ();
	return n_lines;
}

async InputStream open_input (string name) throws Error {
	if (name == "-")
		return new Guring.InputStream (Posix.STDIN_FILENO, false);
	return new Guring.InputStream (yield Guring.open_async (name, Posix.O_RDONLY, 0), true);
}

async string count_in (string name) throws Error {
	return "%llu %s".printf (yield count (yield open_input (name)), name);
}

int main (string[] args) {
	if (args.length < 2) {
		printerr ("Usage: lines FILE…\n");
		return 1;
	}

	var loop = new MainLoop ();
	var lines = new string?[args.length];
	var n_ended = 1;
	var status = 0;
	for (var i = 1; i < args.length; i++) {
		var index = i;
		count_in.begin (args[index], (object, result) => {
			try {
				lines[index] = count_in.end (result);
			} catch (Error error) {
				printerr ("lines: %s: %s\n", args[index], error.message);
				status = 1;
			}
			if (++n_ended == args.length)
				loop.quit ();
		});
	}
	loop.run ();

	foreach (unowned var line in lines)
		if (line != null)
			print ("%s\n", line);
	return status;
}
