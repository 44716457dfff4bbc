# What `cmake --install` copies and CPack packages, in two components: echogw, the gateway as a
# system service, and echogwctl, its command line. deploy/package.sh builds the packages.
include(GNUInstallDirs)
# Tests are not installed, so they need not be built for it.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)

# The target `dist` makes what the binaries describe themselves: manual pages, shell completions and
# the default configuration. Without it only the rest is installed.
set(dist ${CMAKE_BINARY_DIR}/dist)
set(units ${PROJECT_SOURCE_DIR}/deploy/systemd)
find_program(ECHOGW_HELP2MAN help2man)
add_custom_target(dist
  COMMAND ${CMAKE_COMMAND} -E make_directory ${dist}/completions
  COMMAND ${PROJECT_SOURCE_DIR}/deploy/default-config.sh $<TARGET_FILE:echogw> ${dist}/echogw.toml
  COMMAND ${ECHOGW_HELP2MAN} --section=8 --no-info --version-string=${PROJECT_VERSION}
          --name=${PROJECT_DESCRIPTION} --output=${dist}/echogw.8 $<TARGET_FILE:echogw>
  COMMAND echogwctl completion bash > ${dist}/completions/echogwctl
  COMMAND echogwctl completion zsh > ${dist}/completions/_echogwctl
  COMMAND echogwctl completion fish > ${dist}/completions/echogwctl.fish
  COMMENT "Writing manual pages, completions and the default configuration")
add_dependencies(dist man)

install(TARGETS echogw COMPONENT echogw)
install(FILES ${dist}/echogw.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT echogw OPTIONAL)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/echogw RENAME copyright
        COMPONENT echogw)
install(FILES ${units}/echogw.socket DESTINATION lib/systemd/system COMPONENT echogw)
# The unit names the binary and the configuration by their paths. A configuration that is there is
# kept.
install(CODE "
  set(root \"\$ENV{DESTDIR}\")
  file(READ \"${units}/echogw.service\" unit)
  string(REGEX REPLACE \"(Exec[A-Za-z]+)=/usr/local/\" \"\\\\1=\${CMAKE_INSTALL_PREFIX}/\" unit \"\${unit}\")
  set(config /etc/echogw/echogw.toml)
  if(EXISTS \"${dist}/echogw.toml\" AND NOT EXISTS \"\${root}\${config}\")
    file(INSTALL \"${dist}/echogw.toml\" DESTINATION /etc/echogw)  # adds DESTDIR itself
  endif()
  if(EXISTS \"\${root}\${config}\")
    string(REPLACE \"EnvironmentFile=\" \"Environment=ECHOGW_CONFIG=\${config}\\nEnvironmentFile=\"
           unit \"\${unit}\")
  endif()
  file(WRITE \"\${root}\${CMAKE_INSTALL_PREFIX}/lib/systemd/system/echogw.service\" \"\${unit}\")" COMPONENT echogw)

install(TARGETS echogwctl COMPONENT echogwctl)
install(DIRECTORY ${CMAKE_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
        COMPONENT echogwctl OPTIONAL FILES_MATCHING PATTERN "*.1")
install(FILES ${dist}/completions/echogwctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        COMPONENT echogwctl OPTIONAL)
install(FILES ${dist}/completions/_echogwctl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions
        COMPONENT echogwctl OPTIONAL)
install(FILES ${dist}/completions/echogwctl.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
        COMPONENT echogwctl OPTIONAL)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/echogwctl RENAME copyright
        COMPONENT echogwctl)

set(CPACK_COMPONENTS_ALL echogw echogwctl)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGE_CONTACT "echogw maintainers <maintainers@echogw.invalid>")
set(CPACK_STRIP_FILES ON)
# Some files have absolute paths (/etc).
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# Of two Debian releases the packages depend on different libraries.
if(EXISTS /etc/debian_version)
  file(STRINGS /etc/debian_version debian_version LIMIT_COUNT 1)
  string(REGEX MATCH "^[0-9]+" debian_version "${debian_version}")
  set(CPACK_DEBIAN_PACKAGE_RELEASE 1~deb${debian_version})
endif()
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_ECHOGW_PACKAGE_NAME echogw)
set(CPACK_DEBIAN_ECHOGWCTL_PACKAGE_NAME echogwctl)
set(CPACK_COMPONENT_ECHOGW_DESCRIPTION
"This package has the gateway, a system service. Its reactors, one pinned thread
each, echo every byte (RFC 862). Their number, load and lifecycle are changed at
run time over gRPC without losing a connection.")
set(CPACK_COMPONENT_ECHOGWCTL_DESCRIPTION
"This package has its command line: statistics, control, load generation and a
soak test, with completions for bash, zsh and fish.")
set(CPACK_DEBIAN_ECHOGW_PACKAGE_RECOMMENDS echogwctl)
set(debian ${PROJECT_SOURCE_DIR}/deploy/debian)
set(CPACK_DEBIAN_ECHOGW_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_ECHOGW_PACKAGE_CONTROL_EXTRA
    ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)
include(CPack)
