/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Nothing is made to fail. */

#include "config.h"

#include "faults.h"

void
faults_arm (void)
{
}

void
faults_disarm (void)
{
}

gboolean
faults_have_fired (void)
{
  return FALSE;
}

gboolean
faults_may_come (void)
{
  return FALSE;
}

int
faults_fail_setup (const struct io_uring *uring)
{
  return 0;
}

void
faults_listen (FaultsBrokeFunc func)
{
}

void
faults_begin_sparing (void)
{
}

void
faults_end_sparing (void)
{
}

void
faults_rescue (GuringRing *ring)
{
}
