#!/bin/sh
# Installs the packages of the given sets of packages.txt that this Debian machine lacks.
# Usage: install-packages.sh SET...     (sets: build runtime test image)
# Nothing is asked of apt when nothing is missing, so it costs little to call it every time.
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
[ $# -gt 0 ] || { echo "usage: $0 SET...  (sets: build runtime test image)" >&2; exit 2; }

wanted=
for set in "$@"; do
  names=$(awk -v set="$set" '$1 == set { print $2 }' "$here/packages.txt")
  [ -n "$names" ] || { echo "$0: packages.txt has no set named '$set'" >&2; exit 2; }
  wanted="$wanted $names"
done

missing=
for package in $wanted; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1; then
  as_root=sudo
else
  echo "$0: missing packages, and neither root nor sudo to install them:$missing" >&2
  exit 1
fi
echo "Installing:$missing" >&2
$as_root apt-get update -qq
# shellcheck disable=SC2086  # a list of words, on purpose
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing \
  >/dev/null
