/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the calls on a GSocket have in common. */

#include "config.h"

#include <errno.h>

#include "socket-call.h"
#include "stream-task.h"

#ifndef MSG_CMSG_COMPAT
#define MSG_CMSG_COMPAT 0x80000000u
#endif

void
guring_socket_call_run (GuringTask *task,
                        GSocket *socket,
                        const struct io_uring_sqe *sqe,
                        GuringStepFunc func)
{
  if (g_socket_is_closed (socket))
    {
      guring_task_return_error (task, guring_stream_task_make_closed_error ());
      return;
    }
  /* As recvmsg(2) has it; io_uring takes what the header is for that of a program with 32 bits, and
   * writes into it (Linux 6.18). */
  if (sqe->msg_flags & MSG_CMSG_COMPAT)
    {
      guring_task_return_errno (task, EINVAL);
      return;
    }

  guring_task_set_timeout (task, g_socket_get_timeout (socket));
  guring_task_run (task, sqe, func);
}

void
guring_socket_call_return_res (GuringTask *task, gint32 res)
{
  g_autoptr (GObject) socket = g_async_result_get_source_object (G_ASYNC_RESULT (task));

  if (guring_stream_task_met_close (G_SOCKET (socket), FALSE, res) &&
      !guring_task_is_interrupted (task))
    guring_task_return_error (task, guring_stream_task_make_closed_error ());
  else
    guring_task_return_res (task, res);
}
