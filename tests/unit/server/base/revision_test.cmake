# Goal: a binary names the revision that it was built from, with and without git.
# Method: the script of the build, over a checkout made here.
# Usage: cmake -DSCRIPT=<revision.cmake> -DSCRATCH=<folder> -P revision_test.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${SCRATCH})
file(MAKE_DIRECTORY ${SCRATCH}/checkout ${SCRATCH}/checkout/archive)
set(header ${SCRATCH}/revision.h)

# expect(<name> <root> <given> <wanted>): `wanted` is a pattern, or FAIL.
function(expect name root given wanted)
  execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${root} -DREVISION=${given} -DOUT=${header}
                          -P ${SCRIPT} RESULT_VARIABLE rc ERROR_VARIABLE err)
  if(wanted STREQUAL "FAIL")
    if(rc EQUAL 0)
      message(SEND_ERROR "${name}: succeeded")
    endif()
    return()
  endif()
  file(READ ${header} text)
  if(NOT rc EQUAL 0 OR NOT text MATCHES "kRevision = \"${wanted}\";")
    message(SEND_ERROR "${name}: exit ${rc} ${err} ${text}")
  endif()
endfunction()

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${SCRATCH}/checkout COMMAND_ERROR_IS_FATAL ANY
                  OUTPUT_QUIET)
endfunction()

set(git git -c user.name=test -c user.email=test@localhost -c commit.gpgsign=false)
expect("nothing known" ${SCRATCH}/checkout "" "")
run(git init -q .)
expect("no commit yet" ${SCRATCH}/checkout "" "")
run(${git} commit -q --allow-empty -m first)
expect("of git" ${SCRATCH}/checkout "" "[0-9a-f]+")
file(READ ${header} first)
run(${git} commit -q --allow-empty -m second)
expect("after a commit" ${SCRATCH}/checkout "" "[0-9a-f]+")
file(READ ${header} second)
if(first STREQUAL second)
  message(SEND_ERROR "a commit did not change the revision")
endif()
expect("given" ${SCRATCH}/checkout "v1.2-3-gabc" "v1\\.2-3-gabc")
expect("an archive inside a checkout" ${SCRATCH}/checkout/archive "" "")
expect("no C++ gets in" ${SCRATCH}/checkout "x\"\;" FAIL)
