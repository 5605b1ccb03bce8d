/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "request.h"

static gboolean
is_token (const char *text)
{
  for (const char *c = text; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr ("!#$%&'*+-.^_`|~", *c) == NULL)
      return FALSE;
  return *text != '\0';
}

/* "http://host/path" is as good as "/path". */
static char *
skip_authority (char *target)
{
  if (g_ascii_strncasecmp (target, "http://", 7) != 0)
    return target;

  target = strchr (target + 7, '/');
  return target;
}

static char *
decode_path (char *target)
{
  g_autofree char *decoded = NULL;
  char *path;

  target = skip_authority (target);
  if (target == NULL || *target != '/')
    return NULL;

  target[strcspn (target, "?#")] = '\0';
  decoded = g_uri_unescape_string (target, "/");
  if (decoded == NULL)
    return NULL;

  for (path = decoded; *path == '/'; path++)
    ;
  return g_strdup (*path != '\0' ? path : ".");
}

static guint
parse_request_line (HttpRequest *request, char *line)
{
  g_auto (GStrv) words = g_strsplit (line, " ", 4);

  if (g_strv_length (words) != 3 || !is_token (words[0]))
    return 400;
  if (strlen (words[1]) > MAX_TARGET)
    return 414;
  if (!g_str_has_prefix (words[2], "HTTP/") || strlen (words[2]) != 8)
    return 400;
  if (!g_str_has_prefix (words[2], "HTTP/1."))
    return 505;

  request->keep_alive = words[2][7] != '0';
  request->is_head = strcmp (words[0], "HEAD") == 0;
  if (!request->is_head && strcmp (words[0], "GET") != 0)
    return 405;

  request->path = decode_path (words[1]);
  return request->path != NULL ? 200 : 400;
}

static void
set_field (char **field, const char *value)
{
  g_free (*field);
  *field = g_strdup (value);
}

static void
take_field (HttpRequest *request, const char *name, const char *value, gboolean *has_body)
{
  if (g_ascii_strcasecmp (name, "Connection") == 0)
    {
      if (g_ascii_strcasecmp (value, "close") == 0)
        request->keep_alive = FALSE;
      else if (g_ascii_strcasecmp (value, "keep-alive") == 0)
        request->keep_alive = TRUE;
    }
  else if (g_ascii_strcasecmp (name, "Transfer-Encoding") == 0 ||
           (g_ascii_strcasecmp (name, "Content-Length") == 0 && strcmp (value, "0") != 0))
    *has_body = TRUE;
  else if (g_ascii_strcasecmp (name, "Range") == 0)
    set_field (&request->range, value);
  else if (g_ascii_strcasecmp (name, "If-Range") == 0)
    set_field (&request->if_range, value);
  else if (g_ascii_strcasecmp (name, "If-None-Match") == 0)
    set_field (&request->if_none_match, value);
  else if (g_ascii_strcasecmp (name, "If-Modified-Since") == 0)
    set_field (&request->if_modified_since, value);
}

guint
http_request_parse (HttpRequest *request, char *head)
{
  gboolean is_1_1 = TRUE, has_host = FALSE, has_body = FALSE;
  g_auto (GStrv) lines = g_strsplit (head, "\r\n", -1);
  guint status = parse_request_line (request, lines[0]);

  if (status == 400 || status == 414 || status == 505)
    return status;

  is_1_1 = request->keep_alive;
  for (guint i = 1; lines[i] != NULL; i++)
    {
      char *colon = strchr (lines[i], ':');

      if (colon == NULL)
        return 400;
      *colon = '\0';
      if (!is_token (lines[i]))
        return 400;
      if (g_ascii_strcasecmp (lines[i], "Host") == 0)
        has_host = TRUE;
      take_field (request, lines[i], g_strstrip (colon + 1), &has_body);
    }
  if (has_body) /* which nobody reads */
    request->keep_alive = FALSE;
  return is_1_1 && !has_host ? 400 : status;
}

void
http_request_clear (HttpRequest *request)
{
  g_free (request->path);
  g_free (request->range);
  g_free (request->if_range);
  g_free (request->if_none_match);
  g_free (request->if_modified_since);
  memset (request, 0, sizeof *request);
}
