# The gates over the source text, as ctest cases with the label `lint`.
# Each script can also be run by hand: cmake -DROOT=. -P tests/lint/format.cmake

# echogw_lint(<name> <script> [-D...])
function(echogw_lint name script)
  add_test(NAME lint/${name} COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR} ${ARGN}
                                     -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/${script})
  set_tests_properties(lint/${name} PROPERTIES LABELS lint TIMEOUT 120
                       SKIP_REGULAR_EXPRESSION "^SKIP: ")
endfunction()

find_program(ECHOGW_LINT_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
foreach(check IN ITEMS layers types lengths classes)
  add_test(NAME lint/${check}
           COMMAND ${ECHOGW_LINT_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/lint/walls.py ${check}
                   --root ${PROJECT_SOURCE_DIR})
endforeach()
add_test(NAME lint/walls_can_fail COMMAND ${ECHOGW_LINT_PYTHON} -m unittest walls_test
         WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR}/lint)
set_tests_properties(lint/layers lint/types lint/lengths lint/classes lint/walls_can_fail
                     PROPERTIES LABELS lint TIMEOUT 120 ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
echogw_lint(format lint/format.cmake)
echogw_lint(scripts lint/scripts.cmake)

# Every header compiles alone. One that its own source includes first does so in every build; for the
# others there is one generated source each, built on demand by the target check_headers (and by the
# case lint/headers), never linked.
add_custom_target(check_headers)
function(echogw_check_headers folder library)
  if(NOT TARGET ${library})
    return()
  endif()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
       ${PROJECT_SOURCE_DIR}/${folder}/*.h)
  set(sources "")
  foreach(header IN LISTS headers)
    file(STRINGS ${PROJECT_SOURCE_DIR}/${header} once REGEX "^#pragma once$" LIMIT_COUNT 1)
    if(NOT once)
      message(FATAL_ERROR "${header} has no #pragma once")
    endif()
    string(REGEX REPLACE "\\.h$" ".cc" own ${header})
    set(first "")
    if(EXISTS ${PROJECT_SOURCE_DIR}/${own})
      file(STRINGS ${PROJECT_SOURCE_DIR}/${own} first REGEX "^#include" LIMIT_COUNT 1)
    endif()
    if(first STREQUAL "#include \"${header}\"")
      continue()
    endif()
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${header}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"@header@\"\n" @ONLY)
    list(APPEND sources ${source})
  endforeach()
  if(NOT sources)
    return()
  endif()
  add_library(check_headers_${folder} OBJECT EXCLUDE_FROM_ALL ${sources})
  target_include_directories(check_headers_${folder} PRIVATE ${PROJECT_SOURCE_DIR})
  target_include_directories(check_headers_${folder} PRIVATE
                             $<TARGET_PROPERTY:${library},INCLUDE_DIRECTORIES>)
  target_compile_definitions(check_headers_${folder} PRIVATE
                             $<TARGET_PROPERTY:${library},COMPILE_DEFINITIONS>)
  target_link_libraries(check_headers_${folder} PRIVATE ${library} echogw_warnings)
  # Nothing runs: the cheapest code will do, and clang-tidy reads headers through their users.
  target_compile_options(check_headers_${folder} PRIVATE -O0 -g0)
  set_target_properties(check_headers_${folder} PROPERTIES CXX_CLANG_TIDY "")
  add_dependencies(check_headers check_headers_${folder})
endfunction()
echogw_check_headers(reactor echogw_reactor)
echogw_check_headers(server echogw_server)
echogw_check_headers(ctl echogw_ctl)
add_test(NAME lint/headers COMMAND ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR}
                                   --target check_headers)
set_tests_properties(lint/headers PROPERTIES LABELS lint TIMEOUT 600)
