/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "facts.h"

G_BEGIN_DECLS

/* What may forbid io_uring */
void policy_describe (Facts *facts);
const gchar *policy_find (const GError *error);

G_END_DECLS
