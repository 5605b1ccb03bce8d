/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "interpose-errors.h"
#include "sweep.h"

#define MAX_FUNCTIONS 100
#define MAX_TIME 60 /* s, of a run */
#define N_WATCHED 256
#define PATIENCE (20 * G_USEC_PER_SEC) /* of a machine that has much else to do */

typedef struct
{
  gboolean is_open;
  dev_t device;
  ino_t inode;
} Descriptor;

typedef struct
{
  pthread_mutex_t lock;
  gboolean armed;
  const Interposed *function; /* whose call fails, or NULL */
  guint number;               /* which, from 1 */
  int error_number;
  gboolean fired;

  guint n_functions;
  const Interposed *functions[MAX_FUNCTIONS]; /* that were called in any run */
  guint n_calls[MAX_FUNCTIONS];               /* in this */
} State;

static State *state;    /* shared with forked children */
static gchar what[100]; /* fails now, for who wants to know where it all ended */
static Descriptor descriptors[N_WATCHED];

/* What fails */

static guint
find (const Interposed *function)
{
  guint i = 0;

  while (i < state->n_functions && state->functions[i] != function)
    i++;
  g_assert (i < MAX_FUNCTIONS);
  state->functions[i] = function;
  state->n_functions = MAX (state->n_functions, i + 1);
  return i;
}

int
interpose_decide (const Interposed *function)
{
  gboolean fails;

  if (state == NULL || !g_atomic_int_get (&state->armed))
    return 0;

  pthread_mutex_lock (&state->lock);
  fails = ++state->n_calls[find (function)] == state->number && function == state->function;
  state->fired |= fails;
  pthread_mutex_unlock (&state->lock);
  return fails ? state->error_number : 0;
}

int __real_close (int fd);
int __wrap_close (int fd);

/* The descriptor is gone whatever it says, see close(2). */
int
__wrap_close (int fd)
{
  static const int errors[] = { CLOSE_ERRORS };
  static const Interposed function = { "close", errors, G_N_ELEMENTS (errors) };
  int error_number = interpose_decide (&function);
  int ret = __real_close (fd);

  if (ret < 0 && errno == EBADF && state != NULL && state->armed)
    g_error ("Descriptor %d is closed, and is not open", fd);
  if (error_number == 0)
    return ret;

  errno = error_number;
  return -1;
}

void
sweep_arm (void)
{
  g_atomic_int_set (&state->armed, TRUE);
}

void
sweep_disarm (void)
{
  g_atomic_int_set (&state->armed, FALSE);
}

gboolean
sweep_has_fired (void)
{
  return state->fired;
}

gboolean
sweep_has_failed (const gchar *function)
{
  return state->fired && g_str_equal (state->function->name, function);
}

gboolean
sweep_has_called (const gchar *function)
{
  guint i = 0;

  while (i < state->n_functions && !g_str_equal (state->functions[i]->name, function))
    i++;
  return i < state->n_functions && state->n_calls[i] > 0;
}

int
sweep_get_error_number (void)
{
  return state->fired ? state->error_number : 0;
}

void
sweep_ended (gboolean succeeded, GError **error)
{
  const gchar *message = *error != NULL ? (*error)->message : "no error";

  ck_assert_msg (succeeded == (*error == NULL), "%s, and %s", succeeded ? "success" : "failure",
                 message);
  ck_assert_msg (succeeded || state->fired, "though no call was made to fail: %s", message);
  ck_assert_msg (succeeded || (*error)->domain == G_IO_ERROR, "not of G_IO_ERROR: %s", message);
  g_clear_error (error);
}

/* What is open */

static Descriptor
look (gint fd)
{
  struct stat status = { 0 };
  gboolean is_open = fstat (fd, &status) == 0;

  return (Descriptor){ is_open, status.st_dev, status.st_ino };
}

static gboolean
is_as_before (gint fd)
{
  const Descriptor *before = &descriptors[fd];
  Descriptor now = look (fd);

  return now.is_open == before->is_open && now.device == before->device &&
         now.inode == before->inode;
}

static void
fail_for (gint fd)
{
  g_autofree gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree gchar *name = g_file_read_link (path, NULL);

  ck_abort_msg ("descriptor %d is %s: %s", fd,
                !descriptors[fd].is_open ? "left open"
                : name != NULL           ? "another"
                                         : "closed",
                name != NULL ? name : "nothing");
}

