/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the vapi says is what the library does, most of all where a _finish() takes an instance. Argument: a
 * directory to work in. */

void check (bool ok, string what) {
	if (!ok)
		error ("%s", what);
}

async void use_files (string dir) throws Error {
	var child = GLib.File.new_build_filename (dir, "vala");
	unowned var file = (Guring.File) child;

	string? etag;
	yield file.replace_contents_bytes_async (new Bytes ("hello".data), null, false, FileCreateFlags.NONE, null, out etag);
	check (etag != null, "replace_contents_bytes_async gives an etag");

	string? loaded_etag;
	var bytes = yield file.load_bytes_async (null, out loaded_etag);
	check (bytes.compare (new Bytes ("hello".data)) == 0, "load_bytes_async gives the contents");
	check (loaded_etag == etag, "load_bytes_async gives the etag");

	uint8[] contents;
	yield file.load_contents_async (null, out contents);
	check (contents.length == 5 && contents[4] == 'o', "load_contents_async gives the contents");

	var info = yield file.query_info_async (FileAttribute.STANDARD_SIZE, FileQueryInfoFlags.NONE);
	check (info.get_size () == 5, "query_info_async gives the size");

	yield file.delete_async ();
	yield file.make_directory_async ();
	check (child.query_file_type (FileQueryInfoFlags.NONE) == FileType.DIRECTORY, "the directory is there");
	yield file.delete_async ();

	try {
		yield file.load_bytes_async ();
		assert_not_reached ();
	} catch (IOError.NOT_FOUND error) {
	}
}

async void use_file_streams (string dir) throws Error {
	var child = GLib.File.new_build_filename (dir, "streams");
	unowned var file = (Guring.File) child;
	var copy = GLib.File.new_build_filename (dir, "copy");

	var output = yield file.create_async (FileCreateFlags.NONE);
	var n_written = yield output.write_async ("hel".data);
	check (n_written == 3, "create_async gives a stream");
	yield output.close_async ();
	output = yield file.append_to_async (FileCreateFlags.NONE);
	n_written = yield output.write_async ("lo".data);
	check (n_written == 2, "append_to_async gives a stream");
	yield output.close_async ();

	int64 n_copied = 0;
	yield file.copy_async (copy, FileCopyFlags.NONE, Priority.DEFAULT, null, (current, total) => n_copied = current);
	check (n_copied == 5, "copy_async tells its progress");
	var input = yield ((Guring.File) copy).read_async ();
	var bytes = yield input.read_bytes_async (100);
	check (bytes.get_size () == 5, "read_async gives a stream");
	yield input.close_async ();

	output = yield file.replace_async (null, false, FileCreateFlags.NONE);
	yield output.close_async ();
	check (child.query_info ("standard::size", FileQueryInfoFlags.NONE).get_size () == 0, "replace_async replaces");
	child.delete ();
	copy.delete ();
}

async void use_descriptors (string dir) throws Error {
	var path = Path.build_filename (dir, "descriptor");
	var fd = yield Guring.open_async (path, Posix.O_RDWR | Posix.O_CREAT, 0600);
	size_t n_written;
	yield Guring.write_async (fd, new Bytes ("hello".data), 0, Priority.DEFAULT, null, out n_written);
	check (n_written == 5, "write_async gives the number of bytes");
	var bytes = yield Guring.read_async (fd, 100, 1);
	check (bytes.compare (new Bytes ("ello".data)) == 0, "read_async gives the bytes");
	yield Guring.fallocate_async (fd, 0, 0, 4096);
	yield Guring.fsync_async (fd, true);

	int ends[2];
	check (Posix.pipe (ends) == 0, "a pipe");
	var n_spliced = yield Guring.splice_async (fd, 0, ends[1], -1, 5, 0);
	check (n_spliced == 5, "splice_async gives the number of bytes");
	yield use_streams (ends[0], ends[1]);
	yield Guring.close_async (fd);

	yield Guring.rename_async (path, path + "2", 0);
	yield Guring.unlink_async (path + "2", 0);
	yield Guring.mkdir_async (path, 0700);
	check (DirUtils.remove (path) == 0, "mkdir_async makes a directory");
}

/* A pipe with 5 bytes in it */
async void use_streams (int reader, int writer) throws Error {
	var input = new Guring.InputStream (reader, true);
	var output = new Guring.OutputStream (writer, true);
	check (input.get_fd () == reader && output.get_close_fd (), "streams know their descriptor");

	yield output.write_async (" you".data);
	yield output.close_async ();
	uint8 buffer[100];
	size_t n_read;
	yield input.read_all_async (buffer, Priority.DEFAULT, null, out n_read);
	check (n_read == 9 && buffer[8] == 'u', "streams write and read");
}

async void use_sockets () throws Error {
	var service = new Guring.SocketService ();
	service.incoming.connect ((connection) => {
		connection.output_stream.write_bytes_async.begin (new Bytes ("hello".data));
		return true;
	});
	var port = service.add_any_inet_port (null);
	service.start ();

	var socket = new GLib.Socket (SocketFamily.IPV4, SocketType.STREAM, SocketProtocol.TCP);
	yield ((Guring.Socket) socket).connect_async (new InetSocketAddress (new InetAddress.loopback (SocketFamily.IPV4), port));
	var connection = new Guring.SocketConnection (socket);
	var bytes = yield connection.receive_async ();
	check (bytes.compare (new Bytes ("hello".data)) == 0, "receive_async gives the bytes");
	service.stop ();
}

async void use_all (string dir, MainLoop loop) {
	try {
		yield use_files (dir);
		yield use_file_streams (dir);
		yield use_descriptors (dir);
		yield use_sockets ();
	} catch (Error failure) {
		error ("%s", failure.message);
	}
	loop.quit ();
}

void main (string[] args) {
	var loop = new MainLoop ();
	use_all.begin (args[1], loop);
	loop.run ();

	try {
		unowned var ring = Guring.Ring.get_default ();
		var statistics = ring.get_statistics ();
		check (statistics.queued > 10, "the ring did it");
	} catch (Error failure) {
		print ("without io_uring: %s\n", failure.message);
	}
}
