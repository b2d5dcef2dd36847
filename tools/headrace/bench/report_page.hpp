// SPDX-License-Identifier: MIT
//
// The HTML report's page as the build composes it from report/ and Chart.js: two texts, with the
// JSON between them. Not here: how the JSON is made safe to stand there (html_report.cpp).
#pragma once

#include <string_view>

namespace headrace::bench {

extern const std::string_view kPageBeforeJson;
extern const std::string_view kPageAfterJson;

}  // namespace headrace::bench
