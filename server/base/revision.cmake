# Writes the header that holds the source's revision: the one that is given, else git's, else none.
# Runs in every build, because a commit changes no source; the file is touched only when it differs.
# Usage: cmake -DROOT=<source tree> -DREVISION=<given or empty> -DOUT=<header> -P revision.cmake
cmake_minimum_required(VERSION 3.25)

set(revision "${REVISION}")
# An archive that was unpacked inside somebody else's checkout has no revision of that.
if(NOT revision AND EXISTS "${ROOT}/.git")
  # A container may see the checkout as another user's, which git refuses by default.
  execute_process(COMMAND git -c safe.directory=* -C ${ROOT} rev-parse --short=12 HEAD
                  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
                  RESULT_VARIABLE rc)
  if(NOT rc EQUAL 0)
    set(revision "")
  endif()
endif()
if(NOT revision MATCHES "^[A-Za-z0-9._+/-]*$")
  message(FATAL_ERROR "revision: '${revision}' holds more than letters, digits and . _ + / -")
endif()
file(CONFIGURE OUTPUT ${OUT} @ONLY CONTENT [[// Filled in by server/revision.cmake.
#pragma once

namespace echogw::generated {

inline constexpr const char* kRevision = "@revision@";

}  // namespace echogw::generated
]])
