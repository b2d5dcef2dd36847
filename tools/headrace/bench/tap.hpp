// SPDX-License-Identifier: MIT
//
// Tap: a look at a load while it runs, from another thread. The load pays for it only when somebody
// asks: a flag is read once a batch of events.
//
// An answer is as old as its question: the load gives it when it next comes by, and keeps nothing
// up to date. So whoever looks asks a moment before, and finds in the answer when it was given.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "bench/histogram.hpp"

namespace headrace::bench {

class Tap {
 public:
  using Clock = std::chrono::steady_clock;

  /// What the load knew at `at`; counts and `latency` are from `began` on.
  struct Look {
    Clock::time_point began{}, at{};
    std::uint64_t messages = 0;
    std::uint64_t errors = 0;
    Histogram latency;
  };

  /// By the load, when it begins to count anew: at the warm-up, and again at the window.
  void begin() {
    const std::scoped_lock lock{mutex_};
    look_ = Look{};
    look_.began = look_.at = Clock::now();
  }

  /// By the load, whenever it comes by.
  void offer(std::uint64_t messages, std::uint64_t errors, const Histogram& latency) {
    if (!wanted_.load(std::memory_order_relaxed)) return;
    const std::scoped_lock lock{mutex_};
    look_.at = Clock::now();
    look_.messages = messages;
    look_.errors = errors;
    look_.latency = latency;
    wanted_.store(false, std::memory_order_relaxed);
  }

  /// By whoever looks: a question.
  void ask() noexcept { wanted_.store(true, std::memory_order_relaxed); }

  /// The last answer.
  [[nodiscard]] Look look() {
    const std::scoped_lock lock{mutex_};
    return look_;
  }

 private:
  std::atomic<bool> wanted_{false};
  std::mutex mutex_;
  Look look_;
};

/// What a load did between two looks, `earlier` and then `later`, of which the second may be of a
/// window that began meanwhile. 0 when no time passed.
[[nodiscard]] inline double rate_between(const Tap::Look& earlier, const Tap::Look& later) {
  const bool is_anew = earlier.began != later.began;
  const auto from = is_anew ? later.began : earlier.at;
  const double passed = std::chrono::duration<double>(later.at - from).count();
  const auto messages = later.messages - (is_anew ? 0 : earlier.messages);
  return passed > 0 ? static_cast<double>(messages) / passed : 0;
}

}  // namespace headrace::bench
