/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "faults.h"
#include "opcodes.h"
#include "oracle.h"
#include "records.h"

#define CLOSE_TIMEOUT G_TIME_SPAN_SECOND * 8

Record records[RECORDS_MAX];
guint n_records;

/* What became of which opcode: libFuzzer looks here for what is new, as it does at the code. */
static guint8 outcomes[80][2][64] __attribute__ ((section ("__libfuzzer_extra_counters"), used));

static guint n_ended;
static pthread_t thread;

void
records_init (void)
{
  g_autoptr (GError) error = NULL;

  oracle_watch_log (NULL);
  signal (SIGPIPE, SIG_IGN);
  if (guring_is_supported (&error))
    return;

  g_print ("1..0 # SKIP %s\n", error->message);
  exit (EXIT_SUCCESS);
}

void
records_start (void)
{
  n_records = n_ended = 0;
  thread = pthread_self ();
}

Record *
record_new (const struct io_uring_sqe *sqe)
{
  Record *record = &records[n_records++];

  g_assert (n_records <= RECORDS_MAX);
  *record = (Record){ .opcode = sqe->opcode };
  return record;
}

static void
check_callback (const Record *record, const gchar *what)
{
  guint i = (guint) (record - records);

  oracle_holds ("a refused operation has no callback", record->id != 0, "%s of operation %u (%s)",
                what, i, opcodes_get_name (record->opcode));
  oracle_holds ("callbacks come in the context's thread", pthread_equal (thread, pthread_self ()),
                "%s of operation %u (%s)", what, i, opcodes_get_name (record->opcode));
  oracle_holds ("exactly once", record->n_notified == 0, "%s of operation %u (%s) after its notify",
                what, i, opcodes_get_name (record->opcode));
}

void
record_completed (Record *record, const GuringCompletion *completion)
{
  guint i = (guint) (record - records);

  check_callback (record, "a completion");
  oracle_holds ("exactly once", record->n_final == 0, "operation %u (%s) completes after its end",
                i, opcodes_get_name (record->opcode));
  oracle_holds ("ids don't lie", completion->id == record->id,
                "operation %u (%s) completes as another", i, opcodes_get_name (record->opcode));

  outcomes[record->opcode % 80][!guring_completion_is_final (completion)]
          [completion->res < 0 ? (0 - (guint) completion->res) % 64 : 0] = 1;
  if (completion->flags & IORING_CQE_F_MORE)
    record->n_more++;
  else
    {
      record->n_final++;
      record->res = completion->res;
      record->place = ++n_ended;
    }
}

void
record_notified (Record *record)
{
  check_callback (record, "a notify");
  oracle_holds ("exactly once", record->n_final == 1,
                "operation %u (%s) is notified before its end", (guint) (record - records),
                opcodes_get_name (record->opcode));
  record->n_notified++;
}

void
records_check_statistics (GuringRing *ring, gconstpointer owner)
{
  GuringStatistics statistics;
  guint n_queued = 0, n_completed = 0, n_more = 0, cq_entries;

  for (guint i = 0; i < n_records; i++)
    {
      if (records[i].owner != owner)
        continue;
      n_queued += records[i].id != 0;
      n_completed += records[i].n_final;
      n_more += records[i].n_more;
    }

  g_object_get (ring, "cq-entries", &cq_entries, NULL);
  guring_ring_get_statistics (ring, &statistics);
  oracle_holds ("statistics add up", statistics.queued == n_queued,
                "%" G_GUINT64_FORMAT " queued, not %u", statistics.queued, n_queued);
  oracle_holds ("statistics add up", statistics.completed == n_completed,
                "%" G_GUINT64_FORMAT " completed, not %u", statistics.completed, n_completed);
  oracle_holds ("statistics add up", statistics.more == n_more,
                "%" G_GUINT64_FORMAT " more, not %u", statistics.more, n_more);
  oracle_holds ("statistics add up",
                statistics.in_flight <= n_queued - n_completed &&
                  statistics.in_flight + statistics.backlog == n_queued - n_completed,
                "%" G_GUINT64_FORMAT " in flight and %" G_GUINT64_FORMAT " in the backlog",
                statistics.in_flight, statistics.backlog);
  oracle_holds ("statistics add up",
                statistics.submitted >= statistics.in_flight &&
                  statistics.submitted <= statistics.queued,
                "%" G_GUINT64_FORMAT " submitted", statistics.submitted);
  oracle_holds ("the CQ has room for all in flight", statistics.in_flight <= cq_entries,
                "%" G_GUINT64_FORMAT " in %u entries", statistics.in_flight, cq_entries);
}

void
records_check_ended (gconstpointer owner)
{
  for (guint i = 0; i < n_records; i++)
    {
      const Record *record = &records[i];
      guint n = record->id != 0;

      if (record->owner != owner)
        continue;
      oracle_holds ("exactly once", record->n_final == n && record->n_notified == n,
                    "operation %u (%s) ended %u times and was notified %u times", i,
                    opcodes_get_name (record->opcode), record->n_final, record->n_notified);
    }
}

/* All operations end, and soon. */
void
records_close (GuringRing *ring)
{
  g_autoptr (GError) error = NULL;
  gboolean in_time;

  faults_begin_sparing ();
  faults_rescue (ring);
  in_time = guring_ring_close (ring, CLOSE_TIMEOUT, &error);
  faults_end_sparing ();

  for (guint i = 0; i < n_records && !in_time; i++)
    if (records[i].id != 0 && records[i].n_final == 0)
      g_printerr ("Operation %u (%s) has not ended\n", i, opcodes_get_name (records[i].opcode));
  oracle_holds ("closing ends all operations", in_time && error == NULL, "%s",
                error != NULL ? error->message : "no error");
}
