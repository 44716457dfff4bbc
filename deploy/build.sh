#!/bin/bash
# Configures and builds build/PRESET, and shows how far it is.
#
# Usage: deploy/build.sh PRESET [-DNAME=VALUE...] [--target TARGET...]
#
# On a terminal ninja updates one line; elsewhere there is a line for every tenth of the work. All of
# the output is in build/PRESET.log, and what failed is shown.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=$1
shift
options=()
while [[ ${1:-} == -D* ]]; do
  options+=("$1")
  shift
done
if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi

log=build/$preset.log
mkdir -p build
cmake --preset "$preset" "${options[@]}" >"$log" 2>&1 || {
  cat "$log" >&2
  exit 1
}
build=(cmake --build --preset "$preset" --parallel "$(nproc)" "$@")
if [ -t 1 ]; then exec "${build[@]}"; fi
"${build[@]}" 2>&1 | tee "$log" | awk '
  match($0, /^\[[0-9]+\/[0-9]+\]/) {
    split(substr($0, 2, RLENGTH - 2), step, "/")
    tenth = int(10 * step[1] / step[2])
    if (tenth > shown) { shown = tenth; print "  built " step[1] " of " step[2]; fflush() }
  }' || {
  grep -v '^\[[0-9]*/[0-9]*\] ' "$log" >&2 || true
  exit 1
}
