// SPDX-License-Identifier: MIT
//
// Tap: a look at a load while it runs, from another thread. The load pays for it only when somebody
// asks: a flag is read once a batch of events.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include "bench/histogram.hpp"

namespace headrace::bench {

class Tap {
 public:
  /// What the load knows; `latency` and counts are of the window so far.
  struct Look {
    std::uint64_t messages = 0;
    std::uint64_t errors = 0;
    Histogram latency;
  };

  /// By the load, whenever it comes by.
  void offer(std::uint64_t messages, std::uint64_t errors, const Histogram& latency) {
    if (!wanted_.load(std::memory_order_relaxed)) return;
    const std::scoped_lock lock{mutex_};
    look_.messages = messages;
    look_.errors = errors;
    look_.latency = latency;
    wanted_.store(false, std::memory_order_relaxed);
  }

  /// By whoever looks: the last answer, and a question for the next time.
  [[nodiscard]] Look look() {
    wanted_.store(true, std::memory_order_relaxed);
    const std::scoped_lock lock{mutex_};
    return look_;
  }

 private:
  std::atomic<bool> wanted_{false};
  std::mutex mutex_;
  Look look_;
};

}  // namespace headrace::bench
