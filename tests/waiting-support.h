/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations that wait for what does not come. For a fixture with a ring and a pipe. */

#pragma once

#include "support.h"

void prepare_waiting_read (struct io_uring_sqe *sqe);
void prepare_waiting_accept (struct io_uring_sqe *sqe); /* of a listener that is to be closed */
void prepare_waiting_poll (struct io_uring_sqe *sqe);
void prepare_waiting_timeout (struct io_uring_sqe *sqe);
