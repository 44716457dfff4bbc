# Fails when a source file has more lines than one reader holds in mind.
# Usage: cmake -DROOT=<source tree> -P file_length.cmake
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/source_files.cmake)

set(limit 500)
source_files(files ${ROOT} h cc sh py cmake)
foreach(file IN LISTS files)
  file(READ ${ROOT}/${file} text)
  string(REGEX REPLACE "[^\n]" "" newlines "${text}")
  string(LENGTH "${newlines}" lines)
  if(lines GREATER limit)
    message(SEND_ERROR "file_length: ${file} has ${lines} lines; split it (limit ${limit})")
  endif()
endforeach()
