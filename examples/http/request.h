/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a client asks for. */

#pragma once

#include <gio/gio.h>

#define MAX_TARGET 4096 /* bytes of a path with its query */

typedef struct
{
  gboolean is_head;
  gboolean keep_alive;
  char *path; /* decoded, relative to the directory that is served; "." is that itself */

  /* Header fields, or NULL */
  char *range;
  char *if_range;
  char *if_none_match;
  char *if_modified_since;
} HttpRequest;

/* Parses a head, without the empty line at its end: one string, which is cut to pieces. Returns a
 * status: 200, or what to answer. The request is to be cleared in any case. */
guint http_request_parse (HttpRequest *request, char *head);
void http_request_clear (HttpRequest *request);
