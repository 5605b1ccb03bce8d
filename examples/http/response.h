/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a client is answered: a head, and which bytes of the file follow. */

#pragma once

#include <sys/stat.h>

#include "request.h"

typedef struct
{
  guint status;
  GString *head;
  gint64 begin; /* of the file: from here */
  gint64 end;   /* to here */
  gboolean is_under_way;
} HttpResponse;

void http_response_init_error (HttpResponse *response, guint status, const HttpRequest *request);
void http_response_init_file (HttpResponse *response,
                              const char *name,
                              const struct stat *file,
                              const HttpRequest *request);
void http_response_clear (HttpResponse *response);
