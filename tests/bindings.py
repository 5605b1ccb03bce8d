# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a binding sees through introspection, each call used once. Arguments: a directory to work
in, and the version script, of which each function is either there or for C alone."""

import os
import re
import sys

import gi

gi.require_version("Guring", "1")
from gi.repository import Gio, GLib, Guring  # noqa: E402

FOR_C_ALONE = re.compile(
    "guring_(buffer_group|completion|fd_watch)_.*"
    "|guring_ring_(cancel|get_uring|queue|queue_chain)"
    "|guring_(read_into|statx|socket_receive_message|socket_send_message)_.*"
    "|.*_get_type"
)
HELLO = GLib.Bytes.new(b"hello")


def call(start, finish, *arguments, priority=(GLib.PRIORITY_DEFAULT,), cancellable=(None,), source=None):
    """Runs an asynchronous call to its end, and returns what its _finish() does."""
    loop = GLib.MainLoop()
    results = []

    def on_done(_source, result, _data):
        results.append(result)
        loop.quit()

    start(*arguments, *priority, *cancellable, on_done, None)
    loop.run()
    return finish(results[0]) if source is None else finish(source, results[0])


def fails_with(code, function, *arguments, **options):
    try:
        function(*arguments, **options)
    except GLib.Error as error:
        return error.matches(Gio.io_error_quark(), code)
    return False


def call_file(name, file, *arguments, priority=(GLib.PRIORITY_DEFAULT,)):
    return call(
        getattr(Guring, f"file_{name}_async"),
        getattr(Guring, f"file_{name}_finish"),
        file,
        *arguments,
        priority=priority,
        source=file,
    )


def use_files(directory):
    file = Gio.File.new_for_path(os.path.join(directory, "python"))

    ok, etag = call_file(
        "replace_contents_bytes", file, HELLO, None, False, Gio.FileCreateFlags.NONE, priority=()
    )
    assert ok and etag
    assert call_file("load_contents", file, priority=()) == (True, b"hello", etag)
    contents, loaded_etag = call_file("load_bytes", file, priority=())
    assert contents.get_data() == b"hello" and loaded_etag == etag
    info = call_file("query_info", file, "standard::size", Gio.FileQueryInfoFlags.NONE)
    assert info.get_size() == 5
    assert call_file("delete", file)
    assert call_file("make_directory", file)
    assert os.path.isdir(file.get_path())
    assert call_file("delete", file)
    assert fails_with(Gio.IOErrorEnum.NOT_FOUND, call_file, "load_bytes", file, priority=())


def use_file_streams(directory):
    file = Gio.File.new_for_path(os.path.join(directory, "streams"))
    copy = Gio.File.new_for_path(os.path.join(directory, "copy"))

    for name, text in (("create", b"hel"), ("append_to", b"lo")):
        output = call_file(name, file, Gio.FileCreateFlags.NONE)
        written = call(output.write_bytes_async, output.write_bytes_finish, GLib.Bytes.new(text))
        assert written == len(text) and output.close()

    copied = []
    assert call(
        lambda callback, data: Guring.file_copy_async(
            file,
            copy,
            Gio.FileCopyFlags.NONE,
            GLib.PRIORITY_DEFAULT,
            None,
            lambda *progress: copied.append(progress),
            (),  # None does not work with PyGObject 3.42, where it is not the last argument
            callback,
            data,
        ),
        Guring.file_copy_finish,
        priority=(),
        cancellable=(),
        source=file,
    )
    assert copied[-1] == (5, 5)
    stream = call_file("read", copy)
    read = call(stream.read_bytes_async, stream.read_bytes_finish, 100)
    assert read.get_data() == b"hello" and stream.close()

    assert call_file("replace", file, None, False, Gio.FileCreateFlags.NONE).close()
    assert os.path.getsize(file.get_path()) == 0
    file.delete()
    copy.delete()


def call_plain(name, *arguments):
    return call(
        getattr(Guring, f"{name}_async"), getattr(Guring, f"{name}_finish"), *arguments
    )


def use_descriptors(directory):
    path = os.path.join(directory, "descriptor")
    fd = call_plain("open", path, os.O_RDWR | os.O_CREAT, 0o600)
    assert call_plain("write", fd, HELLO, 0) == (True, 5)
    assert call_plain("read", fd, 100, 1).get_data() == b"ello"
    assert call_plain("fallocate", fd, 0, 0, 4096)
    assert call_plain("fsync", fd, True)
    reader, writer = os.pipe()
    assert call_plain("splice", fd, 0, writer, -1, 5, 0) == 5
    assert os.read(reader, 100) == b"hello"
    assert call_plain("close", fd)
    assert call_plain("rename", path, path + "2", 0)
    assert call_plain("unlink", path + "2", 0)
    assert call_plain("mkdir", path, 0o700)
    os.rmdir(path)
    assert fails_with(Gio.IOErrorEnum.NOT_FOUND, call_plain, "open", path, os.O_RDONLY, 0)


def use_streams():
    reader, writer = os.pipe()
    output = Guring.OutputStream.new(writer, True)
    stream = Guring.InputStream.new(reader, True)
    assert output.get_fd() == writer and stream.get_close_fd()
    n_written = call(
        output.write_bytes_async, output.write_bytes_finish, HELLO
    )
    assert n_written == 5
    read = call(stream.read_bytes_async, stream.read_bytes_finish, 100)
    assert read.get_data() == b"hello"


def send_hello(_service, connection):
    connection.get_output_stream().write_bytes_async(HELLO, GLib.PRIORITY_DEFAULT, None, None)
    return True


def use_sockets():
    service = Guring.SocketService.new()
    service.connect("incoming", send_hello)
    port = service.add_any_inet_port(None)
    service.start()
    client = Gio.Socket.new(
        Gio.SocketFamily.IPV4, Gio.SocketType.STREAM, Gio.SocketProtocol.TCP
    )
    address = Gio.InetSocketAddress.new_from_string("127.0.0.1", port)
    assert call(
        Guring.socket_connect_async, Guring.socket_connect_finish, client, address, source=client
    )
    connection = Guring.SocketConnection.new(client)
    received = call(connection.receive_async, connection.receive_finish)
    assert received.get_data() == b"hello"
    service.stop()


def use_ring():
    try:
        Guring.is_supported()
    except GLib.Error as error:
        print(f"without io_uring: {error.message}")
        assert fails_with(error.code, Guring.Ring.new, None, 0)
        return
    ring = Guring.Ring.get_default()
    assert ring.get_statistics().completed > 10
    assert ring.supports(0) and ring.make_default()
    own = Guring.Ring.new(None, 8)
    assert own.props.entries == 8 and own.get_source().get_priority() == GLib.PRIORITY_DEFAULT
    assert fails_with(Gio.IOErrorEnum.EXISTS, own.make_default)
    assert own.iterate(False) == 0 and own.submit() == 0
    assert own.close(-1)
    assert fails_with(Gio.IOErrorEnum.CLOSED, own.submit)
    use_restrictions()


def use_restrictions():
    restrictions = Guring.Restrictions.new()
    restrictions.allow_opcode(22)  # IORING_OP_READ
    restrictions.allow_sqe_flags(0)
    restrictions.allow_register_opcode(8)  # IORING_REGISTER_PROBE
    ring = Guring.Ring.new_restricted(None, 8, restrictions)
    assert ring.supports(22) and not ring.supports(0)
    assert ring.props.restricted_by_kernel in (True, False)


def is_there(symbol):
    """As a function of the namespace, or as a method of one of its classes."""
    name = symbol.removeprefix("guring_")
    if hasattr(Guring, name):
        return True
    classes = (
        "InputStream",
        "OutputStream",
        "Restrictions",
        "Ring",
        "SocketConnection",
        "SocketService",
    )
    return any(
        name.startswith(prefix) and hasattr(getattr(Guring, cls), name.removeprefix(prefix))
        for cls in classes
        for prefix in (re.sub("(?<!^)([A-Z])", r"_\1", cls).lower() + "_",)
    )


def check_symbols(version_script):
    with open(version_script, encoding="ascii") as lines:
        symbols = re.findall("^  (guring_[a-z0-9_]*);", lines.read(), re.MULTILINE)
    assert symbols
    wrong = [s for s in symbols if is_there(s) == bool(FOR_C_ALONE.fullmatch(s))]
    assert not wrong, f"neither introspected nor listed as for C alone, or both: {wrong}"


use_files(sys.argv[1])
use_file_streams(sys.argv[1])
use_descriptors(sys.argv[1])
use_streams()
use_sockets()
use_ring()
check_symbols(sys.argv[2])
