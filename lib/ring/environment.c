/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Why io_uring can't be used here, and what to do. */

#include "config.h"

#include <errno.h>
#include <grp.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "environment.h"

/* Linux 6.6, see io_uring_setup(2) */
#define SYSCTL_DISABLED "/proc/sys/kernel/io_uring_disabled"
#define SYSCTL_GROUP "/proc/sys/kernel/io_uring_group"

gboolean
guring_environment_is_disabled (GError **error)
{
  const gchar *value = g_getenv ("GURING_DISABLE");

  if (value == NULL || *value == '\0' || g_str_equal (value, "0"))
    return FALSE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       "io_uring is switched off by the environment variable GURING_DISABLE; "
                       "unset it to use io_uring");
  return TRUE;
}

/* Whether this process is in the group of the sysctl, whose members a 1 doesn't forbid it to */
static gboolean
is_in_group (void)
{
  g_autofree gchar *content = NULL;
  gid_t group;

  if (!g_file_get_contents (SYSCTL_GROUP, &content, NULL, NULL) || content[0] == '-')
    return FALSE;
  group = (gid_t) g_ascii_strtoull (content, NULL, 10);
  return group == getegid () || group_member (group);
}

/* @io_uring_disabled: (nullable): the content of the sysctl */
gchar *
guring_environment_explain_eperm (const gchar *io_uring_disabled, gboolean in_group)
{
  gchar value = io_uring_disabled != NULL ? io_uring_disabled[0] : '0';

  switch (value == '1' && in_group ? '0' : value)
    {
    case '1':
      return g_strdup ("the sysctl kernel.io_uring_disabled is 1: run with CAP_SYS_ADMIN, join the "
                       "group in kernel.io_uring_group, or set kernel.io_uring_disabled=0");
    case '2':
      return g_strdup ("the sysctl kernel.io_uring_disabled is 2, which forbids it to all: set "
                       "kernel.io_uring_disabled=0");
    default:
      return g_strdup ("a seccomp filter or security module refuses it, as in most containers: "
                       "allow io_uring_setup, io_uring_enter and io_uring_register in the "
                       "container's seccomp profile");
    }
}

/* Before Linux 5.12, and again on 6.18 (measured) */
static gchar *
explain_enomem (guint entries)
{
  struct rlimit limit = { 0 };

  getrlimit (RLIMIT_MEMLOCK, &limit);
  return g_strdup_printf ("no memory for %u entries, which many kernels count as locked memory "
                          "(RLIMIT_MEMLOCK is %" G_GUINT64_FORMAT " KiB): raise it with ulimit -l, "
                          "have fewer rings, or ask for fewer entries",
                          entries, (guint64) limit.rlim_cur / 1024);
}

static gchar *
explain (int error_number, guint entries)
{
  g_autofree gchar *sysctl = NULL;

  switch (error_number)
    {
    case ENOSYS:
      return g_strdup ("the kernel does not have it (it needs Linux 5.1 with CONFIG_IO_URING), or "
                       "a container's seccomp profile hides it: allow io_uring_setup, "
                       "io_uring_enter and io_uring_register there");
    case EPERM:
    case EACCES:
      g_file_get_contents (SYSCTL_DISABLED, &sysctl, NULL, NULL);
      return guring_environment_explain_eperm (sysctl, is_in_group ());
    case ENOMEM:
      return explain_enomem (entries);
    case EMFILE:
      return g_strdup (
        "the process has no descriptor left: close some, or raise RLIMIT_NOFILE with "
        "ulimit -n");
    case ENFILE:
      return g_strdup ("the system has no descriptor left: raise the sysctl fs.file-max");
    default:
      return g_strdup ("the kernel refuses this ring: try fewer entries");
    }
}

/* What io_uring_setup() said, in words. */
void
guring_environment_set_error (GError **error, int error_number, guint entries)
{
  GIOErrorEnum code =
    error_number == ENOMEM ? G_IO_ERROR_NO_SPACE : g_io_error_from_errno (error_number);
  g_autofree gchar *explanation = NULL;

  if (error == NULL)
    return;

  explanation = explain (error_number, entries);
  g_set_error (error, G_IO_ERROR, (gint) code, "Could not set up io_uring: %s: %s",
               g_strerror (error_number), explanation);
}

/* GLib aborts where it can't make a main context for want of a descriptor: to be asked before the
 * default one may be made. */
gboolean
guring_environment_has_descriptor (GError **error)
{
  int fd = eventfd (0, EFD_CLOEXEC);
  int saved_errno = errno;

  if (fd >= 0)
    {
      close (fd);
      return TRUE;
    }

  g_set_error (error, G_IO_ERROR, (gint) g_io_error_from_errno (saved_errno),
               "No descriptor is left for a main context: %s: close some, or raise RLIMIT_NOFILE "
               "with ulimit -n",
               g_strerror (saved_errno));
  return FALSE;
}
