/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* forbid SYSTEM-CALL ANSWER COMMAND…
 *
 * Runs a command under a seccomp filter that answers an error (EPERM, …) to setup, enter or
 * register of io_uring, or kills (kill). */

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

typedef struct
{
  const char *name;
  unsigned value;
} Named;

static const Named system_calls[] = {
  { "setup", __NR_io_uring_setup },
  { "enter", __NR_io_uring_enter },
  { "register", __NR_io_uring_register },
  { NULL, 0 },
};

static const Named answers[] = {
  { "EPERM", SECCOMP_RET_ERRNO | EPERM },
  { "ENOSYS", SECCOMP_RET_ERRNO | ENOSYS },
  { "ENOMEM", SECCOMP_RET_ERRNO | ENOMEM },
  { "EMFILE", SECCOMP_RET_ERRNO | EMFILE },
  { "ENFILE", SECCOMP_RET_ERRNO | ENFILE },
  { "kill", SECCOMP_RET_KILL_PROCESS },
  { NULL, 0 },
};

static const Named *
find (const Named *named, const char *name)
{
  while (named->name != NULL && strcmp (named->name, name) != 0)
    named++;
  return named;
}

static int
forbid (unsigned system_call, unsigned answer)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, system_call, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, answer),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
           ? prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)
           : -1;
}

int
main (int argc, char **argv)
{
  const Named *system_call, *answer;

  if (argc < 4)
    return 99;
  system_call = find (system_calls, argv[1]);
  answer = find (answers, argv[2]);
  if (system_call->name == NULL || answer->name == NULL ||
      forbid (system_call->value, answer->value) != 0)
    return 99;

  execvp (argv[3], argv + 3);
  perror (argv[3]);
  return 99;
}
