/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#define GURING_AVAILABLE_IN_ALL __attribute__ ((visibility ("default"))) extern
