# Writes a header that holds files as string constants, so that what a browser gets is kept and edited
# as what it is. status.css becomes kStatusCss.
# Usage: cmake -DOUT=<header> "-DFILES=<file>;..." -P embed.cmake
cmake_minimum_required(VERSION 3.25)

set(text "// Made by server/embed.cmake.\n#pragma once\n\n#include <string_view>\n\n")
string(APPEND text "namespace echogw::generated {\n\n")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  string(REGEX MATCHALL "[a-z]+" words "${name}")
  set(constant k)
  foreach(word IN LISTS words)
    string(SUBSTRING "${word}" 0 1 first)
    string(SUBSTRING "${word}" 1 -1 rest)
    string(TOUPPER "${first}" first)
    string(APPEND constant "${first}${rest}")
  endforeach()
  file(READ "${file}" content)
  # The longest raw string that every compiler takes.
  string(LENGTH "${content}" length)
  if(length GREATER 60000 OR content MATCHES "\\)embedded\"")
    message(FATAL_ERROR "embed: ${file} does not fit into a raw string")
  endif()
  string(APPEND text "inline constexpr std::string_view ${constant} = R\"embedded(${content})embedded\";\n\n")
endforeach()
string(APPEND text "}  // namespace echogw::generated\n")
file(WRITE "${OUT}" "${text}")
