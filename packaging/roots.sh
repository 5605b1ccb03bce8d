# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh

# Minimal roots of Debian's suites, made from nothing: to be sourced. For root, and a Debian with
# mmdebstrap.

mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

enter_namespace () # SCRIPT ARGUMENT…: mounts are gone with the last process that sees them
{
  test "${GURING_NAMESPACE:-}" != yes || return 0
  export GURING_NAMESPACE=yes
  exec unshare --mount --propagation private "$@"
}

# SUITE ROOT PACKAGE… [--option=…]: a root with nothing but these
make_root ()
{
  suite=$1
  root=$2
  shift 2
  rm -rf "$root"
  for argument in "$@"; do
    shift
    case $argument in
      --*) set -- "$@" "$argument" ;;
      *) set -- "$@" "--include=$argument" ;;
    esac
  done
  # The archive's dates are older than their validity where it is mirrored seldom
  mmdebstrap --quiet --mode=root --variant=apt --skip=cleanup/apt \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt=force-unsafe-io "$@" "$suite" "$root" "$mirror"
  cp /etc/resolv.conf "$root/etc/"
  mount --bind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
}

in_root () # ROOT COMMAND…
{
  root=$1
  shift
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root \
    chroot "$root" "$@"
}
