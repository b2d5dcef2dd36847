# SPDX-License-Identifier: MIT
#
# Composes the page of the HTML report and writes it as C++. Run by the build:
#
#   cmake -DREPORT=tools/headrace/bench/report -DCHART_JS=/usr/share/javascript/chart.js/chart.min.js
#         -DOUTPUT=report_page.cpp -P embed_report.cmake
#
# Lines {{NAME}} of page.html are replaced by the file NAME; {{json}} is where the program puts the figures, so the
# page becomes two texts: what comes before and what comes after.

# A file as it may stand inside <script> or <style>.
function(read_inlined path result)
  file(READ "${path}" content)
  # These would end the element, or change how the rest is read.
  string(TOLOWER "${content}" lower)
  foreach(forbidden "</script" "</style" "<!--")
    string(FIND "${lower}" "${forbidden}" at)
    if(NOT at EQUAL -1)
      message(FATAL_ERROR "${path} contains '${forbidden}' and cannot stand inside a page as it is")
    endif()
  endforeach()
  # A map of the source would be looked for beside the page.
  string(REGEX REPLACE "\n?//# sourceMappingURL=[^\n]*" "" content "${content}")
  set(${result} "${content}" PARENT_SCOPE)
endfunction()

# One raw literal: g++ and clang++ set no limit to its length. Cut into pieces it could be cut inside a character.
function(write_literal name text)
  file(APPEND "${OUTPUT}" "const std::string_view ${name} = R\"headrace_page(${text})headrace_page\"sv;\n")
endfunction()

file(READ "${REPORT}/page.html" page)
foreach(name style.css figures.js drawing.js page.js)
  read_inlined("${REPORT}/${name}" content)
  string(REPLACE "{{${name}}}" "${content}" page "${page}")
endforeach()
read_inlined("${CHART_JS}" content)
string(REPLACE "{{chart.js}}" "${content}" page "${page}")

string(FIND "${page}" "{{json}}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "${REPORT}/page.html has no place for {{json}}")
endif()
string(SUBSTRING "${page}" 0 ${at} before)
math(EXPR at "${at} + 8")
string(SUBSTRING "${page}" ${at} -1 after)

file(WRITE "${OUTPUT}" "// Made by cmake/embed_report.cmake from tools/headrace/bench/report and Chart.js (MIT licence).
#include \"bench/report_page.hpp\"

namespace headrace::bench {

using namespace std::string_view_literals;

")
write_literal(kPageBeforeJson "${before}")
write_literal(kPageAfterJson "${after}")
file(APPEND "${OUTPUT}" "
}  // namespace headrace::bench
")
