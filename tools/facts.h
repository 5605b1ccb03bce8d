/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Names and what they stand for, in the order in which they were added, as text or as JSON */
typedef struct _Facts Facts;

Facts *facts_new (void);
void facts_free (Facts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Facts, facts_free)

void facts_add_boolean (Facts *facts, const gchar *name, gboolean value);
void facts_add_number (Facts *facts, const gchar *name, gint64 value);
void facts_add_string (Facts *facts, const gchar *name, const gchar *value);
void facts_add_list (Facts *facts, const gchar *name, const gchar *const *values);

gchar *facts_to_text (Facts *facts);
gchar *facts_to_json (Facts *facts);

G_END_DECLS
