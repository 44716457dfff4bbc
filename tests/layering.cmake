# Fails when a folder includes what the one-way rule reactor <- server -> proto <- ctl forbids.
# Usage: cmake -DROOT=<source tree> -P layering.cmake
#
# Linking cannot enforce the rule: system headers are visible to a target that links nothing. So
# this reads every #include line. The reactor has a list of what it may include; server/ and ctl/
# have lists of what they may not. tests/ is free.
cmake_minimum_required(VERSION 3.25)

if(NOT IS_DIRECTORY "${ROOT}")
  message(FATAL_ERROR "layering: -DROOT='${ROOT}' is not a folder")
endif()

# A name without a slash is the standard library's or POSIX's; with one, only these folders.
set(reactor_allow
    "^(reactor/.*|absl/(status|strings)/.*|[a-z0-9_]+(\\.h)?|(sys|net|netinet|arpa|linux|asm)/.*)$")
# OpenSSL stays behind files of its own.
set(reactor_tls_files "^reactor/services/tls_[a-z_]+\\.(h|cc)$")
set(server_deny "^(ctl|tests)/")
set(ctl_deny "^(reactor|server|tests)/")

set(violations 0)
foreach(folder IN ITEMS reactor server ctl)
  file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE "${ROOT}"
       "${ROOT}/${folder}/*.h" "${ROOT}/${folder}/*.cc")
  if(NOT files)
    message(SEND_ERROR "layering: no source in ${ROOT}/${folder}: nothing was checked")
    continue()
  endif()
  foreach(file IN LISTS files)
    file(READ "${ROOT}/${file}" text)
    # Brackets and semicolons would join or split the elements of a CMake list.
    string(REGEX REPLACE "[][;]" " " text "${text}")
    string(REGEX MATCHALL "(^|\n)[ \t]*#[ \t]*include[ \t]*[<\"][^>\"\n]*" includes "${text}")
    foreach(include IN LISTS includes)
      string(REGEX REPLACE "^.*[<\"]" "" name "${include}")
      set(bad FALSE)
      if(name MATCHES "(^|/)\\.\\.?/")
        set(bad TRUE)
      elseif(file MATCHES "${reactor_tls_files}" AND name MATCHES "^openssl/")
        set(bad FALSE)
      elseif(DEFINED ${folder}_allow AND NOT name MATCHES "${${folder}_allow}")
        set(bad TRUE)
      elseif(DEFINED ${folder}_deny AND name MATCHES "${${folder}_deny}")
        set(bad TRUE)
      endif()
      if(bad)
        message(SEND_ERROR "layering: ${file} may not include ${name}")
        math(EXPR violations "${violations} + 1")
      endif()
    endforeach()
  endforeach()
endforeach()
if(violations EQUAL 0)
  message(STATUS "layering: reactor/, server/ and ctl/ keep the one-way rule")
endif()
