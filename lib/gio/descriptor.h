/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

gboolean guring_descriptor_can_poll (int fd);
gboolean guring_descriptor_is_ready (int fd, GIOCondition condition);
gboolean
guring_descriptor_wait (int fd, GIOCondition condition, GCancellable *cancellable, GError **error);
GSource *guring_descriptor_create_source (int fd,
                                          GIOCondition condition,
                                          gpointer pollable_stream,
                                          GCancellable *cancellable);

/* For an SQE that writes, so that it does not block the thread that submits it */
guint8 guring_descriptor_get_write_flags (int fd);

gboolean guring_descriptor_can_seek (int fd);
goffset guring_descriptor_tell (int fd);
gboolean guring_descriptor_seek (int fd, goffset offset, GSeekType type, GError **error);
gboolean guring_descriptor_truncate (int fd, goffset size, GError **error);

gboolean guring_descriptor_close (int fd, GError **error);

/* For errno. @verb: what it did, as in "Could not read" */
void guring_descriptor_set_error (GError **error, const gchar *verb);

G_END_DECLS
