/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "response.h"

#define HTTP_DATE "%a, %d %b %Y %H:%M:%S GMT"

static const struct
{
  guint status;
  const char *reason;
} reasons[] = {
  { 200, "OK" },
  { 206, "Partial Content" },
  { 304, "Not Modified" },
  { 400, "Bad Request" },
  { 403, "Forbidden" },
  { 404, "Not Found" },
  { 405, "Method Not Allowed" },
  { 408, "Request Timeout" },
  { 414, "URI Too Long" },
  { 416, "Range Not Satisfiable" },
  { 431, "Request Header Fields Too Large" },
  { 500, "Internal Server Error" },
  { 503, "Service Unavailable" },
  { 505, "HTTP Version Not Supported" },
};

static const struct
{
  const char *suffix;
  const char *type;
} types[] = {
  { ".css", "text/css" },          { ".gif", "image/gif" },         { ".htm", "text/html" },
  { ".html", "text/html" },        { ".jpeg", "image/jpeg" },       { ".jpg", "image/jpeg" },
  { ".js", "text/javascript" },    { ".json", "application/json" }, { ".pdf", "application/pdf" },
  { ".png", "image/png" },         { ".svg", "image/svg+xml" },     { ".txt", "text/plain" },
  { ".wasm", "application/wasm" }, { ".xml", "application/xml" },
};

static const char *
get_reason (guint status)
{
  for (guint i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (reasons[i].status == status)
      return reasons[i].reason;
  return "";
}

static const char *
get_type (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    if (g_str_has_suffix (name, types[i].suffix))
      return types[i].type;
  return "application/octet-stream";
}

static void
append_date (GString *head, const char *field, time_t time)
{
  char text[64];
  struct tm broken_down;

  strftime (text, sizeof text, HTTP_DATE, gmtime_r (&time, &broken_down));
  g_string_append_printf (head, "%s: %s\r\n", field, text);
}

static void
begin (HttpResponse *response, guint status, const HttpRequest *request)
{
  response->status = status;
  response->head = g_string_new (NULL);
  response->begin = response->end = 0;
  g_string_append_printf (response->head, "HTTP/1.1 %u %s\r\n", status, get_reason (status));
  append_date (response->head, "Date", time (NULL));
  g_string_append_printf (response->head, "Connection: %s\r\n",
                          request->keep_alive ? "keep-alive" : "close");
}

static void
finish_with_text (HttpResponse *response, const HttpRequest *request)
{
  g_autofree char *text =
    g_strdup_printf ("%u %s\n", response->status, get_reason (response->status));

  g_string_append_printf (response->head, "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                          strlen (text));
  if (!request->is_head)
    g_string_append (response->head, text);
}

void
http_response_init_error (HttpResponse *response, guint status, const HttpRequest *request)
{
  begin (response, status, request);
  if (status == 405)
    g_string_append (response->head, "Allow: GET, HEAD\r\n");
  finish_with_text (response, request);
}

/* A file */

static char *
make_etag (const struct stat *file)
{
  return g_strdup_printf ("\"%lx-%lx-%lx\"", (gulong) file->st_mtim.tv_sec,
                          (gulong) file->st_mtim.tv_nsec, (gulong) file->st_size);
}

/* Returns: -1 if it is none */
static time_t
parse_date (const char *text)
{
  struct tm broken_down = { 0 };
  const char *end = strptime (text, HTTP_DATE, &broken_down);

  return end != NULL && *end == '\0' ? timegm (&broken_down) : -1;
}

static gboolean
is_unchanged (const HttpRequest *request, const struct stat *file, const char *etag)
{
  if (request->if_none_match != NULL)
    return strcmp (request->if_none_match, "*") == 0 ||
           strstr (request->if_none_match, etag) != NULL;
  return request->if_modified_since != NULL &&
         file->st_mtim.tv_sec <= parse_date (request->if_modified_since);
}

static gboolean
wants_range (const HttpRequest *request, const struct stat *file, const char *etag)
{
  if (request->range == NULL || !g_str_has_prefix (request->range, "bytes="))
    return FALSE;
  return request->if_range == NULL || strcmp (request->if_range, etag) == 0 ||
         parse_date (request->if_range) == file->st_mtim.tv_sec;
}

/* "FIRST-LAST", "FIRST-" or "-LENGTH". What is none of them, several ranges too, is ignored, as
 * RFC 9110 allows.
 *
 * Returns: 206, 416 or 200 */
static guint
parse_range (HttpResponse *response, const char *text, gint64 size)
{
  gboolean is_suffix = *text == '-';
  char *end;
  gint64 first, last = size - 1;

  if (!g_ascii_isdigit (text[is_suffix ? 1 : 0]))
    return 200;
  first = g_ascii_strtoll (is_suffix ? text + 1 : text, &end, 10);
  if (is_suffix)
    {
      if (*end != '\0')
        return 200;
      if (first == 0)
        return 416;
      first = MAX (size - first, 0);
    }
  else
    {
      if (*end != '-')
        return 200;
      if (g_ascii_isdigit (end[1]))
        {
          last = g_ascii_strtoll (end + 1, &end, 10);
          end--;
        }
      if (end[1] != '\0' || last < first)
        return end[1] == '\0' && first >= size ? 416 : 200;
    }
  if (first >= size)
    return 416;

  response->begin = first;
  response->end = MIN (last, size - 1) + 1;
  return 206;
}

static void
append_content (HttpResponse *response, guint status, gint64 size)
{
  GString *head = response->head;

  if (status == 206)
    g_string_append_printf (head,
                            "Content-Range: bytes %" G_GINT64_FORMAT "-%" G_GINT64_FORMAT
                            "/%" G_GINT64_FORMAT "\r\n",
                            response->begin, response->end - 1, size);
  g_string_append_printf (head, "Content-Length: %" G_GINT64_FORMAT "\r\n\r\n",
                          response->end - response->begin);
}

void
http_response_init_file (HttpResponse *response,
                         const char *name,
                         const struct stat *file,
                         const HttpRequest *request)
{
  g_autofree char *etag = make_etag (file);
  HttpResponse range = { .begin = 0, .end = file->st_size };
  guint status = 200;

  if (is_unchanged (request, file, etag))
    status = 304;
  else if (wants_range (request, file, etag))
    status = parse_range (&range, request->range + strlen ("bytes="), file->st_size);

  begin (response, status, request);
  g_string_append_printf (response->head, "ETag: %s\r\nAccept-Ranges: bytes\r\n", etag);
  append_date (response->head, "Last-Modified", file->st_mtim.tv_sec);
  if (status == 304)
    {
      g_string_append (response->head, "\r\n");
      return;
    }
  if (status == 416)
    {
      g_string_append_printf (response->head, "Content-Range: bytes */%" G_GINT64_FORMAT "\r\n",
                              (gint64) file->st_size);
      finish_with_text (response, request);
      return;
    }

  response->begin = range.begin;
  response->end = range.end;
  g_string_append_printf (response->head, "Content-Type: %s\r\n", get_type (name));
  append_content (response, status, file->st_size);
  if (request->is_head)
    response->end = response->begin;
}

void
http_response_clear (HttpResponse *response)
{
  if (response->head != NULL)
    g_string_free (response->head, TRUE);
  memset (response, 0, sizeof *response);
}
