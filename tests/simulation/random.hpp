// SPDX-License-Identifier: MIT
//
// Chance from a seed: the same numbers in the same order on every machine and with every compiler,
// which the standard's distributions do not promise. Not for anything that must not be guessed.
#pragma once

#include <cstdint>

namespace headrace::simulation {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_{seed * 0x9E3779B97F4A7C15U + 0x1234567U} {
    for (int turn = 0; turn < 4; ++turn) (void)next();  // neighbouring seeds part ways
  }

  std::uint64_t next() noexcept {
    // A linear congruence, with its weak low bits folded away.
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    const std::uint64_t high = state_ ^ (state_ >> 29);
    return (high * 0xBF58476D1CE4E5B9U) >> 8;
  }

  /// From 0 to `bound` - 1; 0 for a bound of 0.
  std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }
  /// From `least` to `most`, both included.
  std::int64_t between(std::int64_t least, std::int64_t most) noexcept {
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least) + 1));
  }
  /// One time in so many; never for 0.
  bool one_in(std::uint64_t many) noexcept { return many != 0 && below(many) == 0; }
  /// Mostly small, sometimes large: as sizes and pauses are.
  std::int64_t up_to(std::int64_t most) noexcept {
    std::int64_t limit = most;
    for (auto halvings = below(12); halvings != 0 && limit > 2; --halvings) limit /= 2;
    return between(1, limit < 1 ? 1 : limit);
  }

 private:
  std::uint64_t state_;
};

}  // namespace headrace::simulation
