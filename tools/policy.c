/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The sysctls are of Linux 6.6, see io_uring_setup(2). */

#include "config.h"

#include <grp.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <gio/gio.h>

#include "policy.h"

#define SYSCTL_DISABLED "/proc/sys/kernel/io_uring_disabled"
#define SYSCTL_GROUP "/proc/sys/kernel/io_uring_group"

static gboolean
read_number (const gchar *path, gint64 *number)
{
  g_autofree gchar *content = NULL;

  if (!g_file_get_contents (path, &content, NULL, NULL))
    return FALSE;
  *number = g_ascii_strtoll (content, NULL, 10);
  return TRUE;
}

/* Whether the system calls of this process go through a filter: "Seccomp: 2", see proc(5) */
static gboolean
has_seccomp_filter (void)
{
  g_autofree gchar *status = NULL;

  return g_file_get_contents ("/proc/self/status", &status, NULL, NULL) &&
         strstr (status, "\nSeccomp:\t2") != NULL;
}

static gboolean
is_in_group (void)
{
  gint64 group;

  return read_number (SYSCTL_GROUP, &group) && group >= 0 &&
         ((gid_t) group == getegid () || group_member ((gid_t) group));
}

static gboolean
is_forbidden_by_sysctl (void)
{
  gint64 disabled;

  if (!read_number (SYSCTL_DISABLED, &disabled))
    return FALSE;
  return disabled == 2 || (disabled == 1 && !is_in_group ());
}

/* @error: why there is no ring. Returns: one word for who is to be asked */
const gchar *
policy_find (const GError *error)
{
  switch (error->code)
    {
    case G_IO_ERROR_NOT_SUPPORTED:
      if (strstr (error->message, "GURING_DISABLE") != NULL)
        return "GURING_DISABLE";
      return has_seccomp_filter () ? "seccomp" : "kernel";
    case G_IO_ERROR_PERMISSION_DENIED:
      if (is_forbidden_by_sysctl ())
        return "kernel.io_uring_disabled";
      return has_seccomp_filter () ? "seccomp" : "security-module";
    case G_IO_ERROR_NO_SPACE:
      return "RLIMIT_MEMLOCK";
    case G_IO_ERROR_TOO_MANY_OPEN_FILES:
      return "RLIMIT_NOFILE";
    default:
      return "kernel";
    }
}

static void
add_sysctl (Facts *facts, const gchar *name, const gchar *path)
{
  gint64 number;

  if (read_number (path, &number))
    facts_add_number (facts, name, number);
}

static void
add_limit (Facts *facts, const gchar *name, __rlimit_resource_t resource)
{
  struct rlimit limit = { 0 };

  getrlimit (resource, &limit);
  if (limit.rlim_cur == RLIM_INFINITY)
    facts_add_string (facts, name, "unlimited");
  else
    facts_add_number (facts, name, (gint64) limit.rlim_cur);
}

void
policy_describe (Facts *facts)
{
  add_sysctl (facts, "kernel.io_uring_disabled", SYSCTL_DISABLED);
  add_sysctl (facts, "kernel.io_uring_group", SYSCTL_GROUP);
  facts_add_boolean (facts, "seccomp-filter", has_seccomp_filter ());
  add_limit (facts, "locked-memory-limit", RLIMIT_MEMLOCK);
  add_limit (facts, "open-files-limit", RLIMIT_NOFILE);
}
