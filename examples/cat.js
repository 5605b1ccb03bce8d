#!/usr/bin/gjs
// SPDX-License-Identifier: LGPL-2.1-or-later

// Streams with await, from JavaScript.
//
//   gjs cat.js FILE…
//
// Writes the files to standard output, one after the other, as "cat" does.

imports.gi.versions.Guring = '1';
const {Gio, GLib, Guring} = imports.gi;

Gio._promisify(Gio.OutputStream.prototype, 'splice_async', 'splice_finish');

const O_RDONLY = 0;
const STDOUT_FILENO = 1;

function open(path) {
    return new Promise((resolve, reject) => {
        Guring.open_async(path, O_RDONLY, 0, GLib.PRIORITY_DEFAULT, null, (_, result) => {
            try {
                resolve(Guring.open_finish(result));
            } catch (error) {
                reject(error);
            }
        });
    });
}

async function cat(paths) {
    const output = Guring.OutputStream.new(STDOUT_FILENO, false);
    let status = 0;
    for (const path of paths) {
        try {
            const input = Guring.InputStream.new(await open(path), true);
            await output.splice_async(input, Gio.OutputStreamSpliceFlags.CLOSE_SOURCE,
                GLib.PRIORITY_DEFAULT, null);
        } catch (error) {
            printerr(`cat.js: ${path}: ${error.message}`);
            status = 1;
        }
    }
    return status;
}

const loop = GLib.MainLoop.new(null, false);
let status = 1;
cat(ARGV).then(result => (status = result)).catch(logError).finally(() => loop.quit());
loop.run();
imports.system.exit(status);
