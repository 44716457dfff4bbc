# Proves that layering.cmake can fail: plants one violation of each kind in a tree of its own and
# expects it to be refused by name, and a tree without one to pass.
# Usage: cmake -DSCRIPT=<layering.cmake> -DSCRATCH=<folder to write in> -P layering_canary.cmake
cmake_minimum_required(VERSION 3.25)

# check(<pass|fail> <folder> <include line> [<name that the error must hold>])
function(check expected folder line name)
  file(REMOVE_RECURSE "${SCRATCH}")
  foreach(each IN ITEMS reactor server ctl)
    file(WRITE "${SCRATCH}/${each}/fine.h" "#pragma once\n#include <vector>\n")
  endforeach()
  file(WRITE "${SCRATCH}/reactor/more.cc"
       "#include <sys/epoll.h>\n#include <cstdint>\n#include \"absl/status/status.h\"\n"
       "#include \"reactor/fine.h\"\nint a[2];\n")
  file(WRITE "${SCRATCH}/server/more.cc"
       "#include <grpcpp/grpcpp.h>\n#include \"reactor/fine.h\"\n")
  file(WRITE "${SCRATCH}/ctl/more.cc" "#include \"ctl/fine.h\"\n#include <CLI/CLI.hpp>\n")
  file(APPEND "${SCRATCH}/${folder}/more.cc" "${line}\n")
  execute_process(COMMAND "${CMAKE_COMMAND}" -DROOT=${SCRATCH} -P "${SCRIPT}"
                  RESULT_VARIABLE rc OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(expected STREQUAL "pass")
    if(NOT rc EQUAL 0)
      message(FATAL_ERROR "refused a clean tree (${folder}: ${line}):\n${out}")
    endif()
  else()
    # CMake folds long messages, so blanks and line ends are the same here.
    string(REGEX REPLACE "[ \n]+" " " out "${out}")
    if(rc EQUAL 0)
      message(FATAL_ERROR "let through in ${folder}: ${line}")
    elseif(NOT out MATCHES "${folder}/more.cc may not include ${name}")
      message(FATAL_ERROR "refused ${folder}: ${line}, but without naming it:\n${out}")
    endif()
  endif()
endfunction()

check(pass reactor "// #include <grpcpp/grpcpp.h>" "")
check(pass server "#include \"server/fine.h\"  // [a" "")
check(fail reactor "#include <grpcpp/grpcpp.h>" "grpcpp/grpcpp.h")
check(fail reactor "  #  include \"prometheus/registry.h\"" "prometheus/registry.h")
check(fail reactor "#include <spdlog/spdlog.h>" "spdlog/spdlog.h")
check(fail reactor "#include <openssl/ssl.h>" "openssl/ssl.h")
check(fail reactor "#include \"server/fine.h\"" "server/fine.h")
check(fail reactor "#include \"echogw/admin/v1/admin.pb.h\"" "echogw/admin/v1/admin.pb.h")
check(fail reactor "#include \"../server/fine.h\"" "../server/fine.h")
check(fail reactor "int b[1]; // [\n#include \"ctl/fine.h\"" "ctl/fine.h")
check(fail server "#include \"ctl/fine.h\"" "ctl/fine.h")
check(fail server "#include \"tests/support/fake.h\"" "tests/support/fake.h")
check(fail ctl "#include \"reactor/fine.h\"" "reactor/fine.h")
check(fail ctl "#include <server/fine.h>" "server/fine.h")

file(REMOVE_RECURSE "${SCRATCH}/server")
execute_process(COMMAND "${CMAKE_COMMAND}" -DROOT=${SCRATCH} -P "${SCRIPT}"
                RESULT_VARIABLE rc OUTPUT_QUIET ERROR_QUIET)
if(rc EQUAL 0)
  message(FATAL_ERROR "a tree without server/ passed: a wrong ROOT would go unnoticed")
endif()
file(REMOVE_RECURSE "${SCRATCH}")
