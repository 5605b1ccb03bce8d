/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What came back of the operations of an input, and the promises that hold for all of them. */

#pragma once

#include <guring/guring.h>

#define RECORDS_MAX 48

typedef struct
{
  guint64 id; /* 0: it was refused */
  guint n_more;
  guint n_final;
  guint n_notified;
  gint32 res;  /* of the final completion */
  guint place; /* of the final completion among all, from 1 on */
  guint8 opcode;
  gconstpointer owner; /* what stands for its ring, when an input has many */
  gpointer data;       /* the harness's own */
} Record;

extern Record records[RECORDS_MAX];
extern guint n_records;

/* Exits successfully, with a word for a test, where io_uring can't be used. */
void records_init (void);

/* The calling thread is the one that callbacks are to come in. */
void records_start (void);
Record *record_new (const struct io_uring_sqe *sqe);

/* To be called by the callbacks of an operation. */
void record_completed (Record *record, const GuringCompletion *completion);
void record_notified (Record *record);

/* At any time, for those of @owner, which are all that were queued in @ring */
void records_check_statistics (GuringRing *ring, gconstpointer owner);

/* At the end */
void records_check_ended (gconstpointer owner);
void records_close (GuringRing *ring);
