/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* System calls and allocations of the library that fail when the input says so. They are replaced
 * by the linker's --wrap, so that GLib's own do not. */

#pragma once

#include "input.h"

/* Takes the schedule from the input. */
void faults_start (FuzzInput *input);

/* Since faults_arm () */
gboolean faults_have_fired (void);

/* Between these, in any thread */
void faults_arm (void);
void faults_disarm (void);
