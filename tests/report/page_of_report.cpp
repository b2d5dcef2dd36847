// SPDX-License-Identifier: MIT
//
// JSON in, HTML out: what `headrace bench --html` does at the end of a run, without the run, so
// that the tests of the page can feed it any report. Used by tests/tool/report_*_test.py.
#include <cstdio>
#include <exception>
#include <iostream>
#include <iterator>
#include <string>

#include <nlohmann/json.hpp>

#include "bench/html_report.hpp"

int main() {
  const std::string text{std::istreambuf_iterator<char>{std::cin}, {}};
  try {
    std::cout << headrace::bench::html_report(nlohmann::ordered_json::parse(text));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "page_of_report: %s\n", error.what());
    return 1;
  }
  return std::cout.flush() ? 0 : 1;
}
