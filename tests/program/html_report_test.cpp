// SPDX-License-Identifier: MIT
//
// What a JSON text that a test in Python can write cannot hold: names that are no UTF-8. The page
// itself is tested in tests/tool/report_test.py.
#include "bench/html_report.hpp"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace headrace::bench {
namespace {

TEST(HtmlReport, bytes_that_are_no_utf8_become_replacement_characters) {
  const std::string page = html_report({{"kind", "load"}, {"address", "unix:/tmp/\xff\xfe<b>"}});
  EXPECT_NE(page.find(R"("address":"unix:/tmp/��\u003cb\u003e")"), std::string::npos);
}

// As `bench --compare connections,churn --rounds 2000` measures it: figures of all lengths.
TEST(HtmlReport, thins_out_the_rounds_of_a_report_that_is_too_long) {
  nlohmann::ordered_json rounds = nlohmann::ordered_json::array();
  for (int round = 0; round < 2000; ++round) rounds.push_back(1e6 / (round + 3));
  nlohmann::ordered_json report{{"kind", "comparison"}, {"rounds", 2000}};
  for (int entry = 0; entry < 44; ++entry)
    report["results"].push_back({{"name", "epoll-edge"},
                                 {"rounds", 2000},
                                 {"spread",
                                  {{"messages_per_second", {{"rounds", rounds}}},
                                   {"latency_us", {{"p50", {{"rounds", rounds}}}}}}}});
  const std::string page = html_report(report);
  EXPECT_LT(page.size(), kPageLimit);
  EXPECT_NE(page.find(R"("thinned":)"), std::string::npos);
  EXPECT_NE(page.find(R"("rounds":2000,"spread")"), std::string::npos);
}

}  // namespace
}  // namespace headrace::bench
