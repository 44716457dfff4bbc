# Fails when a C++ file is not as clang-format 14 would write it, and names the place.
# Usage: cmake -DROOT=<source tree> -P format.cmake
# Another major version formats differently, so with another one, or none, the check is skipped.
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/source_files.cmake)

find_program(CLANG_FORMAT NAMES clang-format-14 clang-format)
set(version "none")
if(CLANG_FORMAT)
  execute_process(COMMAND ${CLANG_FORMAT} --version OUTPUT_VARIABLE version
                  OUTPUT_STRIP_TRAILING_WHITESPACE)
endif()
if(NOT version MATCHES "version 14\\.")
  message("SKIP: needs clang-format 14, found: ${version}")
  return()
endif()

source_files(files ${ROOT} h cc)
execute_process(COMMAND ${CLANG_FORMAT} --dry-run -Werror --ferror-limit=3 ${files}
                WORKING_DIRECTORY ${ROOT} RESULT_VARIABLE rc)
if(NOT rc EQUAL 0)
  message(FATAL_ERROR "format: run clang-format -i on the files named above")
endif()
