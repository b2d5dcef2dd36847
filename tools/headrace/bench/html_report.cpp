// SPDX-License-Identifier: MIT
//
// Puts a report's JSON into the page that the build has composed. The page does the rest, in the
// browser: which charts, which tables. See report/page.js.
#include "bench/html_report.hpp"

#include <array>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "bench/report_page.hpp"

namespace headrace::bench {

namespace {

// What could end the <script> around the JSON, or begin something in it: "</script>", "<!--". JSON
// has these characters inside strings only, and there it may spell them as numbers; whoever reads
// the JSON gets them back.
constexpr std::array<std::pair<char, std::string_view>, 3> kSpelled = {
    {{'<', "\\u003c"}, {'>', "\\u003e"}, {'&', "\\u0026"}}};

std::string fit_for_script(std::string_view json) {
  std::string fit;
  fit.reserve(json.size() + json.size() / 16);
  for (const char character : json) {
    std::string_view spelled{&character, 1};
    for (const auto& [special, text] : kSpelled)
      if (character == special) spelled = text;
    fit += spelled;
  }
  return fit;
}

}  // namespace

std::string html_report(const nlohmann::ordered_json& report) {
  using Json = nlohmann::ordered_json;
  // A name from a command line need not be UTF-8: what is not becomes U+FFFD, as in a terminal.
  const std::string json = report.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string page{kPageBeforeJson};
  page += fit_for_script(json);
  page += kPageAfterJson;
  return page;
}

}  // namespace headrace::bench
