#!/bin/bash
# Runs clang-tidy, and with it clang's own warnings (thread safety among them). Only parses: nothing
# is compiled but what has to be generated.
# Usage: tests/lint/tidy.sh [--all | FILE...]
#   without arguments   reactor/ and server/pool/, where threads share memory: about a minute
#   --all               server/ and ctl/ as well, whose gRPC headers take many minutes to parse
set -euo pipefail
cd "$(dirname "$0")/../.."

build=build/tidy
log=$build.log
mkdir -p build
# The generated headers must exist before a source that includes them can be parsed.
{ cmake --preset tidy && cmake --build --preset tidy --target echogw_generated; } >"$log" 2>&1 || {
  cat "$log" >&2
  exit 1
}

folders='reactor\|server\/pool'
if [ "${1:-}" = --all ]; then
  folders='reactor\|server\|ctl'
  shift
fi
if [ $# -gt 0 ]; then
  files=("$@")
else
  mapfile -t files < <(
    sed -n "s,^ *\"file\": \"$PWD/\(\($folders\)/.*\)\".*,\1,p" \
      $build/compile_commands.json | sort -u)
fi
[ ${#files[@]} -gt 0 ] || { echo "$0: no source found in $build/compile_commands.json" >&2; exit 1; }
echo "clang-tidy over ${#files[@]} files"

# One process a file, as many as there are CPUs. Its count of suppressed warnings is of no use.
check() {
  local out rc=0
  out=$(clang-tidy --quiet -p "$1" "$2" 2>&1) || rc=$?
  [ $rc -eq 0 ] || { grep -v ' warnings\? .*generated\.$' <<<"$out" >&2 || true; }
  return $rc
}
export -f check
# shellcheck disable=SC2016  # the inner shell expands its own arguments
printf '%s\0' "${files[@]}" |
  xargs -0 -n 1 -P "$(nproc)" bash -c 'check "$0" "$1" || exit 1' "$build" ||
  { echo "$0: clang-tidy found fault" >&2; exit 1; }
