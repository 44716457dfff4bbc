#!/bin/bash
# Builds Debian packages and tar archives of the gateway and of echogwctl for the Debian release that
# this runs on, into build/release/packages/. Installs what the build needs.
#
# Usage: deploy/package.sh
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/install-packages.sh build package
options=(-DECHOGW_BUILD_TESTS=OFF)
if grep -qs '^ECHOGW_BUILD_TESTS:BOOL=ON' build/release/CMakeCache.txt; then options=(); fi
deploy/build.sh release "${options[@]}" --target echogw echogwctl dist
cd build/release
rm -rf packages
cpack -G 'DEB;TGZ' >cpack.log 2>&1 || {
  cat cpack.log >&2
  exit 1
}
rm -rf packages/_CPack_Packages
ls -1 "$PWD"/packages/*
