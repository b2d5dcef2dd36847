// SPDX-License-Identifier: MIT
//
// Verdict: who won a case, by how much, or that nobody can tell. Medians of rounds say how much,
// single rounds whether it is more than chance.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/compare/contest.hpp"

namespace headrace::bench {

/// Of a figure over the rounds: of an even number of values the mean of the middle two. Nothing
/// when no round has it.
struct Spread {
  std::optional<double> median, lowest, highest;
};
[[nodiscard]] Spread spread_of(std::span<const std::optional<double>> values);

/// A figure in all rounds of an entry.
[[nodiscard]] std::vector<std::optional<double>> values_of(const Entry& entry, std::size_t figure);

/// The median of a figure.
[[nodiscard]] std::optional<double> median_of(const Entry& entry, Figure figure);

/// How probable it is that chance alone makes at least `wins` of `rounds` go one way, when both are
/// equally good (the sign test).
[[nodiscard]] double chance_of(std::size_t wins, std::size_t rounds);

/// What came of a case.
struct Verdict {
  const Entry* first = nullptr;  ///< null: fewer than two could be compared
  const Entry* second = nullptr;
  bool is_clear = false;       ///< more than noise
  double ahead = 0;            ///< median over the rounds of first / second - 1
  double least = 0, most = 0;  ///< of single rounds
  std::string sentence;
};

/// Among those that left nobody waiting, ran to the end and made no errors.
/// What it says points into `group`.
[[nodiscard]] Verdict verdict_of(const Group& group);
Verdict verdict_of(Group&& group) = delete;

}  // namespace headrace::bench
