# SPDX-License-Identifier: MIT
#
# The program `headrace`, left at the top of the build directory. Its files but main.cpp are objects of
# their own, so that tests can call what the program is made of.

file(GLOB_RECURSE program_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/headrace/*.cpp)
set(program_main ${PROJECT_SOURCE_DIR}/tools/headrace/main.cpp)
if(NOT EXISTS ${program_main})
  message(STATUS "No tools/headrace/main.cpp: the program is not built")
  return()
endif()
list(REMOVE_ITEM program_sources ${program_main})

find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libedit REQUIRED IMPORTED_TARGET libedit)

add_library(headrace_program_objects OBJECT ${program_sources})
target_include_directories(headrace_program_objects PUBLIC
  ${PROJECT_SOURCE_DIR}/tools/headrace ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(headrace_program_objects PUBLIC HEADRACE_VERSION="${PROJECT_VERSION}")
target_link_libraries(headrace_program_objects PUBLIC
  headrace fmt::fmt spdlog::spdlog nlohmann_json::nlohmann_json CLI11::CLI11 PkgConfig::libedit)

# Under sanitizers the program is not optimized: CLI11 and JSON alone would take minutes.
if(HEADRACE_SANITIZE)
  target_compile_options(headrace_program_objects PRIVATE -O0)
endif()
headrace_precompile(headrace_program_objects <fmt/format.h> <nlohmann/json.hpp>)

add_executable(headrace_program ${program_main})
target_link_libraries(headrace_program PRIVATE headrace_program_objects)
set_target_properties(headrace_program PROPERTIES
  OUTPUT_NAME headrace
  RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
# The library inside it is optimized as a whole; its own files, of which CLI11 and JSON are the bulk, are not: that
# would take longer than everything else together, and nothing hot is in them.
headrace_link_optimized(headrace_program)
add_dependencies(product headrace_program)
