/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tells whether io_uring can be used here, and if not, who forbids it; see guring-probe(1). */

#include "config.h"

#include <stdlib.h>
#include <sys/utsname.h>

#include <guring/guring.h>

#include "names.h"
#include "policy.h"

#define MAX_OPCODES 256

enum
{
  USABLE = 0,
  NOT_USABLE = 1,
  USAGE = 2,
};

static void
on_completed (GuringRing *ring, const GuringCompletion *completion, gpointer user_data)
{
  *(GuringCompletion *) user_data = *completion;
}

/* Not all that forbid io_uring do so when a ring is made. */
static gboolean
runs_an_operation (GuringRing *ring, GError **error)
{
  struct io_uring_sqe sqe = { 0 };
  GuringCompletion completion = { 0 };

  io_uring_prep_nop (&sqe);
  if (guring_ring_queue (ring, &sqe, on_completed, &completion, NULL, error) == 0)
    return FALSE;
  while (completion.id == 0)
    {
      if (guring_ring_iterate (ring, TRUE, error) < 0)
        return FALSE;
    }
  if (guring_completion_to_error (&completion, error))
    return TRUE;
  g_prefix_error (error, "Could not run an operation: io_uring_enter: ");
  return FALSE;
}

/* Without it a program can't know what the kernel has: see guring_ring_supports(). */
static struct io_uring_probe *
ask_for_opcodes (GuringRing *ring, GError **error)
{
  gsize size = sizeof (struct io_uring_probe) + MAX_OPCODES * sizeof (struct io_uring_probe_op);
  struct io_uring_probe *probe = g_malloc0 (size);
  int ret = io_uring_register_probe (guring_ring_get_uring (ring), probe, MAX_OPCODES);

  if (ret >= 0)
    return probe;

  g_free (probe);
  g_set_error (error, G_IO_ERROR, (gint) g_io_error_from_errno (-ret),
               "Could not ask the kernel for its operations: %s: %s", g_strerror (-ret),
               ret == -EINVAL ? "it needs Linux 5.6"
                              : "allow io_uring_register in the container's seccomp profile");
  return NULL;
}

static void
add_opcodes (Facts *facts, const struct io_uring_probe *probe)
{
  g_auto (GStrv) names = NULL;
  guint8 opcodes[MAX_OPCODES];
  guint n_opcodes = 0;

  for (guint i = 0; i < probe->ops_len; i++)
    {
      if (probe->ops[i].flags & IO_URING_OP_SUPPORTED)
        opcodes[n_opcodes++] = probe->ops[i].op;
    }
  names = names_of_opcodes (opcodes, n_opcodes);
  facts_add_number (facts, "n-opcodes", n_opcodes);
  facts_add_list (facts, "opcodes", (const gchar *const *) names);
}

/* How many threads of the kernel's run what would block, for this process: Linux 5.15 */
static void
add_workers (Facts *facts, struct io_uring *uring)
{
  unsigned int n_workers[2] = { 0 };

  if (io_uring_register_iowq_max_workers (uring, n_workers) < 0)
    return;
  facts_add_number (facts, "bounded-workers-limit", n_workers[0]);
  facts_add_number (facts, "unbounded-workers-limit", n_workers[1]);
}

static void
describe_ring (Facts *facts, GuringRing *ring)
{
  struct io_uring *uring = guring_ring_get_uring (ring);
  g_auto (GStrv) flags = names_of_flags (uring->flags);
  g_auto (GStrv) features = names_of_features (uring->features);
  guint entries, cq_entries;

  g_object_get (ring, "entries", &entries, "cq-entries", &cq_entries, NULL);
  facts_add_number (facts, "entries", entries);
  facts_add_number (facts, "cq-entries", cq_entries);
  facts_add_list (facts, "setup-flags", (const gchar *const *) flags);
  facts_add_list (facts, "features", (const gchar *const *) features);
  add_workers (facts, uring);
}

static void
describe_system (Facts *facts)
{
  struct utsname system;

  if (uname (&system) == 0)
    {
      facts_add_string (facts, "kernel", system.release);
      facts_add_string (facts, "machine", system.machine);
    }
  facts_add_string (facts, "guring", PACKAGE_VERSION);
  policy_describe (facts);
}

/* Returns: whether io_uring is usable */
static gboolean
describe (Facts *facts)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GuringRing) ring = guring_ring_new (NULL, 0, &error);
  g_autofree struct io_uring_probe *probe = NULL;

  if (ring != NULL && runs_an_operation (ring, &error))
    probe = ask_for_opcodes (ring, &error);

  facts_add_boolean (facts, "usable", probe != NULL);
  if (probe == NULL)
    {
      facts_add_string (facts, "blocked-by", policy_find (error));
      facts_add_string (facts, "reason", error->message);
    }
  describe_system (facts);
  if (ring != NULL)
    describe_ring (facts, ring);
  if (probe != NULL)
    add_opcodes (facts, probe);
  return probe != NULL;
}

int
main (int argc, char **argv)
{
  gboolean json = FALSE, version = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Write a JSON object", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Write the version and exit", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- can io_uring be used here?");
  g_autoptr (Facts) facts = facts_new ();
  g_autoptr (GError) error = NULL;
  g_autofree gchar *output = NULL;
  gboolean usable;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || argc > 1)
    {
      g_printerr ("guring-probe: %s\n", error != NULL ? error->message : "too many arguments");
      return USAGE;
    }
  if (version)
    {
      g_print ("guring-probe %s\n", PACKAGE_VERSION);
      return EXIT_SUCCESS;
    }

  usable = describe (facts);
  output = json ? facts_to_json (facts) : facts_to_text (facts);
  g_print ("%s", output);
  return usable ? USABLE : NOT_USABLE;
}
