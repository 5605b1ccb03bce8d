/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "descriptors.h"
#include "faults.h"
#include "oracle.h"

#define FIRST 200
#define N_WATCHED 256
#define FILE_SIZE 4096
#define PATIENCE 500 /* ms, or longer on a busy machine */

static gint directory = -1;
static gchar *directory_path;
static gboolean directory_used;
static gboolean made[N_DESCRIPTORS];
static gboolean were_open[N_WATCHED];

static void
remove_directory (void)
{
  rmdir (directory_path);
}

/* In memory where that is possible, so that a sync costs nothing */
void
descriptors_init (void)
{
  const gchar *parent = access ("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir ();

  if (directory >= 0)
    return;

  directory_path = g_build_filename (parent, "guring-fuzz-XXXXXX", NULL);
  if (g_mkdtemp (directory_path) == NULL)
    g_error ("Could not make a directory in %s: %s", parent, g_strerror (errno));
  directory = open (directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  atexit (remove_directory);
}

const gchar *
descriptors_get_directory (void)
{
  return directory_path;
}

void
descriptors_directory_used (void)
{
  directory_used = TRUE;
}

static void
empty (gint fd)
{
  DIR *dir = fdopendir (fd);

  for (struct dirent *entry; (entry = readdir (dir)) != NULL;)
    {
      if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0)
        continue;
      if (entry->d_type == DT_DIR)
        empty (openat (fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      unlinkat (fd, entry->d_name, entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
    }
  closedir (dir);
}

static void
look_what_is_open (gboolean *are_open)
{
  struct pollfd fds[N_WATCHED];

  for (gint i = 0; i < N_WATCHED; i++)
    fds[i] = (struct pollfd){ .fd = i };
  poll (fds, N_WATCHED, 0);
  for (gint i = 0; i < N_WATCHED; i++)
    are_open[i] = (fds[i].revents & POLLNVAL) == 0;
}

void
descriptors_start (void)
{
  memset (made, 0, sizeof made);
  look_what_is_open (were_open);
}

static void
move (gint fd, Descriptor descriptor)
{
  if (fd < 0 || dup3 (fd, FIRST + (gint) descriptor, O_CLOEXEC) < 0)
    g_error ("Could not make descriptor %d: %s", descriptor, g_strerror (errno));
  close (fd);
  made[descriptor] = TRUE;
}

static void
make_sockets (Descriptor descriptor, gint type)
{
  gint fds[2] = { -1, -1 };

  socketpair (AF_UNIX, type, 0, fds);
  move (fds[0], descriptor);
  move (fds[1], descriptor + 1);
}

static void
make_pipe (void)
{
  gint fds[2] = { -1, -1 };

  if (pipe (fds) != 0)
    g_error ("Could not make a pipe: %s", g_strerror (errno));
  move (fds[0], DESCRIPTOR_PIPE_READ);
  move (fds[1], DESCRIPTOR_PIPE_WRITE);
}

static gint
make_udp (void)
{
  gint fd = socket (AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t size = sizeof address;

  if (bind (fd, (struct sockaddr *) &address, size) != 0 ||
      getsockname (fd, (struct sockaddr *) &address, &size) != 0 ||
      connect (fd, (struct sockaddr *) &address, size) != 0)
    g_error ("Could not make a UDP socket: %s", g_strerror (errno));
  return fd;
}

static gint
make_listener (void)
{
  gint fd = socket (AF_UNIX, SOCK_STREAM, 0);
  struct sockaddr address = { .sa_family = AF_UNIX };

  /* The kernel chooses an abstract name */
  if (bind (fd, &address, sizeof address.sa_family) != 0 || listen (fd, 1) != 0)
    g_error ("Could not make a listener: %s", g_strerror (errno));
  return fd;
}

static gint
make_file (void)
{
  static gchar content[FILE_SIZE] = "content";
  const struct iovec vector = { content, sizeof content };
  gint fd = memfd_create ("guring-fuzz", MFD_CLOEXEC);

  /* pwrite() may be made to fail. */
  if (pwritev (fd, &vector, 1, 0) != sizeof content)
    g_error ("Could not make a file: %s", g_strerror (errno));
  return fd;
}

static gint
make_timer (void)
{
  const struct itimerspec time = { .it_value.tv_nsec = 1000 };
  gint fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC);

  timerfd_settime (fd, 0, &time, NULL);
  return fd;
}

static void
make (Descriptor descriptor)
{
  switch (descriptor)
    {
    case DESCRIPTOR_STREAM:
    case DESCRIPTOR_OTHER_STREAM:
      make_sockets (DESCRIPTOR_STREAM, SOCK_STREAM);
      break;
    case DESCRIPTOR_DATAGRAMS:
    case DESCRIPTOR_OTHER_DATAGRAMS:
      make_sockets (DESCRIPTOR_DATAGRAMS, SOCK_DGRAM);
      break;
    case DESCRIPTOR_UDP:
      move (make_udp (), descriptor);
      break;
    case DESCRIPTOR_LISTENER:
      move (make_listener (), descriptor);
      break;
    case DESCRIPTOR_UNCONNECTED:
      move (socket (AF_UNIX, SOCK_STREAM, 0), descriptor);
      break;
    case DESCRIPTOR_PIPE_READ:
    case DESCRIPTOR_PIPE_WRITE:
      make_pipe ();
      break;
    case DESCRIPTOR_FILE:
      move (make_file (), descriptor);
      break;
    case DESCRIPTOR_EVENT:
      move (eventfd (0, 0), descriptor);
      break;
    case DESCRIPTOR_TIMER:
      move (make_timer (), descriptor);
      break;
    case DESCRIPTOR_EPOLL:
      move (epoll_create1 (0), descriptor);
      break;
    case DESCRIPTOR_DIRECTORY:
      move (fcntl (directory, F_DUPFD_CLOEXEC, 0), descriptor);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* Returns: its number, whether or not an operation has closed it */
gint
descriptors_get (Descriptor descriptor)
{
  if (!made[descriptor])
    make (descriptor);
  return FIRST + (gint) descriptor;
}

void
descriptors_get_address (Descriptor descriptor, struct sockaddr_storage *address, socklen_t *size)
{
  *size = sizeof *address;
  if (getsockname (descriptors_get (descriptor), (struct sockaddr *) address, size) != 0)
    *size = 0;
}

static void
fail_for (gint fd, gboolean is_open)
{
  g_autofree gchar *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree gchar *what = g_file_read_link (path, NULL);

  oracle_fail ("no descriptor leaks", G_STRLOC, "descriptor %d is %s (%s)", fd,
               is_open ? "left open" : "closed", what != NULL ? what : "nothing");
}

/* GIO's worker threads close what they have to some time after its call has ended. */
void
descriptors_end (void)
{
  gboolean are_open[N_WATCHED];

  faults_disarm ();
  close_range (FIRST, FIRST + N_DESCRIPTORS - 1, 0);
  if (directory_used)
    {
      empty (openat (directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      directory_used = FALSE;
    }

  look_what_is_open (are_open);
  for (gint i = 0; i < PATIENCE && memcmp (are_open, were_open, sizeof are_open) != 0; i++)
    {
      poll (NULL, 0, 1);
      look_what_is_open (are_open);
    }
  for (gint i = 0; i < N_WATCHED; i++)
    if (are_open[i] != were_open[i])
      fail_for (i, are_open[i]);
}
