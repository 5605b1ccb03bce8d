/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Promise 3: ids don't lie. White box: the registry by itself. */

#include "config.h"

#include <malloc.h>

#include "registry.h"
#include "support.h"

#define N_SEEDS 40
#define N_STEPS 2000
#define A_MILLION 1000000

static GuringRegistry registry;

static void
teardown (void)
{
  guring_registry_clear (&registry);
}

static guint64
make_id (guint32 generation, guint32 slot_index)
{
  return (guint64) generation << 32 | slot_index;
}

static void
assert_id_is_sane (guint64 id)
{
  ck_assert_msg (id != 0 && id != G_MAXUINT64 && id >> 63 == 0, "%" G_GINT64_MODIFIER "x", id);
}

static GuringOperation *
insert (guint64 *id)
{
  GuringOperation *operation = guring_registry_insert (&registry);

  *id = guring_operation_get_id (operation);
  assert_id_is_sane (*id);
  ck_assert (guring_operation_is_live (operation));
  ck_assert_ptr_eq (guring_registry_lookup (&registry, *id), operation);
  return operation;
}

static void
finish_and_release (GuringOperation *operation)
{
  guring_registry_finish (operation);
  guring_registry_release (&registry, operation);
}

/* What the registry must know: ids that were ever given out, and of which operation, if any. */
typedef struct
{
  GRand *random;
  GHashTable *operations; /* id → operation while it is live, else NULL */
  GArray *ids;
  GPtrArray *live;
  GPtrArray *finished;
} Model;

static void
model_init (Model *model, guint32 seed)
{
  model->random = g_rand_new_with_seed (seed);
  model->operations = g_hash_table_new (g_int64_hash, g_int64_equal);
  model->ids = g_array_sized_new (FALSE, FALSE, sizeof (guint64), N_STEPS); /* must not move */
  model->live = g_ptr_array_new ();
  model->finished = g_ptr_array_new ();
}

static void
model_clear (Model *model)
{
  g_rand_free (model->random);
  g_hash_table_unref (model->operations);
  g_array_unref (model->ids);
  g_ptr_array_unref (model->live);
  g_ptr_array_unref (model->finished);
}

static GuringOperation *
take_random (Model *model, GPtrArray *operations)
{
  return g_ptr_array_remove_index_fast (operations,
                                        (guint) g_rand_int_range (model->random, 0,
                                                                  (gint) operations->len));
}

static void
model_insert (Model *model)
{
  guint64 id;
  GuringOperation *operation = insert (&id);

  ck_assert (!g_hash_table_contains (model->operations, &id));
  g_array_append_val (model->ids, id);
  g_hash_table_insert (model->operations, &g_array_index (model->ids, guint64, model->ids->len - 1),
                       operation);
  g_ptr_array_add (model->live, operation);
}

static void
model_finish (Model *model)
{
  GuringOperation *operation = take_random (model, model->live);
  guint64 id = guring_operation_get_id (operation);

  guring_registry_finish (operation);
  ck_assert (!guring_operation_is_live (operation));
  ck_assert (g_hash_table_lookup (model->operations, &id) == operation);
  g_hash_table_insert (model->operations, &id, NULL); /* keeps the key that is there */
  g_ptr_array_add (model->finished, operation);
}

static void
model_step (Model *model)
{
  gint step = g_rand_int_range (model->random, 0, 100);

  if (step < 40 || model->live->len == 0)
    model_insert (model);
  else if (step < 70)
    model_finish (model);
  else if (model->finished->len > 0)
    guring_registry_release (&registry, take_random (model, model->finished));
}

/* Check's assertions make a system call each, too slow for what is done this often. */
static void
model_compare (Model *model)
{
  guint n_wrong = 0;

  for (guint i = 0; i < model->ids->len; i++)
    {
      guint64 id = g_array_index (model->ids, guint64, i);

      n_wrong +=
        guring_registry_lookup (&registry, id) != g_hash_table_lookup (model->operations, &id);
    }
  ck_assert_uint_eq (n_wrong, 0);
}

static void
model_forge (Model *model)
{
  guint32 generation = (guint32) g_rand_int_range (model->random, 0, 64);
  guint32 slot_index = (guint32) g_rand_int_range (model->random, 0, (gint) registry.n_slots + 200);
  guint64 id = make_id (generation, slot_index);

  ck_assert_ptr_eq (guring_registry_lookup (&registry, id),
                    g_hash_table_lookup (model->operations, &id));
}

START_TEST (it_is_a_hash_table_with_ids_of_its_own)
{
  Model model;

  model_init (&model, (guint32) _i);
  for (guint i = 0; i < N_STEPS; i++)
    {
      model_step (&model);
      model_forge (&model);
      if (i % 100 == 0)
        model_compare (&model);
    }
  model_compare (&model);
  model_clear (&model);
}
END_TEST

static void
assert_not_found (guint64 id)
{
  ck_assert_msg (guring_registry_lookup (&registry, id) == NULL, "%" G_GINT64_MODIFIER "x is found",
                 id);
}

