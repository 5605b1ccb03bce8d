/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of buffer groups share. */

#pragma once

#include "support.h"

#define N_BUFFERS 8u
#define BUFFER_SIZE 256u

/* A group of a ring, and sockets: what is sent through the first arrives at the second, message by
 * message. */
extern GuringBufferGroup *group;
extern int sockets[2];

void setup_group (void);
void teardown_group (void);
GuringBufferGroup *make_group (guint n_buffers, gsize buffer_size);

/* What operations brought that select from a group */
typedef struct
{
  Record record;
  GuringBufferGroup *group; /* NULL: nothing is taken */
  guint16 id;
  int fd;
  gboolean again; /* goes on after -ENOBUFS */
  guint n_dry;    /* how often that was */
  guint n_brought;
  GPtrArray *bytes;
} Receiver;

void receiver_init (Receiver *receiver); /* for the group and the second socket */
void receiver_clear (Receiver *receiver);
gpointer unref_array (gpointer array);   /* a GThreadFunc */
void receiver_stop (Receiver *receiver); /* cancels it and waits for the end */
void receive (Receiver *receiver);       /* multishot */
void receive_once (Receiver *receiver);
guint64 queue_receiving (struct io_uring_sqe *sqe, Receiver *receiver);

/* Each message is of another length, at most BUFFER_SIZE, and content, by its number. */
void send_messages (guint first, guint n);
void assert_message (GBytes *bytes, guint number);
void assert_messages (Receiver *receiver, guint n); /* it has these, from 0 on */

/* None is lost, none is there twice: what the kernel fills in one submission until it is dry */
void assert_n_buffers_with_kernel (guint n);
