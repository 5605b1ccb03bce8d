/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All public functions, to be called with any arguments. The table is made of the headers and the
 * doc comments, so it is complete, and what it expects is what is documented. */

#pragma once

#include <guring/guring.h>

#define MAX_PARAMETERS 12

typedef union
{
  gpointer pointer;
  GCallback func;
  gint64 number;
} Value;

typedef enum
{
  IS_NUMBER = 1 << 0,
  IS_LENGTH = 1 << 1, /* of the array before it, or a pointer to it */
  MAY_BE_NULL = 1 << 2
} ParameterFlags;

typedef struct
{
  const gchar *name;
  const gchar *type;
  guint flags;
} Parameter;

typedef struct
{
  const gchar *name;
  const gchar *return_type;
  Value (*call) (const Value *values);
  gboolean gives_reference; /* what it returns is the caller's */
  guint n_parameters;
  Parameter parameters[MAX_PARAMETERS];
} PublicCall;

extern const PublicCall public_calls[];
extern const guint n_public_calls;
extern const gchar *const exported_names[]; /* by the version script; NULL is behind the last */

gboolean is_async (const PublicCall *call);
const PublicCall *find_call (const gchar *name);
const PublicCall *
find_twin (const PublicCall *call); /* its _finish(), or its _async(), or itself */
gint find_parameter (const PublicCall *call, const gchar *type); /* the first, or -1 */

/* Arguments */

typedef enum
{
  USABLE,
  CLOSED /* rings, streams, sockets, descriptors */
} State;

/* They live until arguments_clear(). There is no ring where io_uring can't be had. */
void make_arguments (const PublicCall *call, State state, Value *values);
void arguments_clear (void);

/* Calling */

typedef struct
{
  Value returned; /* what it points at is gone */
  GError *error;
  guint n_criticals;
  guint n_callbacks; /* of an asynchronous call */
} Outcome;

void count_criticals (void); /* at the start of the program */

/* Calls, and waits for the end of what it started. */
Outcome invoke (const PublicCall *call, const Value *values);
void outcome_clear (Outcome *outcome);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Outcome, outcome_clear)

gboolean has_failed (const PublicCall *call, const Outcome *outcome);

void on_called_back (GObject *source_object, GAsyncResult *result, gpointer unused);
GAsyncResult *take_result (void); /* of the last asynchronous call; NULL if there is none */
