/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clients of the service: they come, and go when they have what they want, or think better of it,
 * or stall; in any case they get nothing but what is theirs. */

#pragma once

#include <glib.h>

void clients_init (GMainContext *context);

/* Some come. Returns when all have gone but those that stall, and nothing more happens. */
void clients_come (GRand *random);
void clients_hang_up (void); /* those, too */
void clients_print (void);
