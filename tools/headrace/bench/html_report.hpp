// SPDX-License-Identifier: MIT
//
// The report of `headrace bench` as a page: one file that opens in a browser without a network.
//
// Made from the JSON report alone (docs/bench-schema.json), so that a page can also be made of a
// report that was measured elsewhere. Not here: measuring, and writing the file.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace headrace::bench {

/// `report`, of either kind, as a self-contained HTML document with the report itself embedded.
/// Empty when this build has no HTML report.
[[nodiscard]] std::string html_report(const nlohmann::ordered_json& report);

}  // namespace headrace::bench
