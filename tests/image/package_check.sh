#!/bin/bash
# Run in a bare Debian that has the packages in /packages: installs them, uses what they installed,
# purges them, and compares the file system with the one before. Exits with 1 at the first fault.
set -euo pipefail

fail() {
  echo "package_check: $*" >&2
  exit 1
}

# Every file but those of the package manager, the kernel and the running system.
files() {
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /packages \
    -o -path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \) -prune \
    -o -print | sort
}

export DEBIAN_FRONTEND=noninteractive
needs=
for package in /packages/*.deb; do needs+=", $(dpkg-deb -f "$package" Depends)"; done
apt-get -qq satisfy -y --no-install-recommends "${needs#, }" >/dev/null

files >/tmp/before
dpkg -i /packages/*.deb >/dev/null
systemd-analyze verify echogw.service echogw.socket || fail "the units are not valid"

# As the service manager starts it, on ports of the kernel's choice.
unit=/usr/lib/systemd/system/echogw.service
config=$(sed -n 's/^Environment=ECHOGW_CONFIG=//p' $unit)
command=$(sed -n 's/^ExecStart=//p' $unit)
[ "$config" = /etc/echogw/echogw.toml ] || fail "the unit does not read the configuration"
exec 3< <(exec setpriv --reuid 65534 --regid 65534 --clear-groups env ECHOGW_CONFIG="$config" \
  ECHOGW_LISTEN=127.0.0.1:0 ECHOGW_ADMIN=127.0.0.1:0 ECHOGW_METRICS=127.0.0.1:0 \
  ECHOGW_DRAIN_QUIET_PERIOD=0s "$command")
gateway=$!
data=
admin=
while IFS= read -r -t 20 line <&3; do
  case $line in
    "listening on "*) data=${line#listening on } ;;
    "admin on "*) admin=${line#admin on } ;;
    ready) break ;;
  esac
done
[ -n "$admin" ] || fail "the gateway did not start"
exec 4<>"/dev/tcp/${data%:*}/${data##*:}"
echo "out and back" >&4
IFS= read -r -t 20 echoed <&4
[ "$echoed" = "out and back" ] || fail "echoed: $echoed"
echogwctl --target "$admin" health >/dev/null || fail "the gateway is not healthy"
exec 4>&-
kill "$gateway"
while [ -e "/proc/$gateway" ]; do read -r -t 20 _ <&3 || break; done

echogw --config "$config" --print-config >/dev/null || fail "the default configuration is not valid"
# Each setting that it shows is one, with a value that is accepted.
sed -E 's/^#([a-z])/\1/' "$config" >/tmp/shown.toml
echogw --config /tmp/shown.toml --print-config >/dev/null || fail "a setting shown is not valid"
bash -n /usr/share/bash-completion/completions/echogwctl
for page in /usr/share/man/man8/echogw.8 /usr/share/man/man1/echogwctl-drain.1; do
  grep -q '^\.S[Hh]' "$page" || fail "$page is not a manual page"
done

echo "# kept" >>"$config"
dpkg --remove echogw echogwctl >/dev/null
grep -q "# kept" "$config" || fail "a removal loses the configuration"
dpkg --purge echogw >/dev/null
files >/tmp/after
diff /tmp/before /tmp/after || fail "the purge leaves or takes these files"
echo "installed, used and purged"
