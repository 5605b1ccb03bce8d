/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* usage: refuse ERRNO|kill COMMAND…
 * Runs a command behind a seccomp filter that answers so to the system calls of io_uring. */

#include "config.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct
{
  const char *name;
  unsigned int action;
} answers[] = {
  { "EMFILE", SECCOMP_RET_ERRNO | EMFILE }, { "ENFILE", SECCOMP_RET_ERRNO | ENFILE },
  { "ENOMEM", SECCOMP_RET_ERRNO | ENOMEM }, { "ENOSYS", SECCOMP_RET_ERRNO | ENOSYS },
  { "EPERM", SECCOMP_RET_ERRNO | EPERM },   { "kill", SECCOMP_RET_KILL_PROCESS },
};

static int
find_answer (const char *name, unsigned int *action)
{
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
    if (strcmp (answers[i].name, name) == 0)
      {
        *action = answers[i].action;
        return 0;
      }
  return -1;
}

static int
refuse (unsigned int action)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 2, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_enter, 1, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_register, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, action),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return -1;
  return prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int
main (int argc, char **argv)
{
  unsigned int action;

  if (argc < 3 || find_answer (argv[1], &action) < 0)
    {
      fprintf (stderr, "usage: %s EMFILE|ENFILE|ENOMEM|ENOSYS|EPERM|kill COMMAND...\n", argv[0]);
      return 2;
    }
  if (refuse (action) < 0)
    perror ("seccomp");
  else
    {
      execvp (argv[2], argv + 2);
      perror (argv[2]);
    }
  return 127;
}
