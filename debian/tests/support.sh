# What the tests share: to be sourced.

set -eu
cd "${AUTOPKGTEST_TMP:-$(mktemp -d)}"
examples=/usr/share/doc/libguring-1-dev/examples

compile () # PROGRAM
{
  # shellcheck disable=SC2046
  "${CC:-cc}" -Wall -Werror "$1.c" -o "$1" $(pkg-config --cflags --libs guring-1)
}

make_files () # 200 of whatever is installed here
{
  mkdir files
  find /usr/share /usr/lib -type f -size +0 -size -1000k | sort | head -200 | while read -r file; do
    cp "$file" "files/$(echo "$file" | md5sum | cut -c-32)"
  done
  test "$(find files -type f | wc -l)" -ge 50
}
