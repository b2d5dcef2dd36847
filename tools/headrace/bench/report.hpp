// SPDX-License-Identifier: MIT
//
// BenchReport: what a load on one server found out, for people and for programs.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "bench/environment.hpp"
#include "bench/measure.hpp"

namespace headrace::bench {

struct BenchReport {
  Plan plan;
  std::size_t connections_asked = 0;
  Measurement measurement;
  Environment environment;
};

/// "2 reset, 1 missing"; "none" when there were none.
[[nodiscard]] std::string to_text(const Problems& problems);

/// A table of one screen, with units.
[[nodiscard]] std::string to_table(const BenchReport& report);

/// An object as docs/bench-schema.json describes it, of the kind "load".
[[nodiscard]] nlohmann::ordered_json to_json(const BenchReport& report);

// What both kinds of report are made of.

/// {"reset": 2}: only what happened.
[[nodiscard]] nlohmann::ordered_json to_json(const Problems& problems);

/// "1,234,567"
[[nodiscard]] std::string grouped(double number);

/// "12.3 MB"
[[nodiscard]] std::string of_bytes(double bytes);

/// "812.3 us", from microseconds.
[[nodiscard]] std::string of_time(double us);

}  // namespace headrace::bench
