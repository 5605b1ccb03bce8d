# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Reads what suites said (see suites.sh), prints a table of where and how they ended, and fails if one
# failed or did not end. A test that says '# SKIP reason' did nothing, though Check calls it passed.

function fail (what)
{
  n_failed[where]++
  failures[where] = failures[where] "  " what "\n"
}

function skip (reason,    key)
{
  n_skipped[where]++
  sub (/^[: ]+/, "", reason)
  key = where SUBSEP reason
  if (!(key in skipped_by))
    reasons[where, ++n_reasons[where]] = reason
  skipped_by[key] = skipped_by[key] " " suite
}

/^# where / { where = substr ($0, 9); places[++n_places] = where }
/^# suite / { suite = $3; planned = 0; failed_before = n_failed[where] + 0 }
/^1\.\.[0-9]/ { planned = 1 }
/^1\.\.0 # SKIP/ { skip (substr ($0, 13)); next }
/^# SKIP/ { skip (substr ($0, 7)); n_passed[where]-- }
/^ok / { n_passed[where]++ }
/^not ok / { fail (suite ": " $0) }
/^# end / {
  if (!planned || $3 != 0 && n_failed[where] == failed_before)
    fail (suite " ended with status " $3)
}
/^# all/ { n_ended++ }
/^# qemu/ { fail (suite ": " $0) }

END {
  printf "%-48s %7s %7s %7s\n", "where", "passed", "skipped", "failed"
  for (i = 1; i <= n_places; i++)
    printf "%-48s %7d %7d %7d\n", places[i], n_passed[places[i]], n_skipped[places[i]], n_failed[places[i]]
  for (i = 1; i <= n_places; i++) {
    where = places[i]
    if (n_reasons[where] > 0)
      printf "\n%s, skipped:\n", where
    for (j = 1; j <= n_reasons[where]; j++)
      printf "  %s:%s\n", reasons[where, j], skipped_by[where, reasons[where, j]]
  }
  for (i = 1; i <= n_places; i++)
    if (failures[places[i]] != "") {
      printf "\n%s, failed:\n%s", places[i], failures[places[i]]
      bad = 1
    }
  if (n_ended < ARGC - 1) {
    print "\nNot all came to the end."
    bad = 1
  }
  exit bad
}
