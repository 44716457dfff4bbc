#!/bin/bash
# Installs what is missing, builds, and runs every test; leaves a release build in build/release/.
#
# Usage: tests/run.sh [--quick] [CTEST OPTION...]
#   --quick      the release build alone: no sanitizers
#   others       go to ctest, as in: tests/run.sh --quick -L unit -R mailbox
#
# Stages: release build, thread sanitizer (reactors and pool), address and undefined behaviour
# sanitizers (all tests), fuzzers (20 s each), release tests (all tests; their summary ends the
# output). On 2 cores everything takes about 25 minutes, --quick about 10.
#
# A failed stage does not stop the later ones; the script then exits with 1 and ends with the failed
# stages and their first failures. The sanitizer builds, and the tests of the release build, compile
# several files of a target together: names in the anonymous namespaces of one target must differ.
# clang-tidy runs separately: tests/lint/tidy.sh. Run this as root in a container or as a user with
# sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

quick=no
if [ "${1:-}" = --quick ]; then
  quick=yes
  shift
fi
case ${1:-} in
  -h | --help)
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
    exit 0
    ;;
esac
ctest_options=("$@")

# The tests wait more than they compute.
jobs=$((3 * $(nproc)))
failed=()
failed_presets=()
stage_name=
stage_began=0

heading() {
  stage_name=$1
  stage_began=$SECONDS
  printf '\n===== %s  [%02d:%02d]\n' "$1" $((SECONDS / 60)) $((SECONDS % 60))
}

# ends_with <exit code> [preset]: the verdict on the stage.
ends_with() {
  local verdict=passed
  if [ "$1" -ne 0 ]; then
    verdict=FAILED
    failed+=("$stage_name")
    failed_presets+=("${@:2}")
  fi
  printf -- '----- %s: %s after %d s\n' "$stage_name" "$verdict" $((SECONDS - stage_began))
}

# build <preset> [option...]: see deploy/build.sh.
build() {
  rm -f "build/$1-tests.log"
  deploy/build.sh "$@"
}

run_ctest() {
  ctest --preset "$1" --parallel "$jobs" "${@:2}" "${ctest_options[@]}" 2>&1 |
    tee "build/$1-tests.log"
}

# failures_of <preset>: the failed tests and the output of the first three, in about 80 lines.
failures_of() {
  printf '\n----- %s, in short; all of it is in build/%s*.log\n' "$1" "$1"
  if [ ! -e "build/$1-tests.log" ]; then
    grep -v '^\[[0-9]*/[0-9]*\] ' "build/$1.log" | head -n 40 || true
    return
  fi
  awk '/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
         left = /\*\*\*/ && !/\*\*\*(Skipped|Not Run)/ && ++found <= 3 ? 20 : 0
       }
       /^ +Start +[0-9]+: / || /^$/ { next }
       /^[0-9]+% tests passed/ { left = 1 }
       /^The following tests FAILED:/ { left = 15 }
       left-- > 0' "build/$1-tests.log"
}

# LeakSanitizer needs ptrace. In a sandbox that forbids it, every program would fail.
seek_leaks_if_possible() {
  local probe
  probe=$(mktemp -d)
  if echo 'int main() {}' | g++ -fsanitize=address -x c++ - -o "$probe/probe" &&
    ! "$probe/probe" 2>"$probe/said" && grep -q 'LeakSanitizer has encountered' "$probe/said"; then
    echo "tests/run.sh: ptrace is forbidden here, so leaks are not looked for" >&2
    export LSAN_OPTIONS=detect_leaks=0
  fi
  rm -r "$probe"
}

# sanitized <preset> [build option...]: builds and tests. The caller's filter may match no test here.
sanitized() {
  build "$@" || return 1
  if [ ${#ctest_options[@]} -gt 0 ]; then
    run_ctest "$1" --no-tests=ignore
  else
    run_ctest "$1"
  fi
}

heading "packages"
deploy/install-packages.sh build test package
# Only the tests labelled image need these; they are skipped without them.
deploy/install-packages.sh image || echo "tests/run.sh: going on without them" >&2
ends_with 0

heading "release build"
build release || { echo "tests/run.sh: the release build failed" >&2; exit 1; }
build release --target check_headers || true  # the case lint/headers fails by it
ends_with 0

if [ "$quick" = no ]; then
  seek_leaks_if_possible
  for stage in tsan asan-ubsan; do
    heading "$stage"
    rc=0
    sanitized $stage || rc=$?
    ends_with $rc $stage
  done
  heading "fuzzers"
  rc=0
  sanitized fuzz --target fuzzers || rc=$?
  ends_with $rc fuzz
fi

heading "release tests"
rc=0
run_ctest release || rc=$?
ends_with $rc release
# Last, because CI may keep only the end of the output.
if [ ${#failed[@]} -gt 0 ]; then
  for preset in "${failed_presets[@]}"; do failures_of "$preset"; done
  printf '\ntests/run.sh: FAILED after %d s: %s\n' $SECONDS "$(IFS=,; echo "${failed[*]}")" >&2
  exit 1
fi
