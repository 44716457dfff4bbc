# source_files(<out> <root> <extension>...): the project's own files with these extensions, as
# paths below the root. Git's list where there is a checkout, so that build folders do not count;
# in an unpacked archive, what lies in the project's folders. Fails when there are none.
function(source_files out root)
  set(files "")
  if(EXISTS "${root}/.git")
    list(TRANSFORM ARGN PREPEND "*." OUTPUT_VARIABLE patterns)
    # A fresh container may own the checkout as another user, which git refuses by default.
    execute_process(COMMAND git -c safe.directory=* ls-files -- ${patterns}
                    WORKING_DIRECTORY "${root}" OUTPUT_VARIABLE listed RESULT_VARIABLE rc
                    OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(rc EQUAL 0)
      string(REPLACE "\n" ";" files "${listed}")
    endif()
  endif()
  if(NOT files)
    foreach(extension IN LISTS ARGN)
      foreach(folder IN ITEMS reactor server ctl proto deploy tests)
        file(GLOB_RECURSE found RELATIVE "${root}" "${root}/${folder}/*.${extension}")
        list(APPEND files ${found})
      endforeach()
    endforeach()
  endif()
  # A file that was deleted and not yet committed is still in git's list.
  set(present "")
  foreach(file IN LISTS files)
    if(EXISTS "${root}/${file}")
      list(APPEND present "${file}")
    endif()
  endforeach()
  if(NOT present)
    message(FATAL_ERROR "no ${ARGN} file found in ${root}: nothing was checked")
  endif()
  set(${out} ${present} PARENT_SCOPE)
endfunction()
