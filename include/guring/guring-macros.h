/* SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/**
 * GURING_MAJOR_VERSION:
 *
 * The major version of the headers.
 *
 * Since: 0.1
 */
#define GURING_MAJOR_VERSION 0

/**
 * GURING_MINOR_VERSION:
 *
 * The minor version of the headers.
 *
 * Since: 0.1
 */
#define GURING_MINOR_VERSION 1

/**
 * GURING_MICRO_VERSION:
 *
 * The micro version of the headers.
 *
 * Since: 0.1
 */
#define GURING_MICRO_VERSION 0

/**
 * GURING_CHECK_VERSION:
 * @major: a major version
 * @minor: a minor version
 * @micro: a micro version
 *
 * Whether the headers are of that version or a newer one.
 *
 * Since: 0.1
 */
#define GURING_CHECK_VERSION(major, minor, micro)                                                  \
  (GURING_MAJOR_VERSION > (major) ||                                                               \
   (GURING_MAJOR_VERSION == (major) && GURING_MINOR_VERSION > (minor)) ||                          \
   (GURING_MAJOR_VERSION == (major) && GURING_MINOR_VERSION == (minor) &&                          \
    GURING_MICRO_VERSION >= (micro)))

/**
 * GURING_VERSION_0_1:
 *
 * The version 0.1, for %GURING_VERSION_MIN_REQUIRED and %GURING_VERSION_MAX_ALLOWED.
 *
 * Since: 0.1
 */
#define GURING_VERSION_0_1 (GURING_ENCODE_VERSION (0, 1))

/**
 * GURING_ENCODE_VERSION:
 * @major: a major version
 * @minor: a minor version
 *
 * As G_ENCODE_VERSION(): GLib may not be included before liburing.
 *
 * Since: 0.1
 */
#define GURING_ENCODE_VERSION(major, minor) ((major) << 16 | (minor) << 8)
#define GURING_VERSION_CURRENT (GURING_ENCODE_VERSION (GURING_MAJOR_VERSION, GURING_MINOR_VERSION))

/**
 * GURING_VERSION_MIN_REQUIRED:
 *
 * The oldest version that the program wants to work with, such as %GURING_VERSION_0_1, to be
 * defined before the headers are included; the current one by default. What that version has
 * deprecated gives a warning, what a newer one has does not.
 *
 * Since: 0.1
 */
#ifndef GURING_VERSION_MIN_REQUIRED
#define GURING_VERSION_MIN_REQUIRED GURING_VERSION_CURRENT
#endif

/**
 * GURING_VERSION_MAX_ALLOWED:
 *
 * The newest version of which the program may use something, to be defined before the headers are
 * included; the current one by default. What is newer gives a warning.
 *
 * Since: 0.1
 */
#ifndef GURING_VERSION_MAX_ALLOWED
#define GURING_VERSION_MAX_ALLOWED GURING_VERSION_CURRENT
#endif

#if GURING_VERSION_MAX_ALLOWED < GURING_VERSION_MIN_REQUIRED
#error "GURING_VERSION_MAX_ALLOWED must not be older than GURING_VERSION_MIN_REQUIRED"
#endif

#define GURING_AVAILABLE_IN_ALL __attribute__ ((visibility ("default"))) extern

/* For what is new in a version, GURING_AVAILABLE_IN_0_2 and the like are made after these two. */
#if GURING_VERSION_MAX_ALLOWED < GURING_VERSION_0_1
#define GURING_AVAILABLE_IN_0_1                                                                    \
  GURING_AVAILABLE_IN_ALL                                                                          \
  G_UNAVAILABLE (0, 1)
#else
#define GURING_AVAILABLE_IN_0_1 GURING_AVAILABLE_IN_ALL
#endif

/**
 * GURING_DEPRECATED_IN_0_1_FOR:
 * @function: what to use
 *
 * For what a version has deprecated.
 *
 * Since: 0.1
 */
#if GURING_VERSION_MIN_REQUIRED >= GURING_VERSION_0_1
#define GURING_DEPRECATED_IN_0_1_FOR(function)                                                     \
  GURING_AVAILABLE_IN_ALL                                                                          \
  G_DEPRECATED_FOR (function)
#else
#define GURING_DEPRECATED_IN_0_1_FOR(function) GURING_AVAILABLE_IN_ALL
#endif
