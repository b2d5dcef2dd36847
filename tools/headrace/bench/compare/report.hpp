// SPDX-License-Identifier: MIT
//
// A comparison's report: tables and sentences for a person, JSON for a program.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "bench/bench_command.hpp"
#include "bench/compare/contest.hpp"
#include "bench/environment.hpp"

namespace headrace::bench {

struct ComparisonReport {
  std::vector<Comparison> compare;
  unsigned rounds = 0;                             ///< asked for, of each case
  std::chrono::nanoseconds round{};                ///< length of one, where there is no limit
  std::optional<std::chrono::nanoseconds> within;  ///< the limit of all
  bool interrupted = false;
  Environment environment;
  std::vector<Group> groups;
};

/// Sum of the errors of all entries, and of entries that did not run to the end.
[[nodiscard]] std::uint64_t failures_in(const ComparisonReport& report);

[[nodiscard]] std::string to_table(const ComparisonReport& report);

/// An object as docs/bench-schema.json describes it, of the kind "comparison".
[[nodiscard]] nlohmann::ordered_json to_json(const ComparisonReport& report);

}  // namespace headrace::bench
