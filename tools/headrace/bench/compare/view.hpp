// SPDX-License-Identifier: MIT
//
// CompareView: what a person sees while a comparison runs. On a terminal the table of the case that
// is measured, filling up; elsewhere a line a round.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "bench/compare/contest.hpp"
#include "bench/screen.hpp"

namespace headrace::bench {

class CompareView {
 public:
  /// `turns`: measurements that there will be in all.
  explicit CompareView(std::size_t turns) : turns_{turns}, began_{Clock::now()} {}

  /// `entry` of `group` is measured next.
  void before(const Group& group, const Entry& entry, std::size_t round, std::size_t rounds);
  /// It was; or it failed.
  void after(const Group& group, const Entry& entry, std::size_t round, std::size_t rounds);
  /// `turns` will not be taken.
  void skip(std::size_t turns) { turns_ -= turns; }
  void end() { screen_.clear(); }

 private:
  using Clock = std::chrono::steady_clock;
  void draw(const Group& group, const Entry& now, std::size_t round, std::size_t rounds);
  [[nodiscard]] std::string head(const Group& group, std::size_t round, std::size_t rounds) const;

  Screen screen_;
  std::size_t turns_;
  std::size_t done_ = 0;
  Clock::time_point began_;
};

}  // namespace headrace::bench
