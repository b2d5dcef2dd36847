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

}  // namespace
}  // namespace headrace::bench
