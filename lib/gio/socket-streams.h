/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The two directions of a connection. Closing either does nothing: the connection closes the
 * socket. */

#pragma once

#include "task.h"

G_BEGIN_DECLS

#define GURING_TYPE_SOCKET_INPUT_STREAM (guring_socket_input_stream_get_type ())
G_DECLARE_FINAL_TYPE (GuringSocketInputStream,
                      guring_socket_input_stream,
                      GURING,
                      SOCKET_INPUT_STREAM,
                      GInputStream)

GInputStream *guring_socket_input_stream_new (GSocket *socket);
void guring_socket_input_stream_cancel (GuringSocketInputStream *stream);

#define GURING_TYPE_SOCKET_OUTPUT_STREAM (guring_socket_output_stream_get_type ())
G_DECLARE_FINAL_TYPE (GuringSocketOutputStream,
                      guring_socket_output_stream,
                      GURING,
                      SOCKET_OUTPUT_STREAM,
                      GOutputStream)

GOutputStream *guring_socket_output_stream_new (GSocket *socket);
void guring_socket_output_stream_cancel (GuringSocketOutputStream *stream);

G_END_DECLS
