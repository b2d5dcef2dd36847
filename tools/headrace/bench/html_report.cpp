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

using Json = nlohmann::ordered_json;

// What could end the <script> around the JSON, or begin something in it: "</script>", "<!--". JSON
// has these characters inside strings only, and there it may spell them as numbers; whoever reads
// the JSON gets them back.
constexpr std::array<std::pair<char, std::string_view>, 3> kSpelled = {
    {{'<', "\\u003c"}, {'>', "\\u003e"}, {'&', "\\u0026"}}};

std::string fit_for_script(const Json& report) {
  // A name from a command line need not be UTF-8: what is not becomes U+FFFD, as in a terminal.
  const std::string json = report.dump(-1, ' ', false, Json::error_handler_t::replace);
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

// Leaves every second of the rounds in each spread. False when there was none to leave out.
bool halve_rounds(Json& value) {
  bool halved = false;
  for (auto& [key, member] : value.items()) {
    if (key != "rounds" || !member.is_array()) {
      if (member.is_structured()) halved = halve_rounds(member) || halved;
      continue;
    }
    if (member.size() < 2) continue;
    Json kept = Json::array();
    for (std::size_t nth = 0; nth < member.size(); nth += 2) kept.push_back(std::move(member[nth]));
    member = std::move(kept);
    halved = true;
  }
  return halved;
}

}  // namespace

std::string html_report(const Json& report) {
  std::string json = fit_for_script(report);
  Json smaller = report;
  const std::size_t around = kPageBeforeJson.size() + kPageAfterJson.size();
  for (std::size_t each = 2; around + json.size() >= kPageLimit && halve_rounds(smaller);
       each *= 2) {
    smaller["thinned"] = each;
    json = fit_for_script(smaller);
  }
  std::string page{kPageBeforeJson};
  page += json;
  page += kPageAfterJson;
  return page;
}

}  // namespace headrace::bench
