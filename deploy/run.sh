#!/bin/bash
# Installs missing packages, builds build/release/, starts the gateway, sends a message through it and
# shows its statistics.
#
# Usage: deploy/run.sh [--once] [GATEWAY OPTION...]
#   --once     stop after the demonstration instead of serving until Ctrl-C
#   others     passed to the gateway: deploy/run.sh --listen 127.0.0.1:9000 --reactors 4
#              (settings such as ECHOGW_LISTEN in the environment also apply)
#
# Ctrl-C, or SIGTERM to this script, drains the gateway; a second one stops it at once.
# Exit code: that of the gateway, or 1 if the setup or the demonstration failed.
set -euo pipefail
cd "$(dirname "$0")/.."

START_SECONDS=20
DEFAULT_PORT=7000

once=no
case ${1:-} in
  --once)
    once=yes
    shift
    ;;
  -h | --help)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
    ;;
esac

say() { printf '\n== %s\n' "$*"; }
die() {
  printf 'deploy/run.sh: %s\n' "$*" >&2
  exit 1
}

build() {
  say "Building (about 4 minutes the first time on 2 cores)"
  # The tests need more packages. A build directory that includes them keeps them.
  local options=(-DECHOGW_BUILD_TESTS=OFF)
  if grep -qs '^ECHOGW_BUILD_TESTS:BOOL=ON' build/release/CMakeCache.txt; then options=(); fi
  deploy/build.sh release "${options[@]}" --target echogw echogwctl || die "the build failed; see above"
}

# uses_default_port <gateway option>...: whether no option or variable sets the listen address.
uses_default_port() {
  local option
  for option in "$@"; do
    case $option in --listen* | --config*) return 1 ;; esac
  done
  [ -z "${ECHOGW_LISTEN:-}${ECHOGW_CONFIG:-}" ]
}

# The gateway reports this too, but only after a build of some minutes.
refuse_taken_port() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$DEFAULT_PORT") 2>/dev/null; then
    die "port $DEFAULT_PORT is in use; choose other ports:
  deploy/run.sh --listen 127.0.0.1:0 --admin 127.0.0.1:0 --metrics 127.0.0.1:0"
  fi
}

gateway=
signals=0
stop_gateway() {
  [ -n "$gateway" ] || exit 130
  signals=$((signals + 1))
  if [ "$signals" -eq 1 ]; then echo "Draining; press Ctrl-C again to stop at once"; fi
  kill -TERM "$gateway" 2>/dev/null || true
}

# Waits until the gateway exits, through any number of signals to this script; sets `code`.
code=0
wait_gateway() {
  code=0
  wait "$gateway" || code=$?
  while [ -e "/proc/$gateway" ] && kill -0 "$gateway" 2>/dev/null; do
    code=0
    wait "$gateway" || code=$?
  done
  gateway=
}

listen=
admin=
metrics=
start() {
  say "Starting build/release/echogw $*"
  # In its own session, so that Ctrl-C reaches it only through this script. It also ends if this
  # script is killed.
  exec 3< <(exec setsid setpriv --pdeathsig TERM build/release/echogw "$@")
  gateway=$!
  local line ready=no deadline=$((SECONDS + START_SECONDS))
  while [ $SECONDS -lt $deadline ] && IFS= read -r -t $((deadline - SECONDS)) line <&3; do
    echo "$line"
    case $line in
      "listening on "*) listen=${listen:-${line#listening on }} ;;
      "admin on "*) admin=${line#admin on } ;;
      "metrics on http"*)
        metrics=${line#metrics on http*://}
        metrics=${metrics%/metrics}
        ;;
      ready)
        ready=yes
        break
        ;;
    esac
  done
  if [ $ready = no ]; then
    kill -TERM "$gateway" 2>/dev/null || true
    wait_gateway
    if [ $code -eq 2 ]; then die "the gateway rejected the options; see the error above"; fi
    die "the gateway did not start (exit code $code); see the error above. If a port is in use:
  deploy/run.sh --listen 127.0.0.1:0 --admin 127.0.0.1:0 --metrics 127.0.0.1:0"
  fi
}

# The address to connect to, for a listen address.
reachable() {
  case $1 in
    0.0.0.0:*) echo "127.0.0.1:${1##*:}" ;;
    '[::]':*) echo "[::1]:${1##*:}" ;;
    *) echo "$1" ;;
  esac
}

demonstrate() {
  local address host message reply=
  address=$(reachable "$listen")
  host=${address%:*}
  host=${host#[}
  host=${host%]}
  message="hello from $$"
  say "Sending '$message' to $address"
  exec 4<>"/dev/tcp/$host/${address##*:}" || return 1
  printf '%s\n' "$message" >&4
  IFS= read -r -t 5 reply <&4 || true
  exec 4>&-
  echo "Got back '$reply'"
  # Upper case with --transform upper.
  [ "$reply" = "$message" ] || [ "$reply" = "${message^^}" ] || return 1
  say "build/release/echogwctl --target $admin stats"
  build/release/echogwctl --target "$admin" stats
}

hints() {
  local address
  address=$(reachable "$listen")
  say "The gateway is running (PID $gateway). In another terminal:"
  cat <<END
  build/release/echogwctl --target $admin stats --watch 1s
  build/release/echogwctl --target $admin reactors
  build/release/echogwctl --target $admin resize 4 --wait
  build/release/echogwctl bench $address -c 100 -d 5s
END
  if [ -n "$metrics" ]; then
    echo "  curl http://$(reachable "$metrics")/metrics"
    echo "In a browser: http://$(reachable "$metrics")/"
  fi
  echo "Ctrl-C stops it."
}

if uses_default_port "$@"; then refuse_taken_port; fi
deploy/install-packages.sh build
build
trap stop_gateway INT TERM HUP
start "$@"
shown=0
demonstrate || shown=$?
if [ $shown -ne 0 ] || [ $once = yes ]; then
  kill -TERM "$gateway" 2>/dev/null || true
else
  hints
fi
wait_gateway
if [ $shown -ne 0 ]; then die "the message was not echoed, or stats failed"; fi
exit $code
