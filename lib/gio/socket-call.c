/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the calls on a GSocket have in common. */

#include "config.h"

#include "socket-call.h"
#include "stream-task.h"

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

  guring_task_set_timeout (task, g_socket_get_timeout (socket));
  guring_task_run (task, sqe, func);
}