/* GIO's worker threads close what they have some time after its call has ended. */
static void
assert_descriptors (void)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE;

  for (gint fd = 0; fd < N_WATCHED; fd++)
    {
      while (!is_as_before (fd) && g_get_monotonic_time () < deadline)
        g_thread_yield ();
      if (!is_as_before (fd))
        fail_for (fd);
    }
}

/* Runs */

static void
tell (void)
{
  gssize ignored = what[0] != '\0' ? write (STDERR_FILENO, what, strlen (what)) : 0;

  (void) ignored;
}

void __real__exit (int status) G_GNUC_NORETURN;
void __wrap__exit (int status) G_GNUC_NORETURN;

/* As Check does after an assertion that failed */
void
__wrap__exit (int status)
{
  if (status != 0)
    tell ();
  __real__exit (status);
}

static void
tell_and_abort (int signal_number)
{
  tell ();
  signal (SIGABRT, SIG_DFL);
  abort ();
}

/* Of AddressSanitizer, if that is there */
void __sanitizer_set_death_callback (void (*callback) (void)) __attribute__ ((weak));

static void
start (void)
{
  state = mmap (NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne (state, MAP_FAILED);
  pthread_mutex_init (&state->lock, NULL);
  signal (SIGALRM, tell_and_abort);
  signal (SIGABRT, tell_and_abort);
  if (__sanitizer_set_death_callback != NULL)
    __sanitizer_set_death_callback (tell);
  sweep_start_rings ();
  g_main_context_default (); /* which stays open */
  for (gint fd = 0; fd < N_WATCHED; fd++)
    descriptors[fd] = look (fd);
}

static void
schedule (const Interposed *function, guint number, int error_number)
{
  state->function = function;
  state->number = number;
  state->error_number = error_number;
  state->fired = FALSE;
  memset (state->n_calls, 0, sizeof state->n_calls);
  if (function == NULL)
    g_snprintf (what, sizeof what, "# while no call failed\n");
  else
    g_snprintf (what, sizeof what, "# while call %u of %s failed: %s\n", number, function->name,
                strerrorname_np (error_number));
}

static void
run_in_context (void (*run) (void))
{
  GMainContext *outer = context;

  context = g_main_context_new ();
  g_main_context_push_thread_default (context);
  run ();
  ck_assert (!state->armed);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  context = outer;
}

/* Returns: whether there was such a call */
static gboolean
run_with (void (*run) (void), const Interposed *function, guint number, int error_number)
{
  schedule (function, number, error_number);
  alarm (MAX_TIME);
  run_in_context (run);
  alarm (0);
  assert_descriptors ();
  what[0] = '\0';
  return state->fired;
}

/* Returns: how many failed */
static guint
sweep_calls (void (*run) (void), const Interposed *function, guint first_error)
{
  gboolean all = g_getenv ("GURING_SLOW_TESTS") != NULL;
  guint n_faults = 0;
  gboolean fired = TRUE;

  for (guint number = 1; fired; number++)
    for (guint i = 0; fired && i < (all ? function->n_errors : 1); i++)
      {
        guint which = (first_error + number + i) % function->n_errors;

        fired = run_with (run, function, number, function->errors[which]);
        n_faults += (guint) fired;
      }
  return n_faults;
}

static guint
count_called (void)
{
  guint n = 0;

  for (guint i = 0; i < state->n_functions; i++)
    n += state->n_calls[i] > 0;
  return n;
}

void
sweep (void (*run) (void))
{
  guint n_faults = 0, n_failing = 0, n_called;

  start ();
  run_with (run, NULL, 0, 0);
  n_called = count_called ();
  for (guint i = 0; i < state->n_functions; i++)
    {
      guint n = sweep_calls (run, state->functions[i], i);

      n_faults += n;
      n_failing += n > 0;
    }
  g_printerr ("# %u calls of %u functions failed\n", n_faults, n_failing);
  ck_assert (n_failing > 0 || n_called == 0);
}

int
run_io_sweeps (const gchar *name, void (*add_tests) (TCase *tcase))
{
  Suite *suite = suite_create (name);

  keep_files_in_memory ();
  add_io_tests (suite, add_tests);
  return run_suite_without_io_uring (suite);
}