START_TEST (an_id_that_never_was_is_not_found)
{
  guint64 id;
  GuringOperation *operation = insert (&id);
  guint32 generation = operation->generation;

  for (guint bit = 0; bit < 64; bit++)
    assert_not_found (id ^ G_GUINT64_CONSTANT (1) << bit);
  for (guint32 i = 1; i < 1000; i++)
    assert_not_found (make_id (generation, i));
  assert_not_found (0);
  assert_not_found (G_MAXUINT64);
  assert_not_found (make_id (generation, G_MAXUINT32));
  assert_not_found (make_id (generation, G_MAXUINT32 - GURING_FIRST_SEGMENT));
  assert_not_found (make_id (generation + 2, operation->index));
  ck_assert_ptr_eq (guring_registry_lookup (&registry, id), operation);
}
END_TEST

/* All slots of a segment are live but one, so that a look-up that strays finds something. */
START_TEST (an_index_beyond_all_segments_is_not_found)
{
  guint64 ids[GURING_FIRST_SEGMENT];

  for (guint i = 0; i < GURING_FIRST_SEGMENT; i++)
    insert (&ids[i]);
  finish_and_release (guring_registry_lookup (&registry, ids[0]));
  for (guint32 i = 0; i < GURING_FIRST_SEGMENT; i++)
    assert_not_found (make_id (1, G_MAXUINT32 - i));
}
END_TEST

START_TEST (an_empty_registry_finds_nothing)
{
  assert_not_found (0);
  assert_not_found (make_id (1, 0));
  assert_not_found (make_id (1, 1));
  assert_not_found (G_MAXUINT64);
}
END_TEST

START_TEST (a_finished_operation_is_not_found_and_its_slot_not_reused)
{
  guint64 id, other_id;
  GuringOperation *operation = insert (&id);

  guring_registry_finish (operation);
  assert_not_found (id);
  assert_not_found (guring_operation_get_id (operation));
  ck_assert_ptr_ne (insert (&other_id), operation);
  assert_not_found (id);
}
END_TEST

START_TEST (neither_the_last_nor_the_next_id_of_a_free_slot_is_found)
{
  guint64 id, next_id;
  GuringOperation *operation = insert (&id);
  guint32 generation = operation->generation;

  finish_and_release (operation);
  for (guint32 i = 0; i < 10; i++)
    assert_not_found (make_id (generation + i, operation->index));

  ck_assert_ptr_eq (insert (&next_id), operation);
  ck_assert_uint_ne (next_id, id);
  assert_not_found (id);
}
END_TEST

START_TEST (generations_wrap)
{
  guint64 id, last_id = 0;
  GuringOperation *operation = insert (&id);

  finish_and_release (operation);
  operation->generation = GURING_GENERATION_MASK - 11;
  for (guint i = 0; i < 12; i++)
    {
      ck_assert_ptr_eq (insert (&id), operation);
      ck_assert_uint_eq (operation->generation & 1, 1);
      ck_assert_uint_ne (id, last_id);
      assert_not_found (last_id);

      guring_registry_finish (operation);
      ck_assert_uint_eq (operation->generation & 1, 0);
      assert_not_found (id);
      guring_registry_release (&registry, operation);
      last_id = id;
    }
  ck_assert_uint_lt (operation->generation, 20);
}
END_TEST

START_TEST (a_new_operation_has_nothing_of_the_last_one_in_its_slot)
{
  guint64 id;
  GuringOperation *other = insert (&id);
  GuringOperation *operation = insert (&id);

  operation->failure = -ECANCELED;
  operation->cancelling = TRUE;
  finish_and_release (other);
  finish_and_release (operation);

  ck_assert_ptr_eq (insert (&id), operation);
  ck_assert_int_eq (operation->failure, 0);
  ck_assert_uint_eq (operation->cancelling, FALSE);
  ck_assert_uint_eq (operation->callbacks, 0);
  ck_assert_ptr_null (operation->next);
}
END_TEST

START_TEST (slots_never_move)
{
  enum
  {
    N = GURING_FIRST_SEGMENT * 255
  }; /* eight segments */
  GuringOperation **operations = g_new (GuringOperation *, N);
  guint64 *ids = g_new (guint64, N);
  guint n_wrong = 0;

  for (guint i = 0; i < N; i++)
    {
      operations[i] = guring_registry_insert (&registry);
      ids[i] = guring_operation_get_id (operations[i]);
      operations[i]->user_data = &ids[i];
    }
  for (guint i = 0; i < N; i++)
    n_wrong += guring_registry_lookup (&registry, ids[i]) != operations[i] ||
               guring_registry_get_slot (&registry, operations[i]->index) != operations[i] ||
               operations[i]->user_data != &ids[i];
  ck_assert_uint_eq (n_wrong, 0);
  ck_assert_ptr_nonnull (registry.segments[7]);
  ck_assert_ptr_null (registry.segments[8]);
  g_free (operations);
  g_free (ids);
}
END_TEST

START_TEST (a_slot_has_at_most_64_bytes)
{
  guint64 id;
  GuringOperation *first = insert (&id);
  GuringOperation *second = insert (&id);

  ck_assert_int_le ((guint8 *) second - (guint8 *) first, 64);
}
END_TEST

