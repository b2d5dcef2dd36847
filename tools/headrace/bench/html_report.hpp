// SPDX-License-Identifier: MIT
//
// The report of `headrace bench` as a page: one file that opens in a browser without a network.
//
// Made from the JSON report alone (docs/bench-schema.json), so that a page can also be made of a
// report that was measured elsewhere. Not here: measuring, and writing the file.
#pragma once

#include <cstddef>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace headrace::bench {

/// What a page is to stay below, in bytes: it is sent by mail and opened on a phone.
inline constexpr std::size_t kPageLimit = 500'000;

/// `report`, of either kind, as a self-contained HTML document with the report itself embedded.
/// Empty when this build has no HTML report.
///
/// Of very many rounds the page keeps every second, fourth and so on, until it is small enough; its
/// JSON then says so in `thinned`. Medians and ranges are those of all rounds.
[[nodiscard]] std::string html_report(const nlohmann::ordered_json& report);

}  // namespace headrace::bench
