/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the suites of callbacks that use their ring share. */

#pragma once

#include "support.h"

#define N_BEHIND 4

/* Operations that have all completed in the kernel: the first one's callback runs an action, the
 * others are behind it in the CQ. */
typedef struct _Actor Actor;
struct _Actor
{
  Record record;
  void (*act) (Actor *actor);
  Record behind[N_BEHIND];
  Record waiting; /* a read that waits for a byte */
  guint64 waiting_id;
  Record later; /* of what the action queues */
  gboolean acted;
};

/* A case with a ring and ends; its tests fail if a completion was looked at twice. */
TCase *add_actor_case (Suite *suite);

void actor_queue (Actor *actor); /* alone, without the others */
void actor_stage (Actor *actor); /* they have all completed, and nobody has looked at the CQ */
void actor_finish_waiting (Actor *actor);

gboolean all_behind_ended (const Actor *actor);
void assert_all_behind_ended (Actor *actor);
void assert_acted (Actor *actor); /* runs the context until then */

void drop_last_reference (Actor *actor); /* the ring is NULL when it has gone */
