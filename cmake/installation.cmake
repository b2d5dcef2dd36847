# SPDX-License-Identifier: MIT
#
# What `make install` leaves behind. Nothing in it names the prefix, so the tree may be moved afterwards.

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/headrace)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/headrace DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp")

# One export file a library: a prefix with only one of them (as distributions split them) still works.
set_target_properties(headrace PROPERTIES EXPORT_NAME static)
install(TARGETS headrace EXPORT headrace-static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT headrace-static NAMESPACE headrace:: DESTINATION ${package_dir})
if(TARGET headrace_shared)
  set_target_properties(headrace_shared PROPERTIES EXPORT_NAME shared)
  install(TARGETS headrace_shared EXPORT headrace-shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT headrace-shared NAMESPACE headrace:: DESTINATION ${package_dir})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/headrace-config.cmake.in headrace-config.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(headrace-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/headrace-config.cmake ${PROJECT_BINARY_DIR}/headrace-config-version.cmake
  DESTINATION ${package_dir})

# pkg-config finds the prefix from where headrace.pc lies.
cmake_path(SET pkgconfig_dir NORMALIZE /${CMAKE_INSTALL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH pkgconfig_dir BASE_DIRECTORY / OUTPUT_VARIABLE pkgconfig_dir)
file(RELATIVE_PATH prefix_from_pkgconfig /${pkgconfig_dir} /)
string(REGEX REPLACE "/$" "" prefix_from_pkgconfig "${prefix_from_pkgconfig}")
configure_file(${PROJECT_SOURCE_DIR}/cmake/headrace.pc.in headrace.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/headrace.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET headrace_program)
  install(TARGETS headrace_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  file(GLOB manual_pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.1)
  install(FILES ${manual_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  set(completions ${PROJECT_SOURCE_DIR}/completions)
  install(FILES ${completions}/headrace.bash OPTIONAL
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME headrace)
  install(FILES ${completions}/_headrace OPTIONAL DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${completions}/headrace.fish OPTIONAL DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
