/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* All descriptors that a fuzzed operation may name: new ones for each input, made when they are
 * first asked for, under numbers so high that nothing else gets them when they are closed. And all
 * files: in one directory. */

#pragma once

#include <glib.h>
#include <sys/socket.h>

typedef enum
{
  DESCRIPTOR_STREAM,
  DESCRIPTOR_OTHER_STREAM,
  DESCRIPTOR_DATAGRAMS,
  DESCRIPTOR_OTHER_DATAGRAMS,
  DESCRIPTOR_UDP, /* connected to itself */
  DESCRIPTOR_LISTENER,
  DESCRIPTOR_UNCONNECTED,
  DESCRIPTOR_PIPE_READ,
  DESCRIPTOR_PIPE_WRITE,
  DESCRIPTOR_FILE,
  DESCRIPTOR_EVENT,
  DESCRIPTOR_TIMER,
  DESCRIPTOR_EPOLL,
  DESCRIPTOR_DIRECTORY,
  N_DESCRIPTORS
} Descriptor;

void descriptors_init (void);
const gchar *descriptors_get_directory (void); /* absolute */
void descriptors_directory_used (void);        /* there may be something in it */

void descriptors_start (void);
gint descriptors_get (Descriptor descriptor);
void descriptors_get_address (Descriptor descriptor, struct sockaddr_storage *, socklen_t *size);

/* Closes them; all others are as they were at the start. */
void descriptors_end (void);
