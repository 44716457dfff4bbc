#!/bin/sh
# Installs missing packages of the given sets of packages.txt on a Debian machine.
# Usage: install-packages.sh SET...     (sets: build runtime test package image bench)
# apt is only called if a package is missing.
#
# Some packages include a service, such as prometheus. The tests start their own copy, so a service
# installed here is neither started nor enabled. An existing service is left as it is.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ $# -gt 0 ] || { echo "usage: $0 SET...  (sets: build runtime test package image bench)" >&2; exit 2; }

wanted=
for set in "$@"; do
  names=$(awk -v set="$set" '$1 == set { print $2 }' "$here/packages.txt")
  [ -n "$names" ] || { echo "$0: packages.txt has no set named '$set'" >&2; exit 2; }
  wanted="$wanted $names"
done

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "$0: requires Debian; on another system install the equivalents of:$wanted" >&2
  exit 1
fi
# is_installed NAME[|NAME...]: whether one of the names is installed.
is_installed() {
  # shellcheck disable=SC2046  # a list of words, on purpose
  dpkg-query -W -f '${db:Status-Status}\n' $(echo "$1" | tr '|' ' ') 2>/dev/null | grep -qx installed
}
missing=
for package in $wanted; do
  is_installed "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null 2>&1; then
  as_root=sudo
else
  echo "$0: root or sudo is required to install:$missing" >&2
  exit 1
fi
echo "Installing:$missing" >&2

# Debian runs this file before it starts a service. An existing one is kept.
policy=/usr/sbin/policy-rc.d
made_policy=no
log=$(mktemp)
finish() {
  [ "$made_policy" = no ] || $as_root rm -f "$policy"
  rm -f "$log"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -e "$policy" ]; then
  made_policy=yes
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
fi

services_of() {
  dpkg -L "$1" | sed -n 's,^\(/usr\)\?/lib/systemd/system/\(.*[^@]\.service\)$,\2,p'
}

run_apt() {
  # shellcheck disable=SC2086  # $as_root may be empty
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -qq \
    -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    echo "$0: apt-get $1 failed; see above" >&2
    exit 1
  }
}
run_apt update
# The names that this release has: the first of each list of alternatives.
names=
for package in $missing; do
  for name in $(echo "$package" | tr '|' ' '); do
    if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then break; fi
  done
  names="$names $name"
done
# shellcheck disable=SC2086  # a list of words, on purpose
run_apt install --no-install-recommends $names

for package in $names; do
  for service in $(services_of "$package"); do
    $as_root deb-systemd-helper disable "$service" >/dev/null 2>&1 || true
    name=${service%.service}
    if [ -x "/etc/init.d/$name" ] && command -v update-rc.d >/dev/null 2>&1; then
      $as_root update-rc.d "$name" disable >/dev/null 2>&1 || true
    fi
  done
done
