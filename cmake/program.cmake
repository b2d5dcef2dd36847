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

# The page of the HTML report, with Chart.js inside it: the file that the program writes needs nothing else.
find_file(HEADRACE_CHART_JS chart.min.js PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist
  NO_DEFAULT_PATH DOC "Chart.js 3, which becomes part of the report of headrace bench --html")
if(NOT HEADRACE_CHART_JS)
  message(FATAL_ERROR "headrace draws the charts of its HTML report with Chart.js 3, which is not here. Install it "
    "(Debian: apt-get install libjs-chart.js), or name the file: -DHEADRACE_CHART_JS=/where/it/is/chart.min.js")
endif()
file(STRINGS ${HEADRACE_CHART_JS} chart_js_banner LIMIT_COUNT 5 REGEX "Chart\\.js v")
if(NOT chart_js_banner MATCHES "Chart\\.js v3\\.")
  message(WARNING "${HEADRACE_CHART_JS} does not call itself Chart.js v3: the charts of the HTML report may stay empty")
endif()
set(report_directory ${PROJECT_SOURCE_DIR}/tools/headrace/bench/report)
set(report_page ${PROJECT_BINARY_DIR}/report_page.cpp)
file(GLOB report_parts CONFIGURE_DEPENDS ${report_directory}/*)
add_custom_command(OUTPUT ${report_page}
  COMMAND ${CMAKE_COMMAND} -DREPORT=${report_directory} -DCHART_JS=${HEADRACE_CHART_JS} -DOUTPUT=${report_page}
    -P ${PROJECT_SOURCE_DIR}/cmake/embed_report.cmake
  DEPENDS ${report_parts} ${HEADRACE_CHART_JS} ${PROJECT_SOURCE_DIR}/cmake/embed_report.cmake
  COMMENT "Composing the page of the HTML report" VERBATIM)

add_library(headrace_program_objects OBJECT ${program_sources} ${report_page})
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
