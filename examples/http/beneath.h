/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opens a file for reading that is beneath a directory: no "..", and no symbolic link, leads out of
 * it. By an operation of the ring, or in a worker thread. */

#pragma once

#include <gio/gio.h>

/* @fd: -1, or a descriptor, which is the callee's; @error_number: if -1 */
typedef void (*BeneathFunc) (int fd, int error_number, gpointer user_data);

void beneath_open (int directory, const char *path, BeneathFunc func, gpointer user_data);
