// SPDX-License-Identifier: MIT
//
// The limit is shared out evenly among all turns that are left, anew before every round.
#include "bench/compare/time_plan.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace headrace::bench {

TimePlan::TimePlan(const Asked& asked, std::vector<std::size_t> turns)
    : asked_{asked}, turns_{std::move(turns)} {}

std::size_t TimePlan::turns_after(std::size_t nth) const noexcept {
  const auto first = turns_.begin() + static_cast<std::ptrdiff_t>(std::min(nth, turns_.size()));
  return std::accumulate(first, turns_.end(), std::size_t{0});
}

TimePlan::Time TimePlan::estimate() const noexcept {
  const Time each = asked_.round.value_or(kUsual) + kGuess;
  const Time all = each * static_cast<Time::rep>(turns_after(0) * asked_.rounds);
  if (!asked_.within) return all;
  return asked_.round ? std::min(all, *asked_.within) : *asked_.within;
}

void TimePlan::learn(Time whole, Time round) noexcept {
  now_.add(std::max(whole - round, Time{0}));
  all_.add(std::max(whole - round, Time{0}));
}

std::optional<TimePlan::Time> TimePlan::next_round(std::size_t nth, unsigned done, Time passed) {
  // What the last round showed holds for the rest of its case; for those to come, what all showed.
  const Time beside = now_.mean().value_or(kGuess);
  const Time beside_later = all_.mean().value_or(kGuess);
  now_ = {};
  if (done >= asked_.rounds) return std::nullopt;
  if (!asked_.within) return asked_.round.value_or(kUsual);

  const auto here = static_cast<Time::rep>(turns_.at(nth));
  const auto later = static_cast<Time::rep>(turns_after(nth + 1));
  if (here + later == 0) return kShortest;
  const Time left = std::max(*asked_.within - passed, Time{0});
  // As many of the shortest rounds as would fit, the same number here and in the cases that follow.
  const Time round_here = (kShortest + beside) * here;
  const Time round_later = (kShortest + beside_later) * later;
  const auto fitting = (left + round_here * done) / (round_here + round_later);
  const auto rounds = static_cast<unsigned>(
      std::clamp<Time::rep>(fitting, 1, static_cast<Time::rep>(asked_.rounds)));
  if (done >= rounds) return std::nullopt;
  const auto turns_here = static_cast<Time::rep>(rounds - done) * here;
  const auto turns_later = static_cast<Time::rep>(rounds) * later;
  const Time to_measure = left - beside * turns_here - beside_later * turns_later;
  const Time each = std::max(to_measure / (turns_here + turns_later), kShortest);
  const Time whole = std::chrono::floor<std::chrono::milliseconds>(each);
  return asked_.round ? std::min(whole, *asked_.round) : whole;
}

}  // namespace headrace::bench
