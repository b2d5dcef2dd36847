// SPDX-License-Identifier: MIT
//
// TimePlan: how long the rounds of a comparison are. Without a limit as long as was asked; with one
// (--within) as long as fits, and where even short ones do not fit, fewer. What a turn takes beside
// its measurement (starting the server, opening the connections) is learned on the way: it differs
// from machine to machine and from case to case. Pure arithmetic: no clock is read here.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

namespace headrace::bench {

class TimePlan {
 public:
  using Time = std::chrono::nanoseconds;

  struct Asked {
    unsigned rounds = 5;         ///< of each case
    std::optional<Time> round;   ///< the length of one; with a limit the longest
    std::optional<Time> within;  ///< all of it
  };
  static constexpr Time kUsual = std::chrono::milliseconds{500};    ///< where no length was asked
  static constexpr Time kShortest = std::chrono::milliseconds{50};  ///< that a limit makes of it

  /// `turns`: of each case, how many servers are measured in a round.
  TimePlan(const Asked& asked, std::vector<std::size_t> turns);

  /// What all will take, as far as it is known before the start.
  [[nodiscard]] Time estimate() const noexcept;

  /// The length of the next round of case `nth`, of which `done` have been measured, when `passed`
  /// has gone by in all; nothing when no further round is to be. Each case gets one at least.
  [[nodiscard]] std::optional<Time> next_round(std::size_t nth, unsigned done, Time passed);

  /// Whether a turn of a case of which `done` rounds are complete is one too many when `passed` has
  /// gone by: turns took longer than was learned. The first round of a case is measured whole.
  [[nodiscard]] bool is_used_up(unsigned done, Time passed) const noexcept {
    return done > 0 && asked_.within && passed >= *asked_.within;
  }

  /// A turn took `whole`, of which `round` was measured.
  void learn(Time whole, Time round) noexcept;

 private:
  [[nodiscard]] std::size_t turns_after(std::size_t nth) const noexcept;

  // What turns take beside their measurement.
  struct Beside {
    Time sum{};
    Time::rep count = 0;
    void add(Time time) noexcept {
      sum += time;
      ++count;
    }
    [[nodiscard]] std::optional<Time> mean() const noexcept {
      return count == 0 ? std::nullopt : std::optional{sum / count};
    }
  };
  static constexpr Time kGuess = std::chrono::milliseconds{150};  // before any was seen

  Asked asked_;
  std::vector<std::size_t> turns_;
  Beside now_;  // the turns since the last round began
  Beside all_;
};

}  // namespace headrace::bench
