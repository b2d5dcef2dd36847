// SPDX-License-Identifier: MIT
//
// Contest: what a comparison compares. A case says what traffic there is; under each case every
// contestant is measured, in rounds.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/bench_command.hpp"
#include "bench/figures.hpp"
#include "headrace/model.hpp"

namespace headrace::bench {

/// The traffic of one case.
struct Case {
  Comparison comparison;
  std::size_t connections;
  std::size_t active;
  std::size_t size;
  std::size_t in_flight;
  std::uint64_t churn;  ///< 0: connections stay open
};

/// A server under a case, and what was measured of it.
struct Entry {
  std::string name;                  ///< "epoll-edge", "epoll-edge x2"
  const ModelInfo* model = nullptr;  ///< null: a rival
  std::string command;               ///< of a rival
  std::optional<unsigned> workers;   ///< absent: the model's default

  std::vector<std::optional<Figures>> rounds;  ///< nothing where a round failed
  std::uint64_t messages = 0;                  ///< in all
  std::size_t waiting = 0;                     ///< never answered, in the worst round
  Problems problems;
  std::string failure;  ///< why it could not go on; "" when it could

  [[nodiscard]] std::size_t measured() const noexcept;
};

struct Group {
  Case what;
  std::vector<Entry> entries;
  std::vector<std::chrono::nanoseconds> rounds{};  ///< lengths of those that were begun
};

/// The cases that `options` ask for, in order, with an entry for each contestant. One that cannot
/// run here has a `failure` from the beginning.
[[nodiscard]] std::vector<Group> groups_of(const BenchOptions& options, std::size_t cores);

/// "100 connections, 64 B"; "churn: 10 connections at a time, 1 message each, 64 B".
[[nodiscard]] std::string to_text(const Case& what);

/// What decides: connections a second in a case of churn, else messages a second.
[[nodiscard]] Figure deciding_figure(const Case& what) noexcept;

}  // namespace headrace::bench
