#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Loading many files at once, from Python.

  sha256.py FILE…

Prints the checksum of each, in order, as "sha256sum" does. At most 64 are loaded at a time, as each
has a descriptor while it is.
"""

import hashlib
import sys

import gi

gi.require_version("Guring", "1")
from gi.repository import Gio, GLib, Guring  # noqa: E402

MAX_AT_ONCE = 64


class Loading:
    """Files on their way: prints each as soon as all before it are printed."""

    def __init__(self, names):
        self.names = names
        self.lines = {}
        self.n_started = 0
        self.n_printed = 0
        self.failed = False
        self.loop = GLib.MainLoop()

    def run(self):
        for _ in self.names[:MAX_AT_ONCE]:
            self.start_next()
        self.loop.run()

    def start_next(self):
        index = self.n_started
        self.n_started += 1
        file = Gio.File.new_for_commandline_arg(self.names[index])
        Guring.file_load_bytes_async(file, None, self.on_loaded, index)

    def on_loaded(self, file, result, index):
        try:
            contents, _ = Guring.file_load_bytes_finish(file, result)
            digest = hashlib.sha256(contents.get_data() or b"").hexdigest()
            self.lines[index] = f"{digest}  {self.names[index]}"
        except GLib.Error as error:
            print(f"sha256.py: {error.message}", file=sys.stderr)
            self.lines[index] = None
            self.failed = True
        self.print_ready()
        if self.n_started < len(self.names):
            self.start_next()

    def print_ready(self):
        while self.n_printed in self.lines:
            line = self.lines.pop(self.n_printed)
            self.n_printed += 1
            if line is not None:
                print(line)
        if self.n_printed == len(self.names):
            self.loop.quit()


def main():
    names = sys.argv[1:]
    if not names:
        sys.exit("Usage: sha256.py FILE…")
    loading = Loading(names)
    loading.run()
    sys.exit(1 if loading.failed else 0)


main()