static gsize
get_allocated (void)
{
  struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

/* Random turnover, below a limit that was reached once. */
START_TEST (nothing_is_allocated_in_steady_state)
{
  GuringOperation *operations[1000];
  GRand *random = g_rand_new_with_seed (3);
  gsize before;
  guint64 id;

  for (guint i = 0; i < G_N_ELEMENTS (operations); i++)
    operations[i] = insert (&id);

  before = get_allocated ();
  for (guint i = 0; i < 200000; i++)
    {
      guint which = (guint) g_rand_int_range (random, 0, G_N_ELEMENTS (operations));

      finish_and_release (operations[which]);
      operations[which] = guring_registry_insert (&registry);
    }
  ck_assert_uint_eq (get_allocated (), before);
  ck_assert_uint_eq (registry.n_slots, 1024); /* 64 at a time */
  g_rand_free (random);
}
END_TEST

START_TEST (a_million_live_at_once)
{
  guint8 *seen = g_new0 (guint8, A_MILLION);
  guint n_wrong = 0;

  for (guint i = 0; i < A_MILLION; i++)
    {
      guint32 slot_index = guring_registry_insert (&registry)->index;

      n_wrong += slot_index >= A_MILLION || seen[slot_index]++ != 0;
    }
  for (guint32 i = 0; i < A_MILLION; i++)
    {
      GuringOperation *operation = guring_registry_get_slot (&registry, i);
      guint64 id = guring_operation_get_id (operation);

      n_wrong += guring_registry_lookup (&registry, id) != operation;
    }
  ck_assert_uint_eq (n_wrong, 0);
  ck_assert_uint_eq (registry.n_slots, A_MILLION);
  g_free (seen);
}
END_TEST

START_TEST (after_clearing_it_starts_anew)
{
  guint64 ids[100], id;

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    insert (&ids[i]);
  finish_and_release (guring_registry_lookup (&registry, ids[50]));
  guring_registry_clear (&registry);
  for (guint i = 0; i < G_N_ELEMENTS (ids); i++)
    assert_not_found (ids[i]);
  ck_assert_uint_eq (insert (&id)->index, 0);
}
END_TEST

/* What the owner tells the thread that looks up. */
typedef struct
{
  guint64 live_id; /* found all the time */
  GuringOperation *live;
  guint64 stale_id; /* never */
  gint started, stop;
} Shared;

static gpointer
look_up (gpointer data)
{
  Shared *shared = data;
  guint64 n_wrong = 0;
  guint32 i = 0;

  g_atomic_int_set (&shared->started, TRUE);
  while (!g_atomic_int_get (&shared->stop))
    {
      GuringOperation *found = guring_registry_lookup (&registry, make_id (1, ++i % 100000));

      n_wrong += found != NULL && found != guring_registry_get_slot (&registry, i % 100000);
      n_wrong += guring_registry_lookup (&registry, shared->live_id) != shared->live;
      n_wrong += guring_registry_lookup (&registry, shared->stale_id) != NULL;
    }
  return GSIZE_TO_POINTER (n_wrong);
}

START_TEST (another_thread_may_look_up_while_the_owner_inserts)
{
  Shared shared = { 0 };
  GuringOperation *last;
  GThread *thread;

  finish_and_release (insert (&shared.stale_id));
  shared.live = insert (&shared.live_id);
  thread = g_thread_new ("look-up", look_up, &shared);
  while (!g_atomic_int_get (&shared.started))
    g_thread_yield ();
  for (guint i = 0; i < 100000; i++)
    {
      last = guring_registry_insert (&registry);
      if (i % 3 == 0)
        finish_and_release (last);
    }
  g_atomic_int_set (&shared.stop, TRUE);
  ck_assert_ptr_null (g_thread_join (thread));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("registry");
  TCase *tcase = add_case (suite, "registry");

  tcase_add_checked_fixture (tcase, NULL, teardown);
  tcase_add_loop_test (tcase, it_is_a_hash_table_with_ids_of_its_own, 0, N_SEEDS);
  tcase_add_test (tcase, an_id_that_never_was_is_not_found);
  tcase_add_test (tcase, an_index_beyond_all_segments_is_not_found);
  tcase_add_test (tcase, an_empty_registry_finds_nothing);
  tcase_add_test (tcase, a_finished_operation_is_not_found_and_its_slot_not_reused);
  tcase_add_test (tcase, neither_the_last_nor_the_next_id_of_a_free_slot_is_found);
  tcase_add_test (tcase, generations_wrap);
  tcase_add_test (tcase, a_new_operation_has_nothing_of_the_last_one_in_its_slot);
  tcase_add_test (tcase, slots_never_move);
  tcase_add_test (tcase, a_slot_has_at_most_64_bytes);
  tcase_add_test (tcase, nothing_is_allocated_in_steady_state);
  tcase_add_test (tcase, a_million_live_at_once);
  tcase_add_test (tcase, after_clearing_it_starts_anew);
  tcase_add_test (tcase, another_thread_may_look_up_while_the_owner_inserts);
  return run_suite_without_io_uring (suite);
}
