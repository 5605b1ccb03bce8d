/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "facts.h"

typedef struct
{
  const gchar *name;
  gchar *text;
  gchar *json;
} Fact;

struct _Facts
{
  GPtrArray *all;
};

static void
fact_free (gpointer data)
{
  Fact *fact = data;

  g_free (fact->text);
  g_free (fact->json);
  g_free (fact);
}

Facts *
facts_new (void)
{
  Facts *facts = g_new (Facts, 1);

  facts->all = g_ptr_array_new_with_free_func (fact_free);
  return facts;
}

void
facts_free (Facts *facts)
{
  g_ptr_array_unref (facts->all);
  g_free (facts);
}

/* @name: a constant; @text, @json: (transfer full) */
static void
add (Facts *facts, const gchar *name, gchar *text, gchar *json)
{
  Fact *fact = g_new (Fact, 1);

  *fact = (Fact){ name, text, json };
  g_ptr_array_add (facts->all, fact);
}

static void
append_json_string (GString *json, const gchar *string)
{
  g_string_append_c (json, '"');
  for (const gchar *c = string; *c != '\0'; c++)
    {
      if (*c == '"' || *c == '\\')
        g_string_append_printf (json, "\\%c", *c);
      else if ((guchar) *c < ' ')
        g_string_append_printf (json, "\\u%04x", (guint) *c);
      else
        g_string_append_c (json, *c);
    }
  g_string_append_c (json, '"');
}

void
facts_add_boolean (Facts *facts, const gchar *name, gboolean value)
{
  add (facts, name, g_strdup (value ? "yes" : "no"), g_strdup (value ? "true" : "false"));
}

void
facts_add_number (Facts *facts, const gchar *name, gint64 value)
{
  gchar *number = g_strdup_printf ("%" G_GINT64_FORMAT, value);

  add (facts, name, number, g_strdup (number));
}

void
facts_add_string (Facts *facts, const gchar *name, const gchar *value)
{
  GString *json = g_string_new (NULL);

  append_json_string (json, value);
  add (facts, name, g_strdup (value), g_string_free (json, FALSE));
}

void
facts_add_list (Facts *facts, const gchar *name, const gchar *const *values)
{
  GString *json = g_string_new ("[");

  for (gsize i = 0; values[i] != NULL; i++)
    {
      if (i > 0)
        g_string_append (json, ", ");
      append_json_string (json, values[i]);
    }
  g_string_append_c (json, ']');
  add (facts, name, g_strjoinv (" ", (gchar **) values), g_string_free (json, FALSE));
}

/* A line for each */
gchar *
facts_to_text (Facts *facts)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < facts->all->len; i++)
    {
      const Fact *fact = facts->all->pdata[i];

      g_string_append_printf (text, "%s: %s\n", fact->name, fact->text);
    }
  return g_string_free (text, FALSE);
}

/* An object with a member for each */
gchar *
facts_to_json (Facts *facts)
{
  GString *json = g_string_new ("{");

  for (guint i = 0; i < facts->all->len; i++)
    {
      const Fact *fact = facts->all->pdata[i];

      g_string_append_printf (json, "%s\n  \"%s\": %s", i > 0 ? "," : "", fact->name, fact->json);
    }
  g_string_append (json, "\n}\n");
  return g_string_free (json, FALSE);
}
