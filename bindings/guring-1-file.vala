/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* guring_file_…() and guring_socket_…() are functions to GObject introspection. Their _finish()
 * takes the file or the socket first, which Vala knows of methods only. So they are the methods of
 * interfaces that each GLib.File, or GLib.Socket, has:
 *
 *   var bytes = yield ((Guring.File) file).load_bytes_async ();
 */
namespace Guring {
	[CCode (cheader_filename = "guring/guring.h", cname = "GFile", lower_case_cprefix = "guring_file_", type_id = "g_file_get_type ()")]
	public interface File : GLib.Object {
		[Version (since = "0.1")]
		public async GLib.FileOutputStream append_to_async (GLib.FileCreateFlags flags, int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async bool copy_async (GLib.File destination, GLib.FileCopyFlags flags, int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null, GLib.FileProgressCallback? progress_callback = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async GLib.FileOutputStream create_async (GLib.FileCreateFlags flags, int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async bool delete_async (int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async GLib.Bytes load_bytes_async (GLib.Cancellable? cancellable = null, out string? etag_out = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async bool load_contents_async (GLib.Cancellable? cancellable, [CCode (array_length_type = "gsize")] out uint8[] contents, out string? etag_out = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async bool make_directory_async (int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async GLib.FileInfo query_info_async (string attributes, GLib.FileQueryInfoFlags flags, int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async GLib.FileInputStream read_async (int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async GLib.FileOutputStream replace_async (string? etag, bool make_backup, GLib.FileCreateFlags flags, int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null) throws GLib.Error;
		[Version (since = "0.1")]
		public async bool replace_contents_bytes_async (GLib.Bytes contents, string? etag, bool make_backup, GLib.FileCreateFlags flags, GLib.Cancellable? cancellable = null, out string? new_etag = null) throws GLib.Error;
	}

	[CCode (cheader_filename = "guring/guring.h", cname = "GSocket", lower_case_cprefix = "guring_socket_", type_id = "g_socket_get_type ()")]
	public interface Socket : GLib.Object {
		[Version (since = "0.1")]
		public async bool connect_async (GLib.SocketAddress address, int io_priority = GLib.Priority.DEFAULT, GLib.Cancellable? cancellable = null) throws GLib.Error;
	}
}
